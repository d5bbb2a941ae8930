import { isDeepStrictEqual } from "node:util";
import { type Installed, type InstallParts, lockDocument } from "../install/installer.ts";
import { KIND, type PluginRow, readPlugins } from "../install/rows.ts";
import type { Change, HostStore } from "../store/host-store.ts";
import type { ActivePlugins } from "./active-plugins.ts";
import type { Revocations } from "./revocations.ts";
import type { Slots, StateChange } from "./slots.ts";

/** What administering works with. */
export interface AdministerParts {
  readonly install: InstallParts;
  readonly active: ActivePlugins;
  readonly slots: Slots;
  readonly revocations: Revocations;
  /** Permissions that plugins may be granted on this host; all when undefined. */
  readonly allowed: readonly string[] | undefined;
}

/** The commit is done; from here on calls reach the new versions. */
export function takeOver(
  { active }: AdministerParts,
  installed: readonly Installed[],
  change?: StateChange,
): void {
  for (const { row, manifest, running } of installed) {
    const slot = {
      row,
      manifest,
      problem: null,
      running: running === null ? null : Promise.resolve(running),
    };
    active.replace(slot, change);
  }
}

/**
 * Stores one plugin's row together with the lock document that lists it. Throws when the row is not
 * stored; a store that fails after it has stored is believed by what it holds.
 */
export async function storeRow(
  { install: { store } }: AdministerParts,
  row: PluginRow,
): Promise<void> {
  await store.commit(await rowChanges(store, row)).catch(async (error: unknown) => {
    const stored = await store.get(KIND.plugin, row.name).catch(() => null);
    if (!isDeepStrictEqual(stored?.value, JSON.parse(JSON.stringify(row)))) throw error;
  });
}

/** The changes that store one plugin's row together with the lock document. */
export async function rowChanges(store: HostStore, row: PluginRow): Promise<Change[]> {
  const plugins = await readPlugins(store);
  plugins.set(row.name, row);
  return [
    { kind: KIND.plugin, key: row.name, value: row },
    { kind: KIND.lock, key: "plugins", value: lockDocument(plugins) },
  ];
}
