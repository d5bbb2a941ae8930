import {
  base64url,
  type Envelope,
  keyChallengeResultSchema,
  type KeyEnrollmentResult,
  keyEnrollmentResultSchema,
  type KeyStatement,
  proveKeyPossession,
  type PublisherKeysAnswer,
  publisherKeysSchema,
  RbsmError,
  type SigningKey,
} from "@rising-bsm/protocol";
import { type Connection, request } from "./request.ts";
import { askWhoami } from "./whoami.ts";

/** Whose keys a command is about: the one named, else the publisher whose token it is. */
export async function askPublisher(
  connection: Connection,
  named: string | undefined,
): Promise<string> {
  const publisher = named ?? (await askWhoami(connection)).publisher;
  if (publisher !== null) return publisher;
  throw new RbsmError("usage", "the token is the administrator's and belongs to no publisher", {
    fix: "name the publisher: --publisher NAME",
  });
}

/** A publisher's keys and what was said about them, as the marketplace has them. */
export async function readPublisherKeys(
  connection: Connection,
  publisher: string,
): Promise<PublisherKeysAnswer> {
  const path = `/v1/publishers/${encodeURIComponent(publisher)}/keys`;
  return (await request(connection, { method: "GET", path, answer: publisherKeysSchema })).value;
}

/** Whether the key is one of the publisher's that signs releases. */
export function isInForce({ keys }: PublisherKeysAnswer, keyId: string): boolean {
  return keys.some((key) => key.keyId === keyId && key.revokedFrom === undefined);
}

/** What all statements of a publisher begin with. */
export function statementHead(
  publisher: string,
  now: Date,
): Pick<KeyStatement, "type" | "publisher" | "issuedAt"> {
  const type = "https://rising-bsm.com/publisher-key/v1";
  return { type, publisher, issuedAt: now.toISOString() };
}

async function proveKey(connection: Connection, publisher: string, key: SigningKey) {
  const { value } = await request(connection, {
    method: "POST",
    path: "/v1/keys/challenge",
    body: { publisher },
    answer: keyChallengeResultSchema,
  });
  const { challenge } = value;
  const signature = await proveKeyPossession(key, challenge);
  return { publicKey: base64url(key.publicKey), challenge, signature };
}

/** Registers a key: signs a fresh challenge of the marketplace, then sends key and signature. */
export async function enrollKey(
  connection: Connection,
  key: SigningKey,
  { publisher, ...more }: { publisher: string; recoveryHash?: string; statement?: Envelope },
): Promise<KeyEnrollmentResult> {
  const body = { publisher, ...(await proveKey(connection, publisher, key)), ...more };
  const answer = keyEnrollmentResultSchema;
  return (await request(connection, { method: "POST", path: "/v1/keys", body, answer })).value;
}

/** Ends what a key signs for; answers the publisher's keys as they are then. */
export async function revokeKey(
  connection: Connection,
  keyId: string,
  body: { statement?: Envelope; fromIndex?: number; reason?: string },
): Promise<PublisherKeysAnswer> {
  const path = `/v1/keys/${keyId}/revoke`;
  const answer = publisherKeysSchema;
  return (await request(connection, { method: "POST", path, body, answer })).value;
}

/** Puts one new key in the place of all, by a statement of the recovery key. */
export async function recoverKeys(
  connection: Connection,
  key: SigningKey,
  { publisher, statement }: { publisher: string; statement: Envelope },
): Promise<PublisherKeysAnswer> {
  const body = { ...(await proveKey(connection, publisher, key)), statement };
  const path = "/v1/keys/recover";
  const answer = publisherKeysSchema;
  return (await request(connection, { method: "POST", path, body, answer })).value;
}
