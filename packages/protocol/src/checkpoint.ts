import { base64, concatBytes, fromBase64, sha256, utf8, utf8Decode } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { verifySignature, type SigningKey } from "./keys.ts";
import { LOG_LIMITS } from "./limits.ts";
import type { Hash } from "./merkle.ts";

/** A tree head that a log signs (c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name, also that of its key. */
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

/** Who may sign a note: a name and an Ed25519 public key of 32 bytes. */
export interface NoteKey {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

/** Signature types of c2sp.org/signed-note: a log's own, and a witness's over checkpoint and time. */
const ED25519 = 0x01;
const COSIGNATURE = 0x04;

interface NoteSignature {
  readonly name: string;
  readonly keyHash: string;
  readonly bytes: Uint8Array;
}

/** A note (c2sp.org/signed-note): text, an empty line, signature lines. */
interface SignedNote {
  /** The signed text with its closing line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A checkpoint whose log signature verifies, and the witnesses that signed it too. */
export interface OpenedCheckpoint extends Checkpoint {
  /** The whole note as it was read. */
  readonly note: string;
  readonly cosignedBy: readonly string[];
}

/** The note of a checkpoint, signed by the log. The same checkpoint gives the same note. */
export async function signCheckpoint(checkpoint: Checkpoint, key: SigningKey): Promise<string> {
  const { origin, size, root } = checkpoint;
  const text = `${origin}\n${size}\n${base64(root)}\n`;
  const hash = await keyHash({ name: origin, publicKey: key.publicKey }, ED25519);
  const signature = concatBytes(hash, await key.sign(utf8(text)));
  return `${text}\n— ${origin} ${base64(signature)}\n`;
}

/**
 * Reads a checkpoint that one of the logs signed; signatures by others are passed over, those of
 * `witnesses` are named. Throws `trust_log_invalid`.
 */
export async function openCheckpoint(
  input: Uint8Array | string,
  logs: readonly NoteKey[],
  witnesses: readonly NoteKey[] = [],
): Promise<OpenedCheckpoint> {
  const note = typeof input === "string" ? input : utf8Decode(input, "trust_log_invalid");
  const signed = parseNote(note);
  const checkpoint = parseCheckpoint(signed.text);
  const own = logs.filter(({ name }) => name === checkpoint.origin);
  if (!(await anyOf(own, (log) => isSigned(signed, log)))) {
    throw invalid(`No trusted log signed the checkpoint of "${checkpoint.origin}"`);
  }
  const cosignedBy: string[] = [];
  for (const witness of witnesses) {
    if (await isCosigned(signed, witness)) cosignedBy.push(witness.name);
  }
  return { ...checkpoint, note, cosignedBy };
}

async function anyOf<T>(all: readonly T[], holds: (one: T) => Promise<boolean>): Promise<boolean> {
  for (const one of all) if (await holds(one)) return true;
  return false;
}

const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;

/** Splits a note without verifying it. Throws `trust_log_invalid`. */
function parseNote(note: string): SignedNote {
  if (note.length > LOG_LIMITS.noteBytes) throw invalid("The note is too long");
  // oxlint-disable-next-line no-control-regex -- the format forbids them
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(note))
    throw invalid("The note has control characters");
  const end = note.lastIndexOf("\n\n");
  const lines = note.slice(end + 2).split("\n");
  if (end < 0 || lines.pop() !== "") throw invalid("The text is not a signed note");
  if (lines.length === 0 || lines.length > LOG_LIMITS.signatures) {
    throw invalid(`A note has 1 to ${LOG_LIMITS.signatures} signatures, not ${lines.length}`);
  }
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = encoded === undefined ? undefined : decode(encoded);
  if (name === undefined || bytes === undefined || bytes.length < 5) {
    throw invalid("The note has a line that is not a signature");
  }
  return { name, keyHash: base64(bytes.subarray(0, 4)), bytes: bytes.subarray(4) };
}

function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return fromBase64(text);
  } catch {
    return undefined;
  }
}

/** Origin, size, root; lines after them are extensions of the format, which are passed over. */
function parseCheckpoint(text: string): Checkpoint {
  const [origin = "", size = "", root = "", ...extensions] = text.slice(0, -1).split("\n");
  const hash = decode(root);
  const isPlain = origin !== "" && /^(0|[1-9]\d{0,15})$/.test(size) && !extensions.includes("");
  if (!isPlain || hash?.length !== 32 || !Number.isSafeInteger(Number(size))) {
    throw invalid("The note is not a checkpoint");
  }
  return { origin, size: Number(size), root: hash };
}

async function isSigned({ text, signatures }: SignedNote, key: NoteKey): Promise<boolean> {
  const hash = base64(await keyHash(key, ED25519));
  const own = signatures.filter((one) => one.name === key.name && one.keyHash === hash);
  return anyOf(own, ({ bytes }) => verifySignature(key.publicKey, bytes, utf8(text)));
}

/** c2sp.org/tlog-cosignature: eight bytes of time, then the signature over a header and the text. */
async function isCosigned({ text, signatures }: SignedNote, key: NoteKey): Promise<boolean> {
  const hash = base64(await keyHash(key, COSIGNATURE));
  const own = signatures.filter((one) => one.name === key.name && one.keyHash === hash);
  return anyOf(own, ({ bytes }) => {
    const time = bytes.subarray(0, 8).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
    return verifySignature(key.publicKey, bytes.subarray(8), message);
  });
}

/** The four bytes that name a key in a signature line. */
async function keyHash({ name, publicKey }: NoteKey, type: number): Promise<Uint8Array> {
  const id = await sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey));
  return id.subarray(0, 4);
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_log_invalid", message);
}
