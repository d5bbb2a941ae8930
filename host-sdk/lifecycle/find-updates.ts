import { compareVersions, isPrerelease, satisfies, type VersionEntry } from "@rising-bsm/protocol";
import type { Catalogue } from "../trust/trust.ts";
import { problemOf, type Problem, type Slot } from "./slots.ts";

/**
 * A newer release of an installed plugin, and what it would change for the administrator; or why
 * the marketplace could not say whether there is one.
 */
export interface UpdateInfo {
  readonly plugin: string;
  readonly from: string;
  /** Null: see `problem`. */
  readonly to: string | null;
  readonly publishedAt: string | null;
  /** Permissions and hosts that the installed release has not been granted. */
  readonly newPermissions: readonly string[];
  /** The installed release was withdrawn by its publisher, and why. */
  readonly yanked: string | null;
  /** Why this host does not accept the release as it is, such as `trust_publisher_changed`. */
  readonly held: Problem | null;
  /** Why this plugin could not be checked; the others were. */
  readonly problem: Problem | null;
}

/** Checks one plugin; null when nothing newer is offered. A failure is its answer, never thrown. */
export async function findUpdate(
  catalogue: Pick<Catalogue, "document">,
  slot: Slot,
): Promise<UpdateInfo | null> {
  return readUpdate(catalogue, slot).catch((error: unknown) => ({
    plugin: slot.row.name,
    from: slot.row.release.version,
    to: null,
    publishedAt: null,
    newPermissions: [],
    yanked: null,
    held: null,
    problem: problemOf(error),
  }));
}

async function readUpdate(
  catalogue: Pick<Catalogue, "document">,
  { row }: Slot,
): Promise<UpdateInfo | null> {
  const document = await catalogue.document(row.name);
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
    held: null,
    problem: null,
  };
}

function isOffered(entry: VersionEntry, installed: string, ceiling: string | undefined): boolean {
  if (entry.yanked !== false || compareVersions(entry.version, installed) <= 0) return false;
  if (isPrerelease(entry.version)) return entry.version === ceiling;
  return ceiling === undefined || satisfies(entry.version, `<=${ceiling}`);
}
