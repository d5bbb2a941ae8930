import type { Candidate, Json, Manifest } from "@rising-bsm/protocol";
import type { Running } from "../lifecycle/running.ts";
import type { RuntimeLogger } from "../runtime/plugin-runtime.ts";
import type { Catalogue, Trust } from "../trust/trust.ts";
import type { Change } from "../store/host-store.ts";
import { checkReleases, type Staged, type StageParts, stageAll } from "./stage.ts";
import {
  beginJournal,
  commitJournal,
  type Recovery,
  sweepBundles,
  undoInstall,
} from "./journal.ts";
import { type PlanInput, type PluginRequest, planInstall } from "./plan.ts";
import type { OnProgress } from "./progress.ts";
import {
  type JournalRow,
  type KeptData,
  KIND,
  pinJson,
  type PluginRow,
  readKept,
  readPlugins,
} from "./rows.ts";

/** The parts of the host that an installation works with. */
export interface InstallParts extends StageParts, Recovery {
  readonly trust: Trust;
  /** Why a listed version cannot be had; left out, all can. */
  readonly withheld?: PlanInput["withheld"];
  readonly engines: Readonly<Record<string, string>>;
  readonly logger: RuntimeLogger;
  /**
   * Loads and activates the new version of one plugin beside whatever runs now. `reach` leads to the
   * other new versions of the set. Throws what the plugin threw, with nothing left loaded.
   */
  readonly start: (start: StartOrder) => Promise<Running>;
  /** Ends a version that was started and will not be used. */
  readonly abandon: (running: Running) => Promise<void>;
}

/** Files that were carried here, for an installation that is not to ask the marketplace. */
export interface InstallSource extends Pick<StageParts, "marketplace" | "log" | "licenses"> {
  readonly trust: Pick<Trust, "refresh">;
  readonly withheld: NonNullable<PlanInput["withheld"]>;
}

/** One new version to start. */
export interface StartOrder {
  readonly row: PluginRow;
  readonly bundle: Staged["bundle"];
  readonly before: PluginRow | null;
  readonly reach: (name: string) => Running | undefined;
}

/** What an administrator wants done. */
export interface InstallOrder {
  /** A repair brings the installed release back and asks for nothing by name. */
  readonly operation: "install" | "update" | "sideload" | "repair";
  readonly requests: readonly PluginRequest[];
  /** Decides what a plugin may do, from its verified manifest; throws `permission_not_granted`. */
  readonly grantsOf: (manifest: Manifest, before: PluginRow | null) => readonly string[];
  readonly approvedBy: string;
  readonly licenseKeys: Readonly<Record<string, string>>;
  readonly acceptPublisher: boolean;
  readonly acceptStale: boolean;
  readonly onProgress: OnProgress;
  /** A bundle that is at hand and is part of the set. */
  readonly sideloaded?: Staged;
}

/** A plugin whose new version is stored and, unless it is disabled, runs. */
export interface Installed {
  readonly row: PluginRow;
  readonly manifest: Manifest;
  readonly running: Running | null;
}

interface Member {
  readonly staged: Staged;
  readonly before: PluginRow | null;
  readonly row: PluginRow;
}

/**
 * Installs a plugin and everything it needs, all or nothing. Up to the commit nothing that runs or
 * is stored changes; one commit makes every member of the set installed. A failure before it undoes
 * what was begun, and so does the next start when the process dies.
 */
export async function installSet(parts: InstallParts, order: InstallOrder): Promise<Installed[]> {
  const installed = await readPlugins(parts.store);
  const { plan, accepted } = await prepare(parts, order, installed);
  if (accepted.size === 0 && order.sideloaded === undefined) return [];
  const names = [
    ...accepted.keys(),
    ...(order.sideloaded === undefined ? [] : [order.sideloaded]),
  ].map(({ name }) => name);
  const kept = await readKept(parts.store);
  const journal = journalOf(parts, order, { names, known: [...installed.keys(), ...kept.keys()] });
  const id = await beginJournal(parts, journal);
  const started = new Map<string, Running>();
  try {
    const staged = await stageAll(parts, accepted, order);
    const members = [...staged, ...(order.sideloaded === undefined ? [] : [order.sideloaded])]
      .sort((a, b) => plan.order.indexOf(a.name) - plan.order.indexOf(b.name))
      .map((one) => memberOf(one, { parts, order, before: installed.get(one.name) ?? null, kept }));
    for (const member of members) await startMember(parts, order, { member, started });
    await commit(parts, order, { id, members, installed });
    return await finishInstall(parts, members, started);
  } catch (error) {
    await undoBegun(parts, { id, journal, started: started.values() });
    throw error;
  }
}

/** Reads what is public. A set that needs nothing from the marketplace does not ask it. */
async function prepare(
  parts: InstallParts,
  order: InstallOrder,
  installed: ReadonlyMap<string, PluginRow>,
) {
  for (const { name } of order.requests)
    order.onProgress({ step: "resolve", plugin: name, version: "" });
  let fresh: Promise<Catalogue> | undefined;
  const refresh = () => (fresh ??= parts.trust.refresh({ acceptStale: order.acceptStale }));
  const plan = await planInstall({
    catalogue: { document: async (name) => (await refresh()).document(name) },
    requests: order.requests,
    installed,
    damaged: await damagedOf(parts, installed),
    engines: parts.engines,
    withheld: parts.withheld,
    provided: providedBy(order.sideloaded),
  });
  const accepted = await checkReleases(parts, plan, {
    ...order,
    trust: refresh,
  });
  return { plan, accepted };
}

