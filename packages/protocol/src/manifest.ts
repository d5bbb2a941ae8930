import { z } from "zod";
import { parseJson } from "./encoding.ts";
import { RbsmError, type Finding } from "./errors.ts";
import { describeIssue, findingsOf, formatPath } from "./finding.ts";
import { BUNDLE_LIMITS, MANIFEST_LIMITS } from "./limits.ts";
import { KNOWN_KEYS, manifestSchema, type Manifest } from "./manifest-schema.ts";
import { isPermissionCode, PERMISSIONS, type Permission } from "./permissions.ts";

const JSON_LIMITS = {
  maxBytes: BUNDLE_LIMITS.manifestBytes,
  maxDepth: MANIFEST_LIMITS.depth,
  uniqueKeys: true,
  code: "manifest_invalid",
} as const;

/** A checked manifest or everything that is wrong with it. */
export interface ManifestCheck {
  readonly manifest: Manifest | null;
  readonly findings: readonly Finding[];
}

/** Checks a JSON value as a manifest. Gives every finding at once and never throws. */
export function checkManifest(value: unknown): ManifestCheck {
  try {
    // Through text, so that a cyclic or very deep value is refused like any other.
    return checkJson(parseJson(JSON.stringify(value) ?? "", JSON_LIMITS));
  } catch (error) {
    return unreadable(error);
  }
}

function checkJson(value: unknown): ManifestCheck {
  if (!hasLongList(value)) return checkAll(value);
  // Most lists may not be so long: then that is found without a look at every item.
  const check = checkAll(shortened(value));
  return check.manifest === null ? check : checkAll(value);
}

function hasLongList(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value) && value.length > MANIFEST_LIMITS.listItems + 1) return true;
  return Object.values(value).some(hasLongList);
}

/** The value with lists cut to one item more than any list of a manifest may have. */
function shortened(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, MANIFEST_LIMITS.listItems + 1).map(shortened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortened(item)]));
}

function checkAll(value: unknown): ManifestCheck {
  const parsed = manifestSchema.safeParse(value, { error: describeIssue, reportInput: true });
  const findings = [
    ...(parsed.success ? [] : findingsOf(parsed.error.issues, KNOWN_KEYS)),
    ...duplicates(value),
    ...contradictions(value),
  ];
  const manifest = parsed.success && findings.length === 0 ? parsed.data : null;
  return { manifest, findings: firstOf(findings) };
}

function firstOf(findings: readonly Finding[]): readonly Finding[] {
  if (findings.length <= MANIFEST_LIMITS.findings) return findings;
  const message = `There are more than ${MANIFEST_LIMITS.findings} mistakes`;
  const more = { rule: "manifest_more_mistakes", path: "", message, fix: "Mend these first" };
  return [...findings.slice(0, MANIFEST_LIMITS.findings), more];
}

function unreadable(error: unknown): ManifestCheck {
  const message = String(error).replace(/^\w*Error: /, "");
  const fix = "Write manifest.json as one plain JSON object";
  return { manifest: null, findings: [{ rule: "manifest_invalid_json", path: "", message, fix }] };
}

/**
 * Manifest of a bundle's `manifest.json`. Throws `manifest_invalid`, or `manifest_duplicate_network`
 * when that is all that is wrong, with every finding in `detail.findings`.
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  const { manifest, findings } = checkBytes(bytes);
  if (manifest !== null) return manifest;
  const onlyNetwork = findings.every(({ rule }) => rule === "manifest_duplicate_network");
  const count = findings.length === 1 ? "one mistake" : `${findings.length} mistakes`;
  const messages = findings.map(({ message }) => message).join("; ");
  throw new RbsmError(
    onlyNetwork ? "manifest_duplicate_network" : "manifest_invalid",
    `The manifest has ${count}: ${messages}`,
    { findings },
  );
}

function checkBytes(bytes: Uint8Array): ManifestCheck {
  try {
    return checkJson(parseJson(bytes, JSON_LIMITS));
  } catch (error) {
    return unreadable(error);
  }
}

const nothing = { permissions: [], dependencies: {}, pricing: {}, ui: {} };

/** The parts that rules over several values look at, with what has the wrong shape left out. */
const loosely = z
  .looseObject({
    name: z.unknown().optional(),
    type: z.unknown().optional(),
    permissions: z.array(z.unknown()).default([]).catch([]),
    dependencies: z.record(z.string(), z.unknown()).default({}).catch({}),
    pricing: z.looseObject({ plans: z.unknown().optional() }).default({}).catch({}),
    ui: z.looseObject({ pages: z.unknown().optional() }).default({}).catch({}),
  })
  .catch(nothing);

