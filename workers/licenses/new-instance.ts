import { base64url, fromBase64url, hex } from "@rising-bsm/protocol";
import type { InstanceProof } from "./instance-proof.ts";
import type { Instance } from "./tables.ts";

/**
 * An instance that has proven its key. The id follows from the key: a database that was set back
 * gives the same one again, and the leases that name it stay good.
 */
export function newInstance(
  { publicKey, instanceKeyJkt: jkt }: Pick<InstanceProof, "publicKey" | "instanceKeyJkt">,
  now: number,
): Instance {
  return { id: uuidOf(fromBase64url(jkt)), publicKey: base64url(publicKey), jkt, createdAt: now };
}

/** The first 122 free bits of a digest as a UUID of version 8 (RFC 9562, section 5.8). */
function uuidOf(digest: Uint8Array): string {
  const bytes = digest.slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
