/**
 * What the host remembers of the log, in `dataDir/trust`: `log.json`, the longest checkpoint of each
 * log, and `log-fork.json`, the evidence of a fork. Written by the log client alone.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { LOG_LIMITS, parseJson, RbsmError, utf8 } from "@rising-bsm/protocol";
import { z } from "zod";
import { readFileIfPresent, writeFileDurably } from "../disk/durable-file.ts";

const knownSchema = z.array(
  z.object({
    origin: z.string(),
    size: z.int().nonnegative(),
    /** Base64. */
    root: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
    note: z.string(),
  }),
);

/** The longest checkpoint that the host has seen of one log. */
export type KnownCheckpoint = z.output<typeof knownSchema>[number];

/** Two notes that one log signed and that cannot both be true. Hashes are base64. */
export interface ForkEvidence {
  readonly what: string;
  /** ISO time. */
  readonly at: string;
  /** Where the second note was read. */
  readonly url: string;
  readonly origin: string;
  /** The note that this host had; empty when it had none. */
  readonly known: string;
  /** The note that it was shown. */
  readonly shown: string;
  /** Root of the longer history's first entries, as many as the shorter one has. */
  readonly prefixRoot: string;
  /** Leads from `prefixRoot` to the root of the longer history (RFC 6962 §2.1.2). */
  readonly proof: readonly string[];
}

/** The two files. */
export interface LogStore {
  /** Throws `trust_log_invalid` when the file is damaged. */
  readKnown(): Promise<KnownCheckpoint[]>;
  writeKnown(known: readonly KnownCheckpoint[]): Promise<void>;
  /** The evidence that lies there, and since when (ISO time). */
  findEvidence(): Promise<{ readonly file: string; readonly at: string } | null>;
  writeEvidence(evidence: ForkEvidence): Promise<void>;
}

/** A note for each of a few logs, with room. */
const KNOWN_BYTES = 16 * LOG_LIMITS.noteBytes;

/** How much of each log the host has seen. Throws `trust_log_invalid` when the file is damaged. */
export async function readKnownLogs(dataDir: string): Promise<{ origin: string; size: number }[]> {
  const known = await openLogStore(dataDir).readKnown();
  return known.map(({ origin, size }) => ({ origin, size }));
}

/** The log's files in a data directory. */
export function openLogStore(dataDir: string): LogStore {
  const knownFile = join(dataDir, "trust", "log.json");
  const evidenceFile = join(dataDir, "trust", "log-fork.json");
  const write = (file: string, value: unknown) =>
    writeFileDurably(file, utf8(`${JSON.stringify(value, null, 2)}\n`));
  return {
    async readKnown() {
      const bytes = await readFileIfPresent(knownFile);
      return bytes === null ? [] : parseKnown(bytes);
    },
    writeKnown: (known) => write(knownFile, known),
    async findEvidence() {
      // Whatever its content: editing the file is not a way to make it go away.
      if ((await readFileIfPresent(evidenceFile)) === null) return null;
      return { file: evidenceFile, at: (await stat(evidenceFile)).mtime.toISOString() };
    },
    writeEvidence: (evidence) => write(evidenceFile, evidence),
  };
}

function parseKnown(bytes: Uint8Array): KnownCheckpoint[] {
  try {
    const limits = { maxBytes: KNOWN_BYTES, code: "trust_log_invalid" } as const;
    return knownSchema.parse(parseJson(bytes, limits));
  } catch (cause) {
    const fix =
      "Restore trust/log.json in the data directory from a backup. Without the file the host takes the log as it is now for the true one.";
    throw new RbsmError("trust_log_invalid", "The stored checkpoint is damaged", { fix }, cause);
  }
}
