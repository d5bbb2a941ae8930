import type { z } from "zod";
import type { Finding } from "./errors.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { suggest } from "./suggest.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** `a.b[0].c`, with names that are no identifiers in quotes. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const name = String(key);
    if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

/** Keys by the name under which their object stands; those of the root are under "". */
export type KnownKeys = Readonly<Record<string, readonly string[]>>;

/** One finding for each thing that is wrong. Of a union those of the branch that was meant. */
export function findingsOf(issues: readonly Issue[], known: KnownKeys): Finding[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return unknownKeys(issue, known);
    if (issue.code === "invalid_union") return unionFindings(issue, known);
    if (issue.code === "invalid_key") {
      return findingsOf(
        issue.issues.map((inner) => ({ ...inner, path: issue.path })),
        known,
      );
    }
    return [finding(issue)];
  });
}

function unknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, known: KnownKeys): Finding[] {
  const parent = issue.path.findLast((key) => typeof key === "string") ?? "";
  // A suggestion costs time, and of so many keys most are not listed.
  return issue.keys.slice(0, MANIFEST_LIMITS.findings + 1).map((key) => {
    const near = suggest(key, known[parent] ?? []);
    return {
      rule: "manifest_unknown_key",
      path: formatPath([...issue.path, key]),
      message: `${JSON.stringify(key)} is not a key of the manifest`,
      fix: near === null ? "Remove it" : `Did you mean ${JSON.stringify(near)}?`,
    };
  });
}

function unionFindings(issue: z.core.$ZodIssueInvalidUnion, known: KnownKeys): Finding[] {
  const isWrongType = (inner: Issue) => inner.code === "invalid_type" && inner.path.length === 0;
  const meant = issue.errors.find((branch) => !branch.some(isWrongType));
  if (meant === undefined) return [finding(issue)];
  return findingsOf(
    meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
    known,
  );
}

function finding(issue: Issue): Finding {
  const path = formatPath(issue.path);
  const message = `${path === "" ? "The manifest" : path} ${issue.message}`;
  return { ...ruleOf(issue), path, message };
}

function ruleOf(issue: Issue): { rule: string; fix: string } {
  if (issue.code === "custom") {
    return { rule: String(issue.params?.["rule"]), fix: String(issue.params?.["fix"]) };
  }
  if (issue.code === "invalid_type" || issue.code === "invalid_union") {
    const missing = issue.message === MISSING;
    return missing
      ? { rule: "manifest_missing_key", fix: `Add ${JSON.stringify(String(issue.path.at(-1)))}` }
      : { rule: "manifest_wrong_type", fix: "Write the value in the shape the message names" };
  }
  return {
    rule: "manifest_invalid_value",
    fix: nearOption(issue) ?? "Change the value to what the message names",
  };
}

function nearOption(issue: Issue): string | null {
  if (issue.code !== "invalid_value" || typeof issue.input !== "string") return null;
  const near = suggest(issue.input, issue.values.map(String));
  return near === null ? null : `Did you mean ${JSON.stringify(near)}?`;
}

const MISSING = "is missing";

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "text",
  array: "a list",
  object: "an object",
  record: "an object",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

/** Ends of sentences that begin with the path, for people who write manifests. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? MISSING
        : `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map((v) => JSON.stringify(v)).join(", ")}`;
    case "too_big":
      return `must be at most ${amount(issue.maximum, issue.origin)}`;
    case "too_small":
      return `must be at least ${amount(issue.minimum, issue.origin)}`;
    case "invalid_format":
      return `must be a valid ${issue.format}`;
    default:
      return "is not valid";
  }
}

function amount(limit: number | bigint, origin: string): string {
  const units: Readonly<Record<string, string>> = {
    string: " characters long",
    array: " items long",
  };
  return `${limit}${units[origin] ?? ""}`;
}
