import { base64, utf8 } from "./encoding.ts";
import { openCheckpoint, parseCount, type OpenedCheckpoint } from "./checkpoint.ts";
import { RbsmError } from "./errors.ts";
import { LOG_LIMITS } from "./limits.ts";
import { HASH_BYTES, leafHash, verifyInclusion, type Hash } from "./merkle.ts";
import { canonicalBase64, type NoteKey } from "./signed-note.ts";

/** Proof that an entry is in the log, complete in itself (c2sp.org/tlog-proof@v1). */
export interface TlogProof {
  readonly index: number;
  readonly hashes: readonly Hash[];
  /** The signed note of the checkpoint that the hashes lead to. */
  readonly checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";

/**
 * Header, data for other applications that nothing authenticates, index, the hashes from the leaf up (a
 * tree of 2^53 − 1 leaves has 53 levels), an empty line.
 */
const HEAD = /^c2sp\.org\/tlog-proof@v1\n(?:extra (\S+)\n)?index (\S+)\n((?:\S+\n){0,53})\n/;

/** The text of a proof. */
export function formatTlogProof({ index, hashes, checkpoint }: TlogProof): string {
  return [HEADER, `index ${index}`, ...hashes.map(base64), "", checkpoint].join("\n");
}

/** Reads a proof without verifying it. Throws `trust_log_invalid`. */
export function parseTlogProof(text: string): TlogProof {
  if (utf8(text).length > LOG_LIMITS.proofBytes) throw invalid("The log proof is too long");
  const [head, extra = "", index = "", lines = ""] = HEAD.exec(text) ?? [];
  if (head === undefined || canonicalBase64(extra) === undefined) {
    throw invalid("The text is not a log proof of version 1");
  }
  const hashes = lines.split("\n").slice(0, -1).map(parseHash);
  return { index: parseCount(index), hashes, checkpoint: text.slice(head.length) };
}

function parseHash(line: string): Hash {
  const hash = canonicalBase64(line);
  if (hash?.length === HASH_BYTES) return hash;
  throw invalid("The log proof has a line that is not a hash");
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
  const isIncluded = await verifyInclusion({ leaf, index, size, root, proof: hashes });
  if (isIncluded) return { index, checkpoint };
  throw invalid(`The log of ${size} entries does not hold this one at ${index}`);
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_log_invalid", message);
}
