import { type Bundle, type Json, RbsmError, satisfies } from "@rising-bsm/protocol";
import { undoBegun } from "../install/installer.ts";
import { beginJournal, commitJournal } from "../install/journal.ts";
import type { JournalRow, PluginRow, ReleaseRow } from "../install/rows.ts";
import { revokedError } from "../install/revoked.ts";
import { type AdministerParts, rowChanges, takeOver } from "./administer-parts.ts";
import { blockingOf } from "./revocations.ts";
import type { Running } from "./running.ts";
import type { Slots } from "./slots.ts";

/** Goes back to the release before; that one needs no marketplace, its bundle is still on disk. */
export async function rollback(parts: AdministerParts, name: string): Promise<void> {
  const { row } = parts.slots.get(name);
  if (row.previous === null) {
    throw new RbsmError("conflict_state", `There is no earlier release of ${name} to go back to`, {
      plugin: name,
    });
  }
  const blocking = blockingOf(parts.revocations, { name, release: row.previous });
  if (blocking !== undefined) throw revokedError(name, row.previous.version, blocking);
  checkFits(parts.slots, name, row.previous);
  const next: PluginRow = {
    ...row,
    // Only what the marketplace released has a place in its order.
    source: row.previous.seq === null ? "sideload" : "marketplace",
    release: row.previous,
    previous: row.release,
    updatedAt: parts.install.now().toISOString(),
  };
  const bundle = await parts.install.bundles.open(next.release);
  const from: Json = row.release.version;
  const running = await startAndStore(parts, { row: next, bundle, from });
  takeOver(parts, [{ row: next, manifest: bundle.manifest, running }], "rolled-back");
}

/** The data stays as it is, unless the old release fails: then what it changed is taken back. */
async function startAndStore(
  { install, active }: AdministerParts,
  { row, bundle, from }: { row: PluginRow; bundle: Bundle; from: Json },
): Promise<Running | null> {
  const journal: JournalRow = {
    startedAt: row.updatedAt,
    operation: "rollback",
    fresh: [],
    updated: [row.name],
  };
  const id = await beginJournal(install, journal);
  const started: Running[] = [];
  try {
    const first = { name: "onUpdate", args: [from] } as const;
    if (row.wanted === "active")
      started.push(await active.start({ row, bundle, first, reach: active.reach }));
    await commitJournal(install.store, id, await rowChanges(install.store, row));
    return started[0] ?? null;
  } catch (error) {
    await undoBegun(install, { id, journal, started });
    throw error;
  }
}

interface Misfit {
  /** The installed plugin to change first. */
  readonly plugin: string;
  readonly message: string;
}

/** The set stays one that the resolver could have chosen: nobody loses what they need. */
function checkFits(slots: Slots, name: string, release: ReleaseRow): void {
  const misfits = [...brokenDependants(slots, name, release), ...unmetNeeds(slots, name, release)];
  if (misfits.length === 0) return;
  const reasons = misfits.map(({ message }) => message).join("; ");
  const others = [...new Set(misfits.map(({ plugin }) => plugin))].join(", ");
  throw new RbsmError(
    "dependency_conflict",
    `${name} cannot go back to ${release.version}: ${reasons}`,
    {
      plugin: name,
      findings: misfits.map(({ plugin, message }) => ({
        rule: "dependency_conflict",
        path: plugin,
        message,
      })),
      fix: `Bring ${others} to a fitting version or uninstall what needs it, then roll back again.`,
    },
  );
}

function brokenDependants(slots: Slots, name: string, { version }: ReleaseRow): Misfit[] {
  return slots.all().flatMap(({ row }) => {
    const range = Object.hasOwn(row.release.dependencies, name)
      ? row.release.dependencies[name]
      : undefined;
    if (range === undefined || row.name === name || satisfies(version, range)) return [];
    return [
      { plugin: row.name, message: `${row.name}@${row.release.version} needs ${name} ${range}` },
    ];
  });
}

function unmetNeeds(slots: Slots, name: string, release: ReleaseRow): Misfit[] {
  return Object.entries(release.dependencies).flatMap(([needed, range]) => {
    const installed = slots.find(needed)?.row.release.version;
    if (installed !== undefined && satisfies(installed, range)) return [];
    const found = installed === undefined ? "which is not installed" : `installed is ${installed}`;
    return [
      { plugin: needed, message: `${name}@${release.version} needs ${needed} ${range}, ${found}` },
    ];
  });
}
