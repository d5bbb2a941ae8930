import {
  ADVISORIES_TARGET,
  catalogShardSchema,
  CLIENT_LIMITS,
  documentPath,
  pluginDocumentSchema,
  POLICY_TARGET,
  RbsmError,
  REVOCATIONS_TARGET,
  SERVICE_KEYS_TARGET,
  shardTarget,
  targetPath,
} from "@rising-bsm/protocol";
import type { PluginDocument } from "@rising-bsm/protocol";
import { z } from "zod";
import type { ShownFiles } from "./shown-files.ts";

const listed = z.object({ version: z.int() });
const timestampSchema = z.object({
  signed: z.object({ version: z.int(), meta: z.object({ "snapshot.json": listed }) }),
});
const snapshotSchema = z.object({
  signed: z.object({ meta: z.object({ "targets.json": listed, "catalog.json": listed }) }),
});
const targetsSchema = z.object({
  signed: z.object({
    targets: z.record(z.string(), z.object({ hashes: z.object({ sha256: z.string() }) })),
  }),
});

/** What the host knows of the trust metadata: versions, 0 for none. */
export interface KnownTrust {
  readonly root: number;
  readonly timestamp: number;
}

/** The catalogue of one moment. */
export interface ShownCatalogue {
  /** The plugin's document; null when there is none. */
  document(plugin: string): Promise<PluginDocument | null>;
}

/**
 * Reads what a host reads before it installs: the roots after its own, the metadata that the
 * timestamp leads to, the lists. Nothing is verified, the host does. Throws `unavailable` when this
 * marketplace is behind what the host has seen.
 */
export async function readTrust(shown: ShownFiles, known: KnownTrust): Promise<ShownCatalogue> {
  const timestamp = (await shown.readJson("tuf/timestamp.json", timestampSchema)).signed;
  if (timestamp.version < known.timestamp) throw behind();
  await addRoots(shown, known.root);
  const snapshotPath = `tuf/${timestamp.meta["snapshot.json"].version}.snapshot.json`;
  const { meta } = (await shown.readJson(snapshotPath, snapshotSchema)).signed;
  const offline = await readTargets(shown, `tuf/${meta["targets.json"].version}.targets.json`);
  const online = await readTargets(shown, `tuf/${meta["catalog.json"].version}.catalog.json`);
  for (const target of [SERVICE_KEYS_TARGET, POLICY_TARGET, REVOCATIONS_TARGET]) {
    shown.add(pathOf(offline, target));
  }
  shown.add(pathOf(online, ADVISORIES_TARGET));
  return { document: (plugin) => readDocument(shown, online, plugin) };
}

/** The host has seen more than there is: a restored copy, or another marketplace. */
export function behind(): RbsmError {
  return new RbsmError("unavailable", "This marketplace is behind what the host has seen of it", {
    fix: "Check that this is the host's marketplace, and ask again later.",
  });
}

async function addRoots(shown: ShownFiles, known: number): Promise<void> {
  for (let version = known + 1; version <= known + CLIENT_LIMITS.roots; version++) {
    const path = `tuf/${version}.root.json`;
    if (!(await shown.has(path))) return;
    shown.add(path);
  }
}

type Targets = ReadonlyMap<string, string>;

async function readTargets(shown: ShownFiles, path: string): Promise<Targets> {
  const { targets } = (await shown.readJson(path, targetsSchema)).signed;
  return new Map(Object.entries(targets).map(([target, { hashes }]) => [target, hashes.sha256]));
}

function pathOf(targets: Targets, target: string): string {
  const sha256 = targets.get(target);
  if (sha256 === undefined) throw new RbsmError("unavailable", `${target} is not published`);
  return targetPath(target, sha256).slice(1);
}

async function readDocument(
  shown: ShownFiles,
  online: Targets,
  plugin: string,
): Promise<PluginDocument | null> {
  const target = await shardTarget(plugin);
  if (!online.has(target)) return null;
  const shard = await shown.readJson(pathOf(online, target), catalogShardSchema);
  const sha256 = Object.hasOwn(shard.plugins, plugin) ? shard.plugins[plugin] : undefined;
  if (sha256 === undefined) return null;
  return shown.readJson(documentPath(plugin, sha256).slice(1), pluginDocumentSchema);
}
