import { join, resolve } from "node:path";
import { createMarketplace, type Marketplace, openLog, openTrust } from "@rising-bsm/host-sdk";
import {
  fromBase64url,
  type NoteKey,
  openCheckpoint,
  type OpenedCheckpoint,
  parseVerifierKey,
  RbsmError,
  type ServiceKeys,
  sha256Hex,
  utf8,
} from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { configDir } from "../config-dir.ts";
import { marketplaceAddress } from "../marketplace/address.ts";
import { readRootFile } from "../marketplace/root-file.ts";
import { createLogSource, type LogSource } from "./log-source.ts";

/** Which log to read, and whom to believe: the keys under a trust root, or one verifier key. */
export interface LogAddress {
  readonly url?: string;
  readonly root?: string;
  readonly key?: string;
  readonly acceptStale?: boolean;
}

/** A log with the keys that may sign its checkpoint. */
export interface LogAccess {
  readonly url: string;
  readonly files: Marketplace;
  readonly source: LogSource;
  /** The keys that may sign the checkpoint. */
  readonly keys: readonly NoteKey[];
  /** Null when only the log's own key is known. */
  readonly serviceKeys: ServiceKeys | null;
  /** What this machine remembers of this log at this address. */
  readonly stateDir: string;
  /** The checkpoint as it is now. Throws `trust_log_invalid`. */
  readHead(): Promise<OpenedCheckpoint>;
  /** Demands that the checkpoint continues all that were shown before. Throws `trust_log_fork`. */
  demandConsistency(head: OpenedCheckpoint): Promise<void>;
}

/** Finds the log and its keys. */
export async function openLogAccess(cli: Cli, address: LogAddress): Promise<LogAccess> {
  const url = await marketplaceAddress(cli, address.url);
  const files = createMarketplace({ url, signal: cli.signal });
  const { name, read } = await anchorOf(cli, address);
  const stateDir = await logStateDir(cli, name, files.url);
  const { keys, serviceKeys } = await read({ stateDir, files });
  const source = createLogSource(files);
  return {
    url: files.url,
    files,
    source,
    keys,
    serviceKeys,
    stateDir,
    readHead: async () => openCheckpoint(await source.checkpoint(), keys),
    demandConsistency: (head) => demandConsistency({ stateDir, files, keys }, head),
  };
}

interface Surroundings {
  readonly stateDir: string;
  readonly files: Pick<Marketplace, "url" | "getBytes">;
}

interface Anchor {
  /** Distinguishes what is remembered of different logs. */
  readonly name: string;
  readonly read: (around: {
    readonly stateDir: string;
    readonly files: Marketplace;
  }) => Promise<{ readonly keys: readonly NoteKey[]; readonly serviceKeys: ServiceKeys | null }>;
}

async function anchorOf(cli: Cli, { root, key, acceptStale }: LogAddress): Promise<Anchor> {
  if ((root === undefined) === (key === undefined)) throw noAnchor();
  if (key !== undefined) {
    const parsed = await parseLogKey(key);
    return { name: key, read: async () => ({ keys: [parsed], serviceKeys: null }) };
  }
  const bytes = await readRootFile(resolve(cli.cwd, root ?? ""));
  return {
    name: await sha256Hex(bytes),
    async read({ stateDir, files }) {
      const now = () => new Date();
      const trust = await openTrust({ dataDir: stateDir, root: bytes, marketplace: files, now });
      const { serviceKeys } = await trust.refresh({ acceptStale });
      return { keys: logKeysOf(serviceKeys), serviceKeys };
    },
  };
}

/** A cosigner says what it has seen; only the log itself can say what it holds. */
async function parseLogKey(key: string): Promise<NoteKey> {
  const fix = "`log verify --root FILE` prints the log's key, which begins with the log's name";
  const parsed = await parseVerifierKey(key).catch((error: unknown) => {
    throw new RbsmError("usage", `--key ${key} is no verifier key of a log`, { fix }, error);
  });
  if (parsed.role === "log") return parsed;
  throw new RbsmError("usage", `--key ${key} is the key of a cosigner, not of a log`, { fix });
}

function noAnchor(): RbsmError {
  return new RbsmError("usage", "name whom to believe: either --root or --key", {
    fix: "pass --root FILE (the marketplace's root.json) or --key VKEY (the log's verifier key)",
  });
}

/**
 * Where is remembered what the log of a trust root (by its SHA-256) or verifier key has shown at an
 * address. Another address has a state of its own: a mirror may lag behind.
 */
export async function logStateDir(cli: Cli, anchor: string, url: string): Promise<string> {
  const name = (await sha256Hex(utf8(`${anchor}\n${url}`))).slice(0, 16);
  return join(configDir(cli.env), "logs", name);
}

/** The keys that may sign the checkpoint. */
export function logKeysOf({ log }: ServiceKeys): NoteKey[] {
  return log.map(({ origin, publicKey }) => ({
    name: origin,
    publicKey: fromBase64url(publicKey),
  }));
}

/** A log at an address, the keys that may sign for it, and what is remembered of it. */
export interface KnownLog extends Surroundings {
  readonly keys: readonly NoteKey[];
}

/** Demands that the checkpoint is of the history that is remembered. Throws `trust_log_fork`. */
export async function demandConsistency(
  { stateDir, files, keys }: KnownLog,
  head: Pick<OpenedCheckpoint, "note">,
): Promise<void> {
  const marketplace: Pick<Marketplace, "getBytes" | "url"> = {
    url: files.url,
    // The very checkpoint whose entries were read, not a newer one.
    getBytes: async (path, maxBytes) =>
      path === "/log/checkpoint" ? utf8(head.note) : await files.getBytes(path, maxBytes),
  };
  const now = () => new Date();
  const log = await openLog({ dataDir: stateDir, marketplace, keys: async () => keys, now });
  await log.refresh();
}
