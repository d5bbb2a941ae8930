import {
  base64,
  fromBase64,
  type Hash,
  LOG_LIMITS,
  type NoteKey,
  openCheckpoint,
  type OpenedCheckpoint,
  openTlogProof,
  RbsmError,
  sha256,
} from "@rising-bsm/protocol";
import type { Marketplace } from "../client/marketplace.ts";
import { findFork, type ForkProof, type ProvenTiles } from "./find-fork.ts";
import { type KnownCheckpoint, openLogStore } from "./log-store.ts";

/** The marketplace's log as this host has come to know it: one history, which only grows. */
export interface LogClient {
  /**
   * Verifies that the entry is in the log and that the proof's checkpoint belongs to the history this
   * host knows. The entry's index; null in another log than the first of the keys, because revocations
   * name places in that one. Throws `trust_log_invalid` or `trust_log_fork`.
   */
  prove(proof: string, entry: Uint8Array): Promise<number | null>;
  /** Reads `/log/checkpoint` and demands that it continues what is known; throws as `prove` does. */
  refresh(): Promise<void>;
  /** Evidence that the log told two histories; while the file is there, `prove` and `refresh` refuse. */
  fork(): Promise<Fork | null>;
  /** The same log with its files read elsewhere; what is known of it is held against them. */
  over(marketplace: LogOptions["marketplace"]): LogClient;
}

/** Where the evidence of a fork lies, and since when (ISO time). */
export interface Fork {
  readonly file: string;
  readonly at: string;
}

/** Where the log is kept and read, and whose signatures count. */
export interface LogOptions {
  readonly dataDir: string;
  readonly marketplace: Pick<Marketplace, "getBytes" | "url">;
  /** Origins and keys of the logs that the offline keys vouch for; places are counted in the first. */
  readonly keys: () => Promise<readonly NoteKey[]>;
  readonly now: () => Date;
  readonly logger?: { error(message: string, fields?: Record<string, unknown>): void };
}

/** A checkpoint and where it was read. */
interface Shown {
  readonly checkpoint: OpenedCheckpoint;
  readonly url: string;
}

/** Opens what the data directory remembers of the log; nothing is asked for yet. */
export async function openLog(options: LogOptions): Promise<LogClient> {
  let last: Promise<unknown> = Promise.resolve();
  return clientOver({
    ...options,
    store: openLogStore(options.dataDir),
    unwritten: { fork: null },
    tiles: new Map<string, ProvenTiles>(),
    // One after the other: each is held against what the one before has left.
    inTurn(work) {
      const done = last.then(work);
      last = done.catch(() => undefined);
      return done;
    },
  });
}

function clientOver(parts: LogParts): LogClient {
  const { marketplace, keys, inTurn } = parts;
  const checkpointUrl = `${marketplace.url}/log/checkpoint`;
  return {
    fork: () => forkOf(parts),
    over: (other) => clientOver({ ...parts, marketplace: other }),
    prove: (text, entry) =>
      inTurn(async () => {
        await refuseForked(parts);
        const logs = await keys();
        const { index, checkpoint } = await openTlogProof(text, entry, logs);
        await accept(parts, { checkpoint, url: `${marketplace.url} (proof of entry ${index})` });
        return checkpoint.origin === logs[0]?.name ? index : null;
      }),
    refresh: () =>
      inTurn(async () => {
        await refuseForked(parts);
        const note = await marketplace.getBytes("/log/checkpoint", LOG_LIMITS.noteBytes);
        const checkpoint = await openCheckpoint(note, await keys());
        await accept(parts, { checkpoint, url: checkpointUrl });
      }),
  };
}

interface LogParts extends LogOptions {
  readonly store: ReturnType<typeof openLogStore>;
  /** A fork whose evidence could not be written. */
  readonly unwritten: { fork: Fork | null };
  /** By origin. */
  readonly tiles: Map<string, ProvenTiles>;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

async function forkOf({ store, unwritten }: LogParts): Promise<Fork | null> {
  return (await store.findEvidence()) ?? unwritten.fork;
}

async function refuseForked(parts: LogParts): Promise<void> {
  const fork = await forkOf(parts);
  if (fork !== null) throw forked(fork);
}

/** An older checkpoint is a mirror that lags behind: it has to fit, and is forgotten again. */
async function accept(parts: LogParts, shown: Shown): Promise<void> {
  const { store, marketplace } = parts;
  const { origin, size, root, note } = shown.checkpoint;
  const all = await store.readKnown();
  const known = all.find((one) => one.origin === origin) ?? (await nothingKnown(origin));
  const before = { size: known.size, root: fromBase64(known.root) };
  const [first, second] =
    before.size <= size ? [before, shown.checkpoint] : [shown.checkpoint, before];
  const tiles = parts.tiles.get(origin) ?? new Map<string, readonly Hash[]>();
  parts.tiles.set(origin, tiles);
  const fork = await findFork({ marketplace, tiles }, first, second);
  if (fork !== null) throw forked(await keepEvidence(parts, { known, shown, fork }));
  if (size <= before.size) return;
  const others = all.filter((one) => one !== known);
  await store.writeKnown([...others, { origin, size, root: base64(root), note }]);
}

/** Every history begins with the empty one. */
async function nothingKnown(origin: string): Promise<KnownCheckpoint> {
  return { origin, size: 0, root: base64(await sha256(new Uint8Array())), note: "" };
}

interface Found {
  readonly known: KnownCheckpoint;
  readonly shown: Shown;
  readonly fork: ForkProof;
}

async function keepEvidence(parts: LogParts, { known, shown, fork }: Found): Promise<Fork> {
  const { store, unwritten, logger } = parts;
  const at = parts.now().toISOString();
  const evidence = {
    what: "One log signed both notes. The shorter history is not the beginning of the longer one: prefixRoot is the root of the longer one's first entries, as the proof shows.",
    at,
    url: shown.url,
    origin: known.origin,
    known: known.note,
    shown: shown.checkpoint.note,
    prefixRoot: base64(fork.prefixRoot),
    proof: fork.proof.map(base64),
  };
  unwritten.fork = { file: "", at };
  await store.writeEvidence(evidence).then(
    () => (unwritten.fork = null),
    (error: unknown) => logger?.error("The evidence could not be written", { error, evidence }),
  );
  const kept = (await forkOf(parts)) ?? { file: "", at };
  logger?.error("The log shows this host another history than before", { ...kept });
  return kept;
}

function forked({ file, at }: Fork): RbsmError {
  const fix = `Installed plugins keep running. ${file} proves that the log told two histories: keep a copy, ask the marketplace's operator and compare with other hosts. Updates go on when the file is moved away and the log continues trust/log.json again.`;
  return new RbsmError("trust_log_fork", undefined, { evidence: file, since: at, fix });
}
