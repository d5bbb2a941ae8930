import { compareVersions } from "@rising-bsm/protocol";
import type { VersionComparison } from "@rising-bsm/protocol";
import { readDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { changelogBetween } from "../media/changelog.ts";
import { storedDetails } from "../media/details.ts";
import type { Version } from "../schema.ts";
import { compareVersionRows } from "./compare-versions.ts";
import { findListedVersions, loadKeyHolders } from "./queries.ts";
import { readFragment } from "./read-fragment.ts";

/** Two published versions of a plugin; null when one of them is not there. */
export async function loadComparison(
  env: Bindings,
  { plugin, from, to }: { plugin: string; from: string; to: string },
): Promise<{ comparison: VersionComparison; isPrivate: boolean } | null> {
  const db = readDatabase(env);
  const { versions, isPrivate } = await findListedVersions(db, { plugin, versions: [from, to] });
  const [before, after] = [from, to].map((version) =>
    versions.find((row) => row.version === version),
  );
  if (before === undefined || after === undefined) return null;
  const [changelog, holders] = await Promise.all([
    changelogOf(env, [before, after]),
    loadKeyHolders(db, [before.publisherKeyId, after.publisherKeyId]),
  ]);
  const signed = (row: Version) => ({ ...row, publisher: holders.get(row.publisherKeyId) ?? "" });
  const changes = compareVersionRows(signed(before), signed(after));
  return { comparison: { plugin, ...changes, changelog }, isPrivate };
}

/** What the higher version's changelog says of the versions above the lower one. */
async function changelogOf(
  env: Bindings,
  [one, other]: readonly [Version, Version],
): Promise<VersionComparison["changelog"]> {
  const higher = compareVersions(one.version, other.version) < 0 ? other : one;
  const fragment = await readFragment(env.BUNDLES, storedDetails(higher).changelog);
  return fragment === null ? [] : changelogBetween(fragment, [one.version, other.version]);
}
