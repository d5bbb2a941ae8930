import {
  base64url,
  keyChallengeResultSchema,
  keyEnrollmentResultSchema,
  proveKeyPossession,
  type SigningKey,
} from "@rising-bsm/protocol";
import { type Connection, request } from "./request.ts";

/** Registers a key: signs a fresh challenge of the marketplace, then sends key and signature. */
export async function enrollKey(
  connection: Connection,
  key: SigningKey,
  options: { publisher?: string | undefined; recoveryHash?: string | undefined },
): Promise<{ keyId: string }> {
  const asPublisher = options.publisher === undefined ? {} : { publisher: options.publisher };
  const { value } = await request(connection, {
    method: "POST",
    path: "/v1/keys/challenge",
    body: asPublisher,
    answer: keyChallengeResultSchema,
  });
  const enrolled = await request(connection, {
    method: "POST",
    path: "/v1/keys",
    body: {
      ...asPublisher,
      publicKey: base64url(key.publicKey),
      challenge: value.challenge,
      signature: await proveKeyPossession(key, value.challenge),
      ...(options.recoveryHash === undefined ? {} : { recoveryHash: options.recoveryHash }),
    },
    answer: keyEnrollmentResultSchema,
  });
  return enrolled.value;
}
