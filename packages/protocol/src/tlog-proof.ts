import { base64, fromBase64 } from "./encoding.ts";
import { openCheckpoint, type NoteKey, type OpenedCheckpoint } from "./checkpoint.ts";
import { RbsmError } from "./errors.ts";
import { LOG_LIMITS } from "./limits.ts";
import { leafHash, verifyInclusion, type Hash } from "./merkle.ts";

/** Proof that an entry is in the log, complete in itself (c2sp.org/tlog-proof@v1). */
export interface TlogProof {
  readonly index: number;
  readonly hashes: readonly Hash[];
  /** The signed note of the checkpoint that the hashes lead to. */
  readonly checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";

/** The text of a proof. */
export function formatTlogProof({ index, hashes, checkpoint }: TlogProof): string {
  return [HEADER, `index ${index}`, ...hashes.map(base64), "", checkpoint].join("\n");
}

/** Reads a proof without verifying it. Throws `trust_log_invalid`. */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > LOG_LIMITS.proofBytes) throw invalid("The log proof is too long");
  const end = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, end).split("\n");
  if (end < 0 || header !== HEADER) throw invalid(`The text does not begin with ${HEADER}`);
  if (lines[0]?.startsWith("extra ") === true) lines.shift();
  const [, index] = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "") ?? [];
  if (index === undefined || !Number.isSafeInteger(Number(index))) {
    throw invalid("The log proof has no index");
  }
  // A tree of 2^53 leaves has 53 levels.
  if (lines.length > 53) throw invalid("The log proof has more hashes than any tree");
  return { index: Number(index), hashes: lines.map(parseHash), checkpoint: text.slice(end + 2) };
}

function parseHash(line: string): Hash {
  const hash = /^[A-Za-z0-9+/]{43}=$/.test(line) ? fromBase64(line) : undefined;
  if (hash === undefined) throw invalid("The log proof has a line that is not a hash");
  return hash;
}

/**
 * Verifies that the entry is in a log that one of `logs` signs. Returns its index and the checkpoint,
 * which the caller holds against the one it knows. Throws `trust_log_invalid`.
 */
export async function openTlogProof(
  text: string,
  entry: Uint8Array,
  logs: readonly NoteKey[],
): Promise<{ readonly index: number; readonly checkpoint: OpenedCheckpoint }> {
  const { index, hashes, checkpoint: note } = parseTlogProof(text);
  const checkpoint = await openCheckpoint(note, logs);
  const { size, root } = checkpoint;
  const leaf = await leafHash(entry);
  if (await verifyInclusion({ leaf, index, size, root, proof: hashes }))
    return { index, checkpoint };
  throw invalid(`The log of ${size} entries does not hold this one at ${index}`);
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_log_invalid", message);
}