/** Installing again is how an altered or lost bundle is repaired. */
async function damagedOf(
  { bundles }: InstallParts,
  installed: ReadonlyMap<string, PluginRow>,
): Promise<Set<string>> {
  const damaged = new Set<string>();
  for (const { name, release } of installed.values())
    if (!(await bundles.has(release.sha256))) damaged.add(name);
  return damaged;
}

function providedBy(sideloaded: Staged | undefined): ReadonlyMap<string, Candidate> {
  if (sideloaded === undefined) return new Map();
  const { version, dependencies } = sideloaded.release;
  return new Map([[sideloaded.name, { version, dependencies, yanked: false }]]);
}

function journalOf(
  parts: InstallParts,
  order: InstallOrder,
  { names, known }: { names: readonly string[]; known: readonly string[] },
): JournalRow {
  const hasData = (name: string) => known.includes(name);
  return {
    startedAt: parts.now().toISOString(),
    operation: order.operation,
    fresh: names.filter((name) => !hasData(name)),
    updated: names.filter(hasData),
  };
}

/** What a plugin of the set was here before. */
interface Standing {
  readonly before: PluginRow | null;
  readonly kept: ReadonlyMap<string, KeptData>;
}

function memberOf(
  staged: Staged,
  { parts, order, before, kept }: Standing & { parts: InstallParts; order: InstallOrder },
): Member {
  const now = parts.now().toISOString();
  const grants = [...order.grantsOf(staged.bundle.manifest, before)];
  const release = { ...staged.release, grants, approvedBy: order.approvedBy, approvedAt: now };
  const asked =
    order.operation !== "repair" && order.requests.some(({ name }) => name === staged.name);
  const { name, source } = staged;
  const { config } = kept.get(name) ?? { config: {} };
  const fresh = { wanted: "active", direct: asked, installedAt: now, config } as const;
  const stays = before === null ? fresh : { ...before, direct: asked || before.direct };
  const previous = previousOf(before, release.sha256);
  const row: PluginRow = { ...stays, name, source, updatedAt: now, release, previous };
  return { staged, before, row };
}

function previousOf(before: PluginRow | null, sha256: string): PluginRow["previous"] {
  if (before === null) return null;
  // A repair puts the same release in its place and leaves the one before it.
  return before.release.sha256 === sha256 ? before.previous : before.release;
}

async function startMember(
  parts: InstallParts,
  order: InstallOrder,
  { member, started }: { member: Member; started: Map<string, Running> },
): Promise<void> {
  const { row, before, staged } = member;
  const report = { plugin: row.name, version: row.release.version };
  order.onProgress({ step: "install", ...report });
  if (row.wanted === "disabled") return;
  order.onProgress({ step: "activate", ...report });
  const running = await parts.start({
    row,
    bundle: staged.bundle,
    before,
    reach: (name) => started.get(name),
  });
  started.set(row.name, running);
}

async function commit(
  parts: InstallParts,
  order: InstallOrder,
  {
    id,
    members,
    installed,
  }: { id: string; members: readonly Member[]; installed: ReadonlyMap<string, PluginRow> },
): Promise<void> {
  for (const { row } of members) {
    order.onProgress({ step: "record", plugin: row.name, version: row.release.version });
  }
  const after = new Map([...installed, ...members.map(({ row }) => [row.name, row] as const)]);
  await commitJournal(parts.store, id, [
    ...members.flatMap(changesOf),
    { kind: KIND.lock, key: "plugins", value: lockDocument(after) },
  ]);
}

function changesOf({ row, staged }: Member): Change[] {
  const pin: Change[] =
    staged.pin === null ? [] : [{ kind: KIND.pin, key: row.name, value: pinJson(staged.pin) }];
  return [
    { kind: KIND.plugin, key: row.name, value: row },
    { kind: KIND.keptData, key: row.name, value: null },
    ...pin,
  ];
}

/** The exact set that is installed, as one document: what a reinstall elsewhere would need. */
export function lockDocument(plugins: ReadonlyMap<string, PluginRow>): Json {
  const entries = [...plugins.values()].map(({ name, direct, release }) => {
    const { version, sha256, dependencies } = release;
    return [name, { version, sha256, direct, dependencies }] as const;
  });
  return { lockVersion: 1, plugins: Object.fromEntries(entries) };
}

/** After the commit nothing may fail the installation any more: what is not cleared up now is later. */
async function finishInstall(
  parts: InstallParts,
  members: readonly Member[],
  started: ReadonlyMap<string, Running>,
): Promise<Installed[]> {
  try {
    for (const { row } of members) await parts.forgetUndo(row.name);
    await sweepBundles(parts, await readPlugins(parts.store));
  } catch (error) {
    const fields = { error: String(error) };
    parts.logger.warn("What an installation left over could not be removed yet", fields);
  }
  return members.map(({ row, staged }) => ({
    row,
    manifest: staged.bundle.manifest,
    running: started.get(row.name) ?? null,
  }));
}

/** Undoes what was begun and is not committed: ends the versions that were started, then the journal. */
export async function undoBegun(
  parts: InstallParts,
  { id, journal, started }: { id: string; journal: JournalRow; started: Iterable<Running> },
): Promise<void> {
  for (const running of started) await parts.abandon(running);
  // A journal entry that cannot be ended now (a full disk, say) is undone at the next start.
  await undoInstall(parts, id, journal).catch((error: unknown) => {
    parts.logger.warn("An installation could not be undone now; the next start does it", {
      error: String(error),
    });
  });
}
