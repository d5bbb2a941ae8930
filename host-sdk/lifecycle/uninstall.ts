import { RbsmError } from "@rising-bsm/protocol";
import { lockDocument } from "../install/installer.ts";
import { sweepBundles, undoInstall } from "../install/journal.ts";
import { type JournalRow, KIND, readPlugins } from "../install/rows.ts";
import { forgetSchedules } from "../schedules/schedule-row.ts";
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
  const plugins = await readPlugins(install.store);
  plugins.delete(name);
  const id = crypto.randomUUID();
  // The data goes after the commit; until it is gone the journal remembers that it has to.
  const journal: JournalRow = {
    startedAt: install.now().toISOString(),
    operation: "uninstall",
    fresh: [name],
    updated: [],
  };
  const { config, release } = slot.row;
  const { version } = release;
  await install.store
    .commit([
      { kind: KIND.plugin, key: name, value: null },
      { kind: KIND.lock, key: "plugins", value: lockDocument(plugins) },
      ...(await forgetSchedules(install.store, name)),
      keepData
        ? { kind: KIND.keptData, key: name, value: { version, config } }
        : { kind: KIND.journal, key: id, value: journal },
    ])
    .catch(async (error: unknown) => {
      // A store may fail after it has stored; then the plugin is gone all the same.
      if ((await install.store.get(KIND.plugin, name)) === null) return;
      slots.put(name, { ...slot, running: null });
      throw error;
    });
  if (keepData) await sweepBundles(install, plugins);
  else await undoInstall(install, id, journal);
  await install.licenses.giveBack(name).catch((error: unknown) => {
    install.logger.warn(
      `The seat of ${name} could not be returned; it is free when its lease ends`,
      {
        error: String(error),
      },
    );
  });
}
