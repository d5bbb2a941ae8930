import { normalizePermission, PERMISSIONS, RbsmError, suggest } from "@rising-bsm/protocol";

/** Reads `requested`, `none` or a list of permissions; refuses codes that do not exist. */
export function parseGrant(text: string): "requested" | "none" | string[] {
  if (text === "requested" || text === "none") return text;
  return text
    .split(",")
    .map((code) => code.trim())
    .flatMap(canonicalCodes);
}

function canonicalCodes(code: string): readonly string[] {
  if (code.startsWith("network:")) return [code];
  const codes = normalizePermission(code);
  if (codes.length > 0) return codes;
  const near = suggest(code, Object.keys(PERMISSIONS));
  throw new RbsmError("usage", `"${code}" is no permission`, {
    fix:
      near === null ? "pass requested, none, or permissions like a,b" : `did you mean "${near}"?`,
  });
}
