import { base64, concatBytes, fromBase64, hex, sha256, utf8, utf8Decode } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { assertPublicKey, verifySignature, type SigningKey } from "./keys.ts";
import { LOG_LIMITS } from "./limits.ts";

/** Who may sign a note: a name and an Ed25519 public key of 32 bytes. */
export interface NoteKey {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

/** Types of signatures: a log's over its own note, and a witness's or mirror's over note and time. */
const SIGNATURE_TYPES = { log: 0x01, cosigner: 0x04 } as const;

/** As what a key signs. */
export type NoteRole = keyof typeof SIGNATURE_TYPES;

/** A note key of which it is known as what it signs. */
export interface VerifierKey extends NoteKey {
  readonly role: NoteRole;
}

/** Names of keys have no Unicode white space and no plus. */
export const KEY_NAME = /^[^\s\u0085+]{1,200}$/u;

interface NoteSignature {
  readonly name: string;
  /** Key id in hexadecimal. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A note (c2sp.org/signed-note): text, an empty line, signature lines. */
export interface SignedNote {
  /** The note as it was read. */
  readonly whole: string;
  /** The signed text with its closing line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** The note of a text that closes with a line feed, signed as a log signs. */
export async function signNote(text: string, name: string, key: SigningKey): Promise<string> {
  const id = await noteKeyId({ name, publicKey: key.publicKey, role: "log" });
  return `${text}\n— ${name} ${base64(concatBytes(id, await key.sign(utf8(text))))}\n`;
}

/** Splits a note without verifying it. Throws `trust_log_invalid`. */
export function parseNote(input: Uint8Array | string): SignedNote {
  const bytes = typeof input === "string" ? utf8(input) : input;
  if (bytes.length > LOG_LIMITS.noteBytes) throw invalid("The note is too long");
  const whole = utf8Decode(bytes, "trust_log_invalid");
  // What is no character would be signed as another one.
  if (typeof input === "string" && whole !== input) throw invalid("The note is not valid Unicode");
  // oxlint-disable-next-line no-control-regex -- the format forbids them
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw invalid("The note has control characters");
  const end = whole.lastIndexOf("\n\n");
  const lines = whole.slice(end + 2).split("\n");
  if (end < 0 || lines.pop() !== "") throw invalid("The text is not a signed note");
  if (lines.length === 0 || lines.length > LOG_LIMITS.signatures) {
    throw invalid(`A note has 1 to ${LOG_LIMITS.signatures} signatures, not ${lines.length}`);
  }
  return { whole, text: whole.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

/** Em dash, key name, base64 of the key id's four bytes and the signature. */
const SIGNATURE_LINE = /^— (\S+) (\S+)$/u;

function parseSignature(line: string): NoteSignature {
  const [, name = "", encoded = ""] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = canonicalBase64(encoded);
  if (!KEY_NAME.test(name) || bytes === undefined || bytes.length < 5) {
    throw invalid("The note has a line that is not a signature");
  }
  return { name, id: hex(bytes.subarray(0, 4)), bytes: bytes.subarray(4) };
}

/** Bytes of canonical base64; undefined for anything else. */
export function canonicalBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return fromBase64(text);
  } catch {
    return undefined;
  }
}

/**
 * Names of the keys that signed the note, each once. Signatures by other keys are passed over; one by a
 * key of these that does not verify refuses the note. Throws `trust_log_invalid`.
 */
export async function signersOf(
  note: SignedNote,
  keys: readonly NoteKey[],
  role: NoteRole,
): Promise<string[]> {
  const signers = new Set<string>();
  for (const key of keys) {
    const id = hex(await noteKeyId({ ...key, role }));
    for (const signature of note.signatures.filter(
      (one) => one.name === key.name && one.id === id,
    )) {
      const isValid = VERIFIERS[role](note.text, key.publicKey, signature.bytes);
      if (!(await isValid)) throw invalid(`A signature of "${key.name}" does not verify`);
      signers.add(key.name);
    }
  }
  return [...signers];
}

const VERIFIERS: Record<
  NoteRole,
  (text: string, publicKey: Uint8Array, signature: Uint8Array) => Promise<boolean>
> = {
  log: (text, publicKey, signature) => verifySignature(publicKey, signature, utf8(text)),
  cosigner: async (text, publicKey, signature) => {
    // c2sp.org/tlog-cosignature: seconds in eight bytes, below 2^63, then the signature.
    const time = signature.subarray(0, 8).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
    return time < 2n ** 63n && verifySignature(publicKey, signature.subarray(8), message);
  },
};

/** The four bytes that name a key in a signature line. */
async function noteKeyId({ name, publicKey, role }: VerifierKey): Promise<Uint8Array> {
  const type = Uint8Array.of(SIGNATURE_TYPES[role]);
  return (await sha256(concatBytes(utf8(`${name}\n`), type, publicKey))).subarray(0, 4);
}

/** A verifier key as people hand it on: name, key id and the base64 of type and key, joined by pluses. */
export async function formatVerifierKey(key: VerifierKey): Promise<string> {
  const material = concatBytes(Uint8Array.of(SIGNATURE_TYPES[key.role]), key.publicKey);
  return `${key.name}+${hex(await noteKeyId(key))}+${base64(material)}`;
}

const VERIFIER_KEY = /^([^+]+)\+[0-9a-f]{8}\+(\S+)$/;

/**
 * Reads the verifier key of a log or cosigner that signs with Ed25519. Throws `trust_log_invalid` when the
 * text is none or has the key id of another, and `signature_key_rejected` for a key that is not acceptable.
 */
export async function parseVerifierKey(text: string): Promise<VerifierKey> {
  const [, name = "", material = ""] = VERIFIER_KEY.exec(text) ?? [];
  const [type, ...publicKey] = canonicalBase64(material) ?? [];
  const role = type === SIGNATURE_TYPES.cosigner ? "cosigner" : "log";
  if (!KEY_NAME.test(name) || type !== SIGNATURE_TYPES[role]) {
    throw invalid("The text is not the verifier key of a log or cosigner");
  }
  const key = { name, publicKey: Uint8Array.from(publicKey), role } as const;
  assertPublicKey(key.publicKey);
  if ((await formatVerifierKey(key)) === text) return key;
  throw invalid("The verifier key has not the id of its key");
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_log_invalid", message);
}
