import { compareVersions, isPrerelease, satisfies } from "@rising-bsm/protocol";
import type { Marketplace } from "../client/marketplace.ts";
import type { VersionEntry } from "../install/plan.ts";
import type { Slot } from "./slots.ts";

/** A newer release of an installed plugin, and what it would change for the administrator. */
export interface UpdateInfo {
  readonly plugin: string;
  readonly from: string;
  readonly to: string;
  readonly publishedAt: string;
  /** Permissions and hosts that the installed release has not been granted. */
  readonly newPermissions: readonly string[];
  /** The installed release was withdrawn by its publisher, and why. */
  readonly yanked: string | null;
}

/** Reads the document of one plugin; null when nothing newer is offered. */
export async function findUpdate(
  marketplace: Pick<Marketplace, "pluginDocument">,
  { row }: Slot,
): Promise<UpdateInfo | null> {
  const document = await marketplace.pluginDocument(row.name);
  const current = document.versions.find(({ version }) => version === row.release.version);
  const ceiling = document.channels["latest"];
  const newer = document.versions
    .filter((entry) => isOffered(entry, row.release.version, ceiling))
    .sort((a, b) => compareVersions(b.version, a.version))[0];
  if (newer === undefined) return null;
  const asked = [...newer.permissions, ...newer.network.map((host) => `network:${host}`)];
  return {
    plugin: row.name,
    from: row.release.version,
    to: newer.version,
    publishedAt: newer.publishedAt,
    newPermissions: asked.filter((code) => !row.release.grants.includes(code)),
    yanked: current !== undefined && current.yanked !== false ? current.yanked.reason : null,
  };
}

function isOffered(entry: VersionEntry, installed: string, ceiling: string | undefined): boolean {
  if (entry.yanked !== false || compareVersions(entry.version, installed) <= 0) return false;
  if (isPrerelease(entry.version)) return entry.version === ceiling;
  return ceiling === undefined || satisfies(entry.version, `<=${ceiling}`);
}
