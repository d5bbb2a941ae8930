import { z } from "zod";
import { publicKeySchema } from "./documents.ts";
import { openEnvelope, parseEnvelope, signEnvelope, type Envelope } from "./dsse.ts";
import { fromBase64, fromBase64url, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { publisherNameSchema } from "./plugin-name.ts";
import { assertPublicKey, keyId, type SigningKey } from "./keys.ts";
import { parseStatement, sha256Schema, timeSchema } from "./statements.ts";

/** DSSE payload type of a key statement. */
export const KEY_PAYLOAD_TYPE = "application/vnd.rising-bsm.publisher-key.v1+json";

const common = {
  type: z.literal("https://rising-bsm.com/publisher-key/v1"),
  publisher: publisherNameSchema,
  issuedAt: timeSchema,
};

const key = { keyId: sha256Schema, publicKey: publicKeySchema };

/** Releases from this place in the log on do not count with the keys that are revoked. */
const fromIndex = z.int().nonnegative();

/**
 * What a publisher says about their keys, signed with one that they have: another key signs for them
 * (`add`), keys do no longer (`revoke`), or, signed with the recovery key, one key takes the place of all
 * others (`recover`), also of those that whoever stole one may have added.
 */
export const keyStatementSchema = z.discriminatedUnion("action", [
  z.strictObject({ ...common, action: z.literal("add"), ...key }),
  z.strictObject({
    ...common,
    action: z.literal("revoke"),
    revokes: z.array(sha256Schema).min(1).max(100),
    fromIndex,
  }),
  z.strictObject({
    ...common,
    action: z.literal("recover"),
    ...key,
    /** The recovery key in force, shown now; its SHA-256 was committed to before. */
    recoveryKey: publicKeySchema,
    /** SHA-256 of the next recovery key. */
    recovery: sha256Schema,
    fromIndex,
  }),
]);

/** What a publisher says about their keys. */
export type KeyStatement = z.output<typeof keyStatementSchema>;

/** The keys that speak for a publisher, as far as somebody has followed them. */
export interface PublisherKeys {
  readonly publisher: string;
  readonly keys: readonly PublisherKeyEntry[];
  /** SHA-256 of the recovery key. */
  readonly recovery: string | null;
}

/** A publisher's key; its releases from `revokedFrom` in the log on do not count. */
export interface PublisherKeyEntry {
  readonly keyId: string;
  readonly publicKey: string;
  readonly revokedFrom?: number | undefined;
}

/** Signs a key statement: with a key of the publisher, or with the recovery key for `recover`. */
export function signKeyStatement(statement: KeyStatement, by: SigningKey): Promise<Envelope> {
  return signEnvelope(KEY_PAYLOAD_TYPE, utf8(JSON.stringify(statement)), by);
}

/**
 * What the publisher's keys are after the statement. Throws `signature_untrusted_key` when none of the
 * known keys made it, `signature_invalid` when it does not verify or does not fit.
 */
export async function applyKeyStatement(
  known: PublisherKeys,
  envelope: Envelope,
): Promise<{ readonly statement: KeyStatement; readonly keys: PublisherKeys }> {
  const announced = readStatement(fromBase64(envelope.payload));
  const signers = await signersOf(known, announced);
  const payload = await openEnvelope(JSON.stringify(envelope), {
    payloadType: KEY_PAYLOAD_TYPE,
    publicKey: (id) => signers.get(id),
  });
  const statement = readStatement(payload);
  if (statement.publisher !== known.publisher) {
    throw invalid(`The statement is for ${statement.publisher}, not ${known.publisher}`);
  }
  return { statement, keys: await nextKeys(known, statement) };
}

/**
 * Follows statements in order, passing over those that no known key made: a publisher's keys as
 * somebody sees them who knew `known`.
 */
export async function followKeys(
  known: PublisherKeys,
  envelopes: readonly Envelope[],
): Promise<PublisherKeys> {
  let keys = known;
  for (const envelope of envelopes) {
    try {
      keys = (await applyKeyStatement(keys, envelope)).keys;
    } catch (error) {
      if (!(error instanceof RbsmError)) throw error;
    }
  }
  return keys;
}

/** SHA-256 of the payload that the envelope signs, as the log names statements. */
export function statementDigest(envelope: Envelope | string): Promise<string> {
  const { payload } = typeof envelope === "string" ? parseEnvelope(envelope) : envelope;
  return keyId(fromBase64(payload));
}

function readStatement(payload: Uint8Array): KeyStatement {
  return parseStatement(keyStatementSchema, payload, "signature_invalid");
}

/** A revoked key says nothing more; a recovery key speaks only when it is the one committed to. */
async function signersOf(
  known: PublisherKeys,
  statement: KeyStatement,
): Promise<Map<string, Uint8Array>> {
  if (statement.action === "recover") {
    const recoveryKey = fromBase64url(statement.recoveryKey);
    assertPublicKey(recoveryKey);
    const id = await keyId(recoveryKey);
    return new Map(id === known.recovery ? [[id, recoveryKey]] : []);
  }
  const current = known.keys.filter(({ revokedFrom }) => revokedFrom === undefined);
  return new Map(current.map(({ keyId: id, publicKey }) => [id, fromBase64url(publicKey)]));
}

async function nextKeys(known: PublisherKeys, statement: KeyStatement): Promise<PublisherKeys> {
  const { keys, ...rest } = known;
  if (statement.action === "revoke") {
    const { revokes, fromIndex: from } = statement;
    return { ...rest, keys: revoke(keys, from, ({ keyId: id }) => revokes.includes(id)) };
  }
  const added = await addedKey(known, statement);
  const others = keys.filter(({ keyId: id }) => id !== added.keyId);
  if (statement.action === "add") return { ...rest, keys: [...others, added] };
  const { recovery, fromIndex: from } = statement;
  if ([...keys, added].some(({ keyId: id }) => id === recovery) || recovery === known.recovery) {
    throw invalid("The next recovery key is one that is in use");
  }
  return { ...rest, recovery, keys: [...revoke(others, from), added] };
}

async function addedKey(
  { keys, recovery }: PublisherKeys,
  statement: { readonly keyId: string; readonly publicKey: string },
): Promise<PublisherKeyEntry> {
  const publicKey = fromBase64url(statement.publicKey);
  assertPublicKey(publicKey);
  const id = await keyId(publicKey);
  if (id !== statement.keyId) throw invalid("The key does not match its id");
  if (id === recovery) throw invalid("The recovery key cannot sign releases");
  const before = keys.find((one) => one.keyId === id);
  if (before?.revokedFrom !== undefined) throw invalid("A revoked key cannot be added again");
  return { keyId: id, publicKey: statement.publicKey };
}

/** A revocation can move back in time, never forward. */
function revoke(
  keys: readonly PublisherKeyEntry[],
  from: number,
  isRevoked: (key: PublisherKeyEntry) => boolean = () => true,
): PublisherKeyEntry[] {
  return keys.map((one) =>
    isRevoked(one) ? { ...one, revokedFrom: Math.min(one.revokedFrom ?? Infinity, from) } : one,
  );
}

function invalid(message: string): RbsmError {
  return new RbsmError("signature_invalid", message);
}
