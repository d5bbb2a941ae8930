import { z } from "zod";
import { publicKeySchema } from "./documents.ts";
import { openEnvelope, parseEnvelope, signEnvelope, type Envelope } from "./dsse.ts";
import { fromBase64, fromBase64url, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { assertPublicKey, keyId, type SigningKey } from "./keys.ts";
import { parseStatement, sha256Schema, timeSchema } from "./statements.ts";

/** DSSE payload type of a key statement. */
export const KEY_PAYLOAD_TYPE = "application/vnd.rising-bsm.publisher-key.v1+json";

const common = {
  type: z.literal("https://rising-bsm.com/publisher-key/v1"),
  publisher: z.string().min(1).max(100),
  issuedAt: timeSchema,
};

const key = { keyId: sha256Schema, publicKey: publicKeySchema };

/** Releases from `fromIndex` in the log on do not count with these keys. */
const revocation = {
  revokes: z.array(sha256Schema).max(100),
  fromIndex: z.int().nonnegative(),
};

/**
 * What a publisher says about their keys, signed with one that they have: another key signs for them
 * (`add`), keys do no longer (`revoke`), or, signed with the recovery key, one new key takes the place of
 * all (`recover`).
 */
export const keyStatementSchema = z.discriminatedUnion("action", [
  z.strictObject({ ...common, action: z.literal("add"), ...key }),
  z.strictObject({ ...common, action: z.literal("revoke"), ...revocation }),
  z.strictObject({
    ...common,
    action: z.literal("recover"),
    ...key,
    /** The recovery key in force, shown now; its SHA-256 was committed to before. */
    recoveryKey: publicKeySchema,
    /** SHA-256 of the next recovery key. */
    recovery: sha256Schema,
    ...revocation,
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
  if (statement.action === "revoke") return { ...rest, keys: revoke(keys, statement) };
  const added = await addedKey(statement);
  const before = keys.find(({ keyId: id }) => id === added.keyId);
  if (before?.revokedFrom !== undefined) throw invalid("A revoked key cannot be added again");
  const others = keys.filter((one) => one !== before);
  if (statement.action === "add") return { ...rest, keys: [...others, added] };
  const { recovery } = statement;
  return { ...rest, recovery, keys: [...revoke(others, statement), added] };
}

async function addedKey(statement: {
  readonly keyId: string;
  readonly publicKey: string;
}): Promise<PublisherKeyEntry> {
  const publicKey = fromBase64url(statement.publicKey);
  assertPublicKey(publicKey);
  if ((await keyId(publicKey)) !== statement.keyId) throw invalid("The key does not match its id");
  return { keyId: statement.keyId, publicKey: statement.publicKey };
}

/** A revocation can move back in time, never forward. */
function revoke(
  keys: readonly PublisherKeyEntry[],
  { revokes, fromIndex }: { readonly revokes: readonly string[]; readonly fromIndex: number },
): PublisherKeyEntry[] {
  return keys.map((one) =>
    revokes.includes(one.keyId)
      ? { ...one, revokedFrom: Math.min(one.revokedFrom ?? Infinity, fromIndex) }
      : one,
  );
}

function invalid(message: string): RbsmError {
  return new RbsmError("signature_invalid", message);
}
