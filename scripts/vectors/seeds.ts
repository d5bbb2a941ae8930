/** What every file of vectors has in common: keys of one repeated byte, and how bytes are written. */
import { hex, signingKeyFromSeed, type SigningKey } from "../../packages/protocol/src/index.ts";

/** A key pair as an implementer needs it. */
export interface VectorKey {
  readonly seed: string;
  readonly publicKey: string;
  readonly keyId: string;
}

/** The key whose seed is one byte, 32 times. */
export async function keyOf(byte: number): Promise<{ key: SigningKey; shown: VectorKey }> {
  const seed = new Uint8Array(32).fill(byte);
  const key = await signingKeyFromSeed(seed);
  return { key, shown: { seed: hex(seed), publicKey: hex(key.publicKey), keyId: key.keyId } };
}
