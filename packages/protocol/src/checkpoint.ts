import { base64 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import type { SigningKey } from "./keys.ts";
import { HASH_BYTES, type Hash } from "./merkle.ts";
import {
  canonicalBase64,
  KEY_NAME,
  parseNote,
  signersOf,
  signNote,
  type NoteKey,
} from "./signed-note.ts";

/** A tree head that a log signs (c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name, also that of its key. */
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

/** A checkpoint that is signed, and by which of the cosigners that were asked for. */
export interface OpenedCheckpoint extends Checkpoint {
  /** The whole note as it was read. */
  readonly note: string;
  readonly cosignedBy: readonly string[];
}

/**
 * The note of a checkpoint, signed by the log. The same checkpoint gives the same note. Throws
 * `trust_log_invalid` for what no reader would take.
 */
export async function signCheckpoint(checkpoint: Checkpoint, key: SigningKey): Promise<string> {
  const { origin, size, root } = checkpoint;
  const text = `${origin}\n${size}\n${base64(root)}\n`;
  if (parseCheckpoint(text).origin !== origin) throw invalid("The log's origin is not one line");
  return signNote(text, origin, key);
}

/**
 * Reads a checkpoint that one of the logs signed. Signatures by others are passed over, those of
 * `cosigners` are named; one by either that does not verify refuses the note. Throws `trust_log_invalid`.
 */
export async function openCheckpoint(
  input: Uint8Array | string,
  logs: readonly NoteKey[],
  cosigners: readonly NoteKey[] = [],
): Promise<OpenedCheckpoint> {
  const note = parseNote(input);
  const checkpoint = parseCheckpoint(note.text);
  const own = logs.filter(({ name }) => name === checkpoint.origin);
  if ((await signersOf(note, own, "log")).length === 0) {
    throw invalid(`No trusted log signed the checkpoint of "${checkpoint.origin}"`);
  }
  const cosignedBy = await signersOf(note, cosigners, "cosigner");
  return { ...checkpoint, note: note.whole, cosignedBy };
}

/**
 * Reads a checkpoint, of whatever log, that at least one of the cosigners signed, as a mirror serves it
 * (c2sp.org/tlog-cosignature): what they have seen, not what the log signed. Throws `trust_log_invalid`.
 */
export async function openCosignedCheckpoint(
  input: Uint8Array | string,
  cosigners: readonly NoteKey[],
): Promise<OpenedCheckpoint> {
  const note = parseNote(input);
  const checkpoint = parseCheckpoint(note.text);
  const cosignedBy = await signersOf(note, cosigners, "cosigner");
  if (cosignedBy.length > 0) return { ...checkpoint, note: note.whole, cosignedBy };
  throw invalid(`No trusted cosigner signed the checkpoint of "${checkpoint.origin}"`);
}

/** Origin, size, root; lines after them are extensions of the format, which are passed over. */
const CHECKPOINT = /^(.+)\n(.+)\n(.+)\n(?:[^\n]+\n)*$/;

function parseCheckpoint(text: string): Checkpoint {
  const [, origin = "", size = "", root = ""] = CHECKPOINT.exec(text) ?? [];
  const hash = canonicalBase64(root);
  if (!KEY_NAME.test(origin) || hash?.length !== HASH_BYTES) {
    throw invalid("The note is not a checkpoint");
  }
  return { origin, size: parseCount(size), root: hash };
}

/**
 * A number of entries, or the place of one: decimal, without leading zeroes, below 2^53. Throws
 * `trust_log_invalid`.
 */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^(?:0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(count)) return count;
  throw invalid("The log has a size or index that is no plain number");
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_log_invalid", message);
}