/** Items that name the same thing twice in one list, whatever else is wrong with the manifest. */
function duplicates(value: unknown): Finding[] {
  const { pricing, ui, ...lists } = loosely.parse(value);
  return [
    ...Object.entries(lists).flatMap(([key, list]) => duplicatesIn([key], list)),
    ...duplicatesIn(["pricing", "plans"], pricing.plans),
    ...duplicatesIn(["ui", "pages"], ui.pages),
  ];
}

function duplicatesIn(path: readonly string[], list: unknown): Finding[] {
  if (!Array.isArray(list)) return [];
  const seen = new Set<string>();
  return list.flatMap((item: unknown, index) => {
    const identity = identityOf(item);
    if (identity === null || !seen.has(identity)) {
      if (identity !== null) seen.add(identity);
      return [];
    }
    const where = formatPath([...path, index]);
    return [
      {
        rule: "manifest_duplicate",
        path: where,
        message: `${where} is there twice`,
        fix: "Remove one of the two",
      },
    ];
  });
}

const named = z.union([
  z.string(),
  z.object({ code: z.string() }).transform(({ code }) => code),
  z.object({ name: z.string() }).transform(({ name }) => name),
  z.object({ id: z.string() }).transform(({ id }) => id),
  z
    .object({ path: z.string(), method: z.string().default("") })
    .transform(({ path, method }) => `${method} ${path}`),
]);

/** What makes an item of a list the same as another: its code, name, id or method and path. */
function identityOf(item: unknown): string | null {
  return named.safeParse(item).data ?? null;
}

/** Rules over more than one key. */
function contradictions(value: unknown): Finding[] {
  const { name, type, permissions, dependencies } = loosely.parse(value);
  const findings: Finding[] = [];
  if (typeof name === "string" && Object.hasOwn(dependencies, name)) {
    const path = formatPath(["dependencies", name]);
    findings.push({
      rule: "manifest_self_dependency",
      path,
      message: "The plugin depends on itself",
      fix: "Remove it",
    });
  }
  if (type === "system") return findings;
  permissions.forEach((item, index) => {
    if (!needsSystem(identityOf(item))) return;
    const path = formatPath(["permissions", index]);
    findings.push({
      rule: "manifest_system_permission",
      path,
      message: `${path} is for plugins of type "system" only`,
      fix: "Remove it",
    });
  });
  return findings;
}

function needsSystem(code: string | null): boolean {
  if (code === null || !isPermissionCode(code)) return false;
  const permission: Permission = PERMISSIONS[code];
  return permission.system === true;
}

/**
 * Whether nobody may install the plugin without a license: it is not public, or it has plans and none
 * of them is free. With a free plan beside paid ones a license of a public plugin only adds entitlements.
 */
export function needsLicense({
  pricing,
  visibility,
}: Pick<Manifest, "pricing" | "visibility">): boolean {
  if (visibility !== "public") return true;
  return pricing !== undefined && pricing.plans.every(({ kind }) => kind !== "free");
}

/** JSON Schema (draft 2020-12) of `manifest.json` as a person writes it, for editors. */
export function manifestJsonSchema(): object {
  return {
    $id: "https://rising-bsm.com/schemas/manifest.schema.json",
    title: "Rising-BSM plugin manifest",
    ...z.toJSONSchema(manifestSchema, { io: "input" }),
  };
}
