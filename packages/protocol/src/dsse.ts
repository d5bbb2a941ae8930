import { z } from "zod";
import { base64, concatBytes, fromBase64, parseJson, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { verifySignature, type SigningKey } from "./keys.ts";
import { TRUST_LIMITS } from "./limits.ts";

/** A DSSE v1 envelope with exactly one signature. */
export const envelopeSchema = z.strictObject({
  payloadType: z.string(),
  payload: z.string(),
  signatures: z.tuple([z.strictObject({ keyid: z.string(), sig: z.string() })]),
});

/** A DSSE v1 envelope with exactly one signature. */
export type Envelope = z.output<typeof envelopeSchema>;

/** What DSSE signs: `DSSEv1 SP LEN(type) SP type SP LEN(body) SP body`, lengths in bytes. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const type = utf8(payloadType);
  return concatBytes(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

/** Signs the payload's bytes under their type. */
export async function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  key: SigningKey,
): Promise<Envelope> {
  const signature = await key.sign(preAuthEncoding(payloadType, payload));
  return {
    payloadType,
    payload: base64(payload),
    signatures: [{ keyid: key.keyId, sig: base64(signature) }],
  };
}

/** Parses an envelope without verifying it. Throws `signature_invalid`. */
export function parseEnvelope(input: Uint8Array | string): Envelope {
  const json = parseJson(input, {
    maxBytes: TRUST_LIMITS.envelopeBytes,
    uniqueKeys: true,
    code: "signature_invalid",
  });
  const parsed = envelopeSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new RbsmError(
    "signature_invalid",
    "The signature file is not a DSSE envelope with one signature",
  );
}

/** What `openEnvelope` accepts: one payload type, and the keys it looks up by id. */
export interface EnvelopeTrust {
  readonly payloadType: string;
  readonly publicKey: (keyId: string) => Uint8Array | undefined;
}

/**
 * Payload bytes of an envelope whose signature verifies. Throws `signature_untrusted_key` when
 * `publicKey` does not know the key id and `signature_invalid` for all else.
 */
export async function openEnvelope(
  input: Uint8Array | string,
  trust: EnvelopeTrust,
): Promise<Uint8Array<ArrayBuffer>> {
  const envelope = parseEnvelope(input);
  const [{ keyid, sig }] = envelope.signatures;
  if (envelope.payloadType !== trust.payloadType) {
    throw new RbsmError(
      "signature_invalid",
      `The signature is for ${envelope.payloadType}, not ${trust.payloadType}`,
    );
  }
  const publicKey = trust.publicKey(keyid);
  if (publicKey === undefined) {
    throw new RbsmError("signature_untrusted_key", `The key ${keyid} is not trusted here`, {
      keyId: keyid,
    });
  }
  const payload = fromBase64(envelope.payload);
  const message = preAuthEncoding(envelope.payloadType, payload);
  if (!(await verifySignature(publicKey, fromBase64(sig), message)))
    throw new RbsmError("signature_invalid");
  return payload;
}
