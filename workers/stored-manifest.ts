import { RbsmError, manifestSchema } from "@rising-bsm/protocol";
import type { Manifest } from "@rising-bsm/protocol";

/** The manifest as it was checked and normalised at publish. */
export function storedManifest(row: { readonly manifest: string }): Manifest {
  const parsed = manifestSchema.safeParse(JSON.parse(row.manifest));
  if (parsed.success) return parsed.data;
  throw new RbsmError("internal", "A stored manifest is not readable", {}, parsed.error);
}

export function withReason(reason: string | null): false | { reason: string } {
  return reason === null ? false : { reason };
}
