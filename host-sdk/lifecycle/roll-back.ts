import { type Json, RbsmError, satisfies } from "@rising-bsm/protocol";
import type { PluginRow, ReleaseRow } from "../install/rows.ts";
import { type AdministerParts, storeRow, takeOver } from "./administer-parts.ts";
import type { Slots } from "./slots.ts";

/** Goes back to the release before; that one needs no marketplace, its bundle is still on disk. */
export async function rollback(parts: AdministerParts, name: string): Promise<void> {
  const { row } = parts.slots.get(name);
  if (row.previous === null) {
    throw new RbsmError("conflict_state", `There is no earlier release of ${name} to go back to`, {
      plugin: name,
    });
  }
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
  const first = { name: "onUpdate", args: [from] } as const;
  const running =
    next.wanted === "disabled"
      ? null
      : await parts.active.start({ row: next, bundle, first, reach: parts.active.reach });
  await storeRow(parts, next);
  takeOver(parts, [{ row: next, manifest: bundle.manifest, running }]);
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
