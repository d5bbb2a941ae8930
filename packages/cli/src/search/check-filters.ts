import {
  CATEGORIES,
  normalizePermission,
  PERMISSIONS,
  RbsmError,
  suggest,
} from "@rising-bsm/protocol";

/** Also what a plugin may ask for of an entity, and any host. */
const CODES = Object.keys(PERMISSIONS);
const SEARCHED = [...new Set([...CODES.map(entityOf), "network", ...CODES])];

/** Refuses what no plugin has: a slip in `!customers.edit` would keep nothing away, and say nothing. */
export function checkPermission(filter: string): void {
  const code = filter.replace(/^!/, "");
  const isKnown = SEARCHED.includes(code) || code.startsWith("network:");
  if (isKnown || normalizePermission(code).length > 0) return;
  refuse(`"${code}" is no permission`, suggest(code, SEARCHED), SEARCHED);
}

/** Refuses a category that is not of the published list. */
export function checkCategory(name: string): void {
  const names: readonly string[] = CATEGORIES;
  if (names.includes(name)) return;
  refuse(`"${name}" is no category`, suggest(name, names), names);
}

function entityOf(code: string): string {
  return code.split(".", 1)[0] ?? code;
}

function refuse(message: string, near: string | null, known: readonly string[]): never {
  const fix = near === null ? `one of: ${known.join(", ")}` : `did you mean "${near}"?`;
  throw new RbsmError("usage", message, { fix });
}
