import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Marketplace } from "../client/marketplace.ts";
import { readFileIfPresent, writeFileDurably } from "../disk/durable-file.ts";
import type { StoredTrust } from "./verified.ts";
import type { MetadataSource, StoredHeads } from "./walk-metadata.ts";

/** How far a walk goes out: not at all, for what changed, or for everything. */
export type Reach = "disk" | "changes" | "all";

/** What a source needs beside the folder. */
export interface SourceOptions {
  readonly marketplace: Marketplace;
  readonly reach: Reach;
  /** Heads and ETag of the last refresh, for when the heads' files are gone or damaged. */
  readonly before: Pick<StoredTrust, "etag" | "heads"> | null;
}

/** A source of metadata, and the ETag of the timestamp that it last handed out. */
export interface FolderSource extends MetadataSource {
  readonly etag: () => string | null;
}

/** The copies below `dataDir/tuf` of what was verified, each written durably, and the way to newer ones. */
export async function openMetadataFolder(dataDir: string) {
  const folder = join(dataDir, "tuf");
  await mkdir(join(folder, "roots"), { recursive: true, mode: 0o700 });
  const fileOf = (name: string) =>
    join(folder, name.endsWith(".root") ? "roots" : "", `${name}.json`);
  const stored = async (name: string) => bufferOf(await readFileIfPresent(fileOf(name)));
  const keep = (name: string, bytes: Uint8Array) => writeFileDurably(fileOf(name), bytes);
  const sourceOf = ({ marketplace, reach, before }: SourceOptions): FolderSource => {
    let current = before?.etag ?? null;
    return {
      stored,
      keep,
      etag: () => current,
      storedRoot: (version) => stored(`${version}.root`),
      async storedHeads() {
        const timestamp = await stored("timestamp");
        const own = timestamp === null ? [] : [{ timestamp, snapshot: await stored("snapshot") }];
        return before === null ? own : [...own, headsOf(before)];
      },
      root: async (version) =>
        reach === "all" ? readIfThere(marketplace, `/tuf/${version}.root.json`) : null,
      async timestamp() {
        if (reach === "disk") return null;
        const known = reach === "all" ? null : current;
        const maxBytes = CLIENT_LIMITS.timestampBytes;
        const order = { path: "/tuf/timestamp.json", maxBytes, etag: known };
        const answer = await marketplace.getIfChanged(order);
        if (answer !== null) current = answer.etag;
        return bufferOf(answer?.bytes ?? null);
      },
      async file(role, version, maxBytes) {
        if (reach === "disk") throw notStored(role);
        const bytes = await readIfThere(marketplace, `/tuf/${version}.${role}.json`, maxBytes);
        if (bytes === null) throw withheld(`${role} ${version}`);
        return bytes;
      },
    };
  };
  return { sourceOf, stored, keep };
}

function headsOf({ heads }: Pick<StoredTrust, "heads">): StoredHeads {
  return { timestamp: Buffer.from(heads.timestamp), snapshot: Buffer.from(heads.snapshot) };
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

async function readIfThere(
  marketplace: Marketplace,
  path: string,
  maxBytes: number = CLIENT_LIMITS.rootBytes,
): Promise<Buffer | null> {
  try {
    return Buffer.from(await marketplace.getBytes(path, maxBytes));
  } catch (error) {
    if (error instanceof RbsmError && error.code === "not_found") return null;
    throw error;
  }
}

/** The refusal of a marketplace that lists a file and does not have it. */
export function withheld(what: string): RbsmError {
  return new RbsmError(
    "network_bad_answer",
    `The marketplace lists ${what} and does not serve it`,
    {
      fix: "Try again later or use a mirror; installed plugins keep running.",
    },
  );
}

function notStored(role: string): RbsmError {
  return new RbsmError("trust_metadata_invalid", `There is no current copy of ${role} on disk`);
}

const versionSchema = z.object({ signed: z.object({ version: z.int().nonnegative() }) });

/** Of metadata that is not verified here; 0 for none, and for what is none. */
export function metadataVersion(bytes: Uint8Array | null): number {
  if (bytes === null) return 0;
  try {
    const parsed = versionSchema.safeParse(JSON.parse(Buffer.from(bytes).toString()));
    return parsed.data?.signed.version ?? 0;
  } catch {
    return 0;
  }
}

/** Versions of the newest root and timestamp that a data directory holds; 0 for none. */
export async function readKnownVersions(
  dataDir: string,
): Promise<{ root: number; timestamp: number }> {
  const folder = join(dataDir, "tuf");
  const roots = await readdir(join(folder, "roots")).catch((): string[] => []);
  const versions = roots.map((name) => Number(/^(\d+)\.root\.json$/.exec(name)?.[1] ?? 0));
  const timestamp = metadataVersion(await readFileIfPresent(join(folder, "timestamp.json")));
  return { root: Math.max(0, ...versions), timestamp };
}
