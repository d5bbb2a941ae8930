import { RbsmError } from "@rising-bsm/protocol";
import { type InstallParts, lockDocument } from "../install/installer.ts";
import { sweepBundles, undoInstall } from "../install/journal.ts";
import { type JournalRow, KIND, type PluginRow, readPlugins } from "../install/rows.ts";
import { forgetSchedules } from "../schedules/schedule-row.ts";
import type { Change } from "../store/host-store.ts";
import type { AdministerParts } from "./administer-parts.ts";

/** Removes a plugin that no other one needs; its data goes too unless it is kept. */
export async function uninstall(
  parts: AdministerParts,
  name: string,
  { keepData }: { keepData: boolean },
): Promise<void> {
  const { slots, active, install } = parts;
  const slot = slots.get(name);
  const needing = slots
    .all()
    .filter(({ row }) => Object.hasOwn(row.release.dependencies, name) && row.name !== name);
  if (needing.length > 0) {
    const names = needing.map(({ row }) => row.name).join(", ");
    throw new RbsmError("conflict_state", `${names} needs ${name}`, {
      plugin: name,
      fix: `Uninstall ${names} first.`,
    });
  }
  await active.stop(name, null);
  const removal = await commitRemoval(install, slot.row, keepData).catch((error: unknown) => {
    slots.put(name, { ...slot, running: null });
    throw error;
  });
  await clearUp(install, removal).catch((error: unknown) => {
    install.logger.warn(`What ${name} left could not be removed yet; the next start does it`, {
      error: String(error),
    });
  });
  await install.licenses.giveBack(name).catch((error: unknown) => {
    install.logger.warn(
      `The seat of ${name} could not be returned; it is free when its lease ends`,
      {
        error: String(error),
      },
    );
  });
}

/** What is gone with a commit, and has to be cleared up after it; no journal when data is kept. */
interface Removal {
  readonly plugins: ReadonlyMap<string, PluginRow>;
  readonly id: string;
  readonly journal: JournalRow | null;
}

/** The data goes after the commit; until it is gone the journal remembers that it has to. */
async function commitRemoval(
  { store, now }: InstallParts,
  { name, config, release }: PluginRow,
  keepData: boolean,
): Promise<Removal> {
  const plugins = await readPlugins(store);
  plugins.delete(name);
  const id = crypto.randomUUID();
  const startedAt = now().toISOString();
  const journal = { startedAt, operation: "uninstall", fresh: [name], updated: [] };
  const { version } = release;
  const changes: Change[] = [
    { kind: KIND.plugin, key: name, value: null },
    { kind: KIND.lock, key: "plugins", value: lockDocument(plugins) },
    ...(await forgetSchedules(store, name)),
    keepData
      ? { kind: KIND.keptData, key: name, value: { version, config } }
      : { kind: KIND.journal, key: id, value: journal },
  ];
  await store.commit(changes).catch(async (error: unknown) => {
    // A store may fail after it has stored; then the plugin is gone all the same.
    if ((await store.get(KIND.plugin, name)) !== null) throw error;
  });
  return { plugins, id, journal: keepData ? null : journal };
}

async function clearUp(install: InstallParts, { plugins, id, journal }: Removal): Promise<void> {
  if (journal === null) await sweepBundles(install, plugins);
  else await undoInstall(install, id, journal);
}
