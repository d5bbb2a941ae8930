import { createHash } from "node:crypto";
import {
  encodeLogEntry,
  equalBytes,
  type LogEntry,
  parseLogEntry,
  RbsmError,
} from "@rising-bsm/protocol";
import type { Ownership } from "./ownership.ts";
import type { LogFinding } from "./replay-log.ts";

/** What the rules over several entries remember. */
export interface EntryCheck {
  readonly ownership: Ownership;
  /** Whether the log is read from its first entry: only then is what is missing known to be missing. */
  readonly isWhole: boolean;
  /** An earlier entry, read again. */
  readonly readAgain: (index: number) => Promise<Uint8Array | undefined>;
}

/** The entry, or what is wrong with its form. */
export function readEntry(index: number, bytes: Uint8Array): LogEntry | LogFinding {
  try {
    const entry = parseLogEntry(bytes);
    if (equalBytes(encodeLogEntry(entry), bytes)) return entry;
    return wrong("log_entry_invalid", index, "is not in the one form that entries have");
  } catch (error) {
    if (!(error instanceof RbsmError)) throw error;
    return wrong("log_entry_invalid", index, `is no entry: ${error.message}`);
  }
}

/**
 * The rules over several entries: each release once, none of a removed plugin, scopes handed on by their
 * owners, keys with one publisher, roots in order. Of each release a number is remembered.
 */
export function createEntryRules(check: EntryCheck) {
  const removed = new Set<string>();
  const releaseSeen = createReleaseMemory(check.readAgain);
  let root = 0;
  return async function breaches(index: number, entry: LogEntry): Promise<LogFinding[]> {
    const said: (string | null)[] = [ownerBreach(check, entry), keyBreach(check, entry)];
    if (entry.type === "remove") removed.add(entry.plugin);
    if (entry.type === "root") {
      said.push(entry.version > root ? null : `makes root ${entry.version} follow root ${root}`);
      root = Math.max(root, entry.version);
    }
    if (entry.type === "release") {
      const name = `${entry.plugin}@${entry.version}`;
      const first = await releaseSeen(index, entry);
      said.push(first === null ? null : `releases ${name} again, as entry ${first} did`);
      said.push(removed.has(entry.plugin) ? `releases ${name} after its removal` : null);
    }
    return said.flatMap((text) => (text === null ? [] : [wrong("log_entry_breach", index, text)]));
  };
}

function wrong(rule: string, index: number, text: string): LogFinding {
  return { rule, path: `/log entry ${index}`, message: `entry ${index} ${text}`, index };
}

function ownerBreach({ ownership, isWhole }: EntryCheck, entry: LogEntry): string | null {
  if (entry.type !== "owner") return null;
  const owner = ownership.owners.get(entry.scope) ?? null;
  if (owner === entry.from || (owner === null && !isWhole)) return null;
  return `takes ${entry.scope} from ${entry.from ?? "nobody"}, but it belongs to ${owner ?? "nobody"}`;
}

function keyBreach({ ownership }: EntryCheck, entry: LogEntry): string | null {
  if (entry.type !== "key-add" && entry.type !== "key-revoke") return null;
  const holder = ownership.keys.get(entry.keyId)?.publisher ?? entry.publisher;
  if (holder === entry.publisher) return null;
  return `speaks of the key ${entry.keyId} for ${entry.publisher}, but it is ${holder}'s`;
}

type Release = Extract<LogEntry, { type: "release" }>;

/**
 * Answers the index at which a release was logged before. 53 bits of a hash are kept of each, so that a
 * million releases take some 50 MB; when two fall together, the earlier entry decides.
 */
function createReleaseMemory(readAgain: EntryCheck["readAgain"]) {
  const seen = new Map<number, number>();
  return async function firstIndexOf(index: number, entry: Release): Promise<number | null> {
    const digest = createHash("sha256").update(`${entry.plugin}@${entry.version}`).digest();
    const key = digest.readUIntBE(0, 6) * 32 + (digest.readUInt8(6) >> 3);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    const bytes = first === undefined ? undefined : await readAgain(first);
    const before = bytes === undefined ? undefined : readEntry(index, bytes);
    const isSame =
      before !== undefined &&
      "type" in before &&
      before.type === "release" &&
      before.plugin === entry.plugin &&
      before.version === entry.version;
    return isSame && first !== undefined ? first : null;
  };
}
