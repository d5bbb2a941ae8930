import { RbsmError, fromBase64url, verifyPublisher } from "@rising-bsm/protocol";
import type { Bundle } from "@rising-bsm/protocol";

/** Why the bundle is not signed by one of the publisher's enrolled keys; null when it is. */
export async function signatureProblem(
  bundle: Bundle,
  keys: readonly { readonly keyId: string; readonly publicKey: string }[],
): Promise<RbsmError | null> {
  const enrolled = new Map(keys.map((key) => [key.keyId, fromBase64url(key.publicKey)]));
  try {
    await verifyPublisher(bundle.files, (keyId) => enrolled.get(keyId), bundle);
    return null;
  } catch (error) {
    if (error instanceof RbsmError) return error;
    throw error;
  }
}
