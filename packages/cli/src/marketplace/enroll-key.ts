import { proveKeyPossession, RbsmError, type SigningKey, base64url } from "@rising-bsm/protocol";
import { textField } from "../json-field.ts";
import { type Answer, type Connection, request } from "./request.ts";

/** Registers a key: signs a fresh challenge of the marketplace, then sends key and signature. */
export async function enrollKey(
  connection: Connection,
  key: SigningKey,
  options: { publisher?: string | undefined; recoveryHash?: string | undefined },
): Promise<{ keyId: string }> {
  const asPublisher = options.publisher === undefined ? {} : { publisher: options.publisher };
  const challenge = requiredText(
    await request(connection, { method: "POST", path: "/v1/keys/challenge", body: asPublisher }),
    "challenge",
  );
  const body = {
    ...asPublisher,
    publicKey: base64url(key.publicKey),
    challenge,
    signature: await proveKeyPossession(key, challenge),
    ...(options.recoveryHash === undefined ? {} : { recoveryHash: options.recoveryHash }),
  };
  const answer = await request(connection, { method: "POST", path: "/v1/keys", body });
  return { keyId: requiredText(answer, "keyId") };
}

function requiredText({ value }: Answer, name: string): string {
  const text = textField(value, name);
  if (text !== undefined) return text;
  throw new RbsmError("network_bad_answer", `The marketplace's answer has no "${name}"`);
}
