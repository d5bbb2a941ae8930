import { RbsmError, fromBase64url, publisherKeyIdOf, verifyPublisher } from "@rising-bsm/protocol";
import type { Bundle } from "@rising-bsm/protocol";
import { isRefusedBy } from "../database.ts";

export interface EnrolledKey {
  readonly keyId: string;
  readonly publicKey: string;
  readonly revokedAt: number | null;
}

/**
 * Why the bundle is not signed by one of the publisher's enrolled keys; null when it is. What was
 * taken before stays, also when its upload is repeated after the key was revoked.
 */
export async function signatureProblem(
  bundle: Bundle,
  { keys, isNew }: { keys: readonly EnrolledKey[]; isNew: boolean },
): Promise<RbsmError | null> {
  const signer = keys.find(({ keyId }) => keyId === publisherKeyIdOf(bundle.files));
  if (isNew && signer !== undefined && signer.revokedAt !== null) return revokedKey();
  const enrolled = new Map(keys.map((key) => [key.keyId, fromBase64url(key.publicKey)]));
  try {
    await verifyPublisher(bundle.files, (keyId) => enrolled.get(keyId), bundle);
    return null;
  } catch (error) {
    if (error instanceof RbsmError) return error;
    throw error;
  }
}

/** Keys are revoked and plugins removed while an upload is read: triggers refuse it then. */
export function throwRefusal(error: unknown): never {
  if (isRefusedBy("key_revoked", error)) throw revokedKey();
  if (isRefusedBy("plugin_removed", error)) throw new RbsmError("conflict_removed");
  throw error;
}

/** A key that its publisher revoked signs nothing new; what it signed before stays. */
export function revokedKey(): RbsmError {
  return new RbsmError("trust_key_revoked", "The release is signed with a key that was revoked", {
    fix: "Build it again with a key in force: rising-bsm build --key FILE",
  });
}
