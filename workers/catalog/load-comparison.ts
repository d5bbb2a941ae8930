import { compareVersions } from "@rising-bsm/protocol";
import type { VersionComparison } from "@rising-bsm/protocol";
import { readDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { changelogBetween } from "../media/changelog.ts";
import { storedDetails } from "../media/details.ts";
import type { Version } from "../schema.ts";
import { compareVersionRows } from "./compare-versions.ts";
import { findListedVersions } from "./queries.ts";
import { readFragment } from "./read-fragment.ts";

/** Two published versions of a plugin; null when one of them is not there. */
export async function loadComparison(
  env: Bindings,
  { plugin, from, to }: { plugin: string; from: string; to: string },
): Promise<{ comparison: VersionComparison; isPrivate: boolean } | null> {
  const wanted = { plugin, versions: [from, to] };
  const { versions, isPrivate } = await findListedVersions(readDatabase(env), wanted);
  const [before, after] = [from, to].map((version) =>
    versions.find((row) => row.version === version),
  );
  if (before === undefined || after === undefined) return null;
  const changelog = await changelogOf(env, [before, after]);
  const comparison = { plugin, ...compareVersionRows(before, after), changelog };
  return { comparison, isPrivate };
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
