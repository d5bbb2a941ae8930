/**
 * The documents the host keeps about installed plugins. Written by the installer and the plugin
 * switch alone, read at start; a plugin's own storage is the broker's.
 */
import { type Json, type PublisherKeys, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { HostStore } from "../store/host-store.ts";

/** Kinds of the store that the installer writes. */
export const KIND = {
  plugin: "plugin",
  pin: "publisher-pin",
  journal: "install-journal",
  lock: "install-lock",
  keptData: "kept-data",
} as const;

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const releaseRowSchema = z.object({
  version: z.string(),
  sha256: digest,
  size: z.int().positive(),
  treeDigest: z.string(),
  /** Order of the release at the marketplace; null when it was sideloaded. */
  seq: z.int().nullable(),
  /** ISO time of the release, or of the sideload. */
  publishedAt: z.string(),
  publisherKeyId: digest,
  /** Place of the release in the log; null when it was sideloaded or the host did not know yet. */
  logIndex: z.int().nonnegative().nullable().default(null),
  paid: z.boolean(),
  dependencies: z.record(z.string(), z.string()),
  grants: z.array(z.string()),
  approvedBy: z.string(),
  approvedAt: z.string(),
});

const pluginRowSchema = z.object({
  name: z.string(),
  /** What an administrator decided; what became of it at run time is not stored. */
  wanted: z.enum(["active", "disabled"]),
  source: z.enum(["marketplace", "sideload"]),
  /** Asked for by name, not only needed by another plugin. */
  direct: z.boolean(),
  installedAt: z.string(),
  updatedAt: z.string(),
  config: z.record(z.string(), z.json()),
  release: releaseRowSchema,
  /** The release that `rollback` returns to; its bundle stays on disk. */
  previous: releaseRowSchema.nullable(),
});

/** One release as it was accepted: digests, order, and what it may do. */
export type ReleaseRow = z.output<typeof releaseRowSchema>;

/** One installed plugin. */
export type PluginRow = z.output<typeof pluginRowSchema>;

const pinSchema = z.object({
  publisher: z.string(),
  keys: z.array(
    z.object({
      keyId: digest,
      publicKey: z.string(),
      /** Releases from this place in the log on do not count with the key. */
      revokedFrom: z.int().nonnegative().optional(),
    }),
  ),
  /** SHA-256 of the recovery key. */
  recovery: digest.nullable().default(null),
  highest: z.object({ version: z.string(), seq: z.int(), sha256: digest }),
});

/** The publisher's keys and the newest release that this host has accepted; outlives an uninstall. */
export interface PublisherPin extends PublisherKeys {
  readonly highest: { readonly version: string; readonly seq: number; readonly sha256: string };
}

const keptSchema = z.object({
  version: z.string(),
  /** The settings, for the next installation. */
  config: z.record(z.string(), z.json()).default({}),
});

/** What is left of a plugin that was uninstalled with its data kept. */
export type KeptData = z.output<typeof keptSchema>;

const journalSchema = z.object({
  startedAt: z.string(),
  operation: z.string(),
  /** Plugins of the set that had neither a row nor kept data when it began. */
  fresh: z.array(z.string()),
  /** Plugins of the set that had data: what their new versions store meanwhile can be taken back. */
  updated: z.array(z.string()).default([]),
});

/** An installation that has begun and is not committed. */
export type JournalRow = z.output<typeof journalSchema>;

function parseRow<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RbsmError("internal", `The stored ${what} is damaged`, {
    fix: "Restore the host's database from a backup.",
    findings: parsed.error.issues.map(({ path, message }) => ({
      rule: "internal",
      path: path.join("."),
      message,
    })),
  });
}

/** Every installed plugin by name. */
export async function readPlugins(store: HostStore): Promise<Map<string, PluginRow>> {
  const rows = await store.list(KIND.plugin);
  return new Map(
    rows.map(({ key, value }) => [key, parseRow(pluginRowSchema, value, `row of ${key}`)]),
  );
}

/** A pin as it is stored. */
export function pinJson({ publisher, keys, recovery, highest }: PublisherPin): Json {
  const stored = keys.map(({ keyId, publicKey, revokedFrom }) =>
    revokedFrom === undefined ? { keyId, publicKey } : { keyId, publicKey, revokedFrom },
  );
  return { publisher, keys: stored, recovery, highest: { ...highest } };
}

/** What this host knows about a plugin's publisher; null before its first install. */
export async function readPin(store: HostStore, name: string): Promise<PublisherPin | null> {
  const row = await store.get(KIND.pin, name);
  return row === null ? null : parseRow(pinSchema, row.value, `publisher pin of ${name}`);
}

/** The plugins that were uninstalled with their data kept, by name. */
export async function readKept(store: HostStore): Promise<Map<string, KeptData>> {
  const rows = await store.list(KIND.keptData);
  return new Map(
    rows.map(({ key, value }) => [key, parseRow(keptSchema, value, `kept data of ${key}`)]),
  );
}

/** Installations that never reached their commit. */
export async function readJournal(store: HostStore): Promise<Map<string, JournalRow>> {
  const rows = await store.list(KIND.journal);
  return new Map(
    rows.map(({ key, value }) => [key, parseRow(journalSchema, value, "installation journal")]),
  );
}
