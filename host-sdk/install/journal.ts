import type { Change, HostStore } from "../store/host-store.ts";
import type { BundleFolder } from "./bundle-folder.ts";
import { type JournalRow, KIND, type PluginRow, readJournal, readPlugins } from "./rows.ts";

/** What undoing an installation touches. */
export interface Recovery {
  readonly store: HostStore;
  readonly bundles: BundleFolder;
  /** Deletes everything a plugin has stored for itself. */
  readonly forgetData: (plugin: string) => Promise<void>;
  /** Takes back what a plugin's new version has stored since it was started. */
  readonly undoTrialWrites: (plugin: string) => Promise<void>;
  /** Makes what it has stored final. */
  readonly forgetUndo: (plugin: string) => Promise<void>;
  readonly now: () => Date;
}

/** Writes down that an installation begins, before its first side effect. Answers its id. */
export async function beginJournal(recovery: Recovery, row: JournalRow): Promise<string> {
  const { store, undoTrialWrites, forgetUndo, forgetData } = recovery;
  const open = [...(await readJournal(store)).values()];
  const updated = open.flatMap((one) => one.updated);
  // Entries of an earlier trial would be taken for this one's: it ended, or was never undone.
  for (const name of row.updated) {
    await (updated.includes(name) ? undoTrialWrites : forgetUndo)(name);
  }
  // What an uninstalled plugin stored and could not be removed then is not for the next one.
  const left = open.flatMap((one) => one.fresh).filter((name) => row.fresh.includes(name));
  for (const name of left) await forgetData(name);
  const id = crypto.randomUUID();
  await store.commit([{ kind: KIND.journal, key: id, value: row, ifVersion: null }]);
  return id;
}

/** Stores what a journal entry was about, together with its end. */
export async function commitJournal(
  store: HostStore,
  id: string,
  changes: readonly Change[],
): Promise<void> {
  await store.commit([...changes, endJournal(id)]).catch(async (error: unknown) => {
    // A store may fail after it has stored. The entry goes with the commit, so it tells.
    if ((await store.get(KIND.journal, id)) !== null) throw error;
  });
}

function endJournal(id: string): Change {
  return { kind: KIND.journal, key: id, value: null };
}

/**
 * Undoes one installation that did not reach its commit. Safe to repeat: the entry goes last, and
 * bundles are judged by what the stored rows name.
 */
export async function undoInstall(
  recovery: Recovery,
  id: string,
  journal: JournalRow,
): Promise<void> {
  const plugins = await readPlugins(recovery.store);
  for (const name of journal.fresh) {
    if (!plugins.has(name)) await recovery.forgetData(name);
  }
  for (const name of journal.updated) await recovery.undoTrialWrites(name);
  await sweepBundles(recovery, plugins);
  await recovery.store.commit([endJournal(id)]);
}

/**
 * Brings the data directory to a state in which every plugin is installed whole or not at all: what
 * was not committed is undone, what a commit left over is cleared. Answers what was undone.
 */
export async function recover(recovery: Recovery): Promise<JournalRow[]> {
  const open = await readJournal(recovery.store);
  for (const [id, journal] of open) await undoInstall(recovery, id, journal);
  await sweepBundles(recovery, await readPlugins(recovery.store));
  return [...open.values()];
}

/** Removes bundles that no stored row names. */
export async function sweepBundles(
  { bundles, now }: Pick<Recovery, "bundles" | "now">,
  plugins: ReadonlyMap<string, PluginRow>,
): Promise<void> {
  const named = [...plugins.values()].flatMap(({ release, previous }) => [
    release.sha256,
    previous?.sha256 ?? release.sha256,
  ]);
  await bundles.sweep(new Set(named), now());
}
