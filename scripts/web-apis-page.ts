import { readFileSync } from "node:fs";
import { CASES } from "../host-sdk/runner/conformance/cases.ts";
import { type Asked, GLOBALS, INTERFACES } from "../host-sdk/runner/conformance/surface.ts";

/** docs/web-apis.md: what ECMA-429 asks for beside what the isolate was found to have. */
export function webApisPage(note: string): string {
  const found = readFound();
  const count = Object.values(CASES).flat().length;
  return [
    "# Web APIs of plugins",
    note,
    "",
    "What [ECMA-429](https://ecma-international.org/publications-and-standards/standards/ecma-429/)",
    "(minimum common web API, 2025) asks for, and what a plugin finds. “Partial” names what is missing",
    "or different. Source: `host-sdk/runner/conformance/surface.ts` and `host-sdk/runner/globals.txt`,",
    "the list of all that plugin code can reach, which a test compares with a walk in the isolate.",
    "",
    `The ${count} cases, each a fact of a standard, run in the isolate, and in Node as a check of the`,
    "cases; all of them hold. Property tests compare URL, URLSearchParams, TextEncoder, TextDecoder,",
    "Headers, structuredClone, base64 and FormData with Node's own on generated input.",
    "",
    "Everywhere: a missing argument reads as `undefined` instead of being a TypeError; iterators are",
    "generators; globals and prototypes are frozen, except `RegExp.prototype`, which V8 matches about",
    "twenty times more slowly when it is.",
    "",
    "## Interfaces",
    "",
    "| interface | there | cases | missing, different, why |",
    "|---|---|---|---|",
    ...INTERFACES.map((asked) => row(asked, missingMembers(asked, found))),
    "",
    "## Globals",
    "",
    "| global | there | cases | different, why |",
    "|---|---|---|---|",
    ...GLOBALS.map((asked) => row(asked, [])),
    "",
  ].join("\n");
}

function row({ name, absent, differs }: Asked, missing: readonly string[]): string {
  const cases = CASES[name]?.length ?? "";
  if (absent !== undefined) return `| \`${name}\` | no | | ${absent} |`;
  const lacks =
    missing.length === 0 ? [] : [`without ${missing.map((key) => `\`${key}\``).join(", ")}`];
  const remarks = [...lacks, ...(differs === undefined ? [] : [differs])];
  return `| \`${name}\` | ${remarks.length === 0 ? "yes" : "partial"} | ${cases} | ${remarks.join("; ")} |`;
}

type Found = ReadonlyMap<string, readonly string[]>;

function readFound(): Found {
  const lines = readFileSync("host-sdk/runner/globals.txt", "utf8").trim().split("\n");
  return new Map(
    lines.map((line) => {
      const at = line.indexOf(": ");
      const members = line.slice(at + 2).split(" ");
      return [line.slice(0, at), members.map((member) => member.replace(/\(\)$|=$/, ""))];
    }),
  );
}

/** Members that neither the interface nor one that it inherits from has. */
function missingMembers(
  { name, members = "", absent, inherits = "" }: Asked,
  found: Found,
): string[] {
  if (absent !== undefined) return [];
  const has = new Set([
    ...(found.get(`${name}.prototype`) ?? []),
    ...(found.get(inherits) ?? []),
    ...(found.get(name) ?? []).map((member) => `.${member}`),
  ]);
  return members.split(" ").filter((member) => !has.has(member));
}
