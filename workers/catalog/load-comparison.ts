import type { VersionComparison } from "@rising-bsm/protocol";
import { readDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { compareVersionRows } from "./compare-versions.ts";
import { findListedVersions } from "./queries.ts";

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
  const comparison = { plugin, ...compareVersionRows(before, after), changelog: [] };
  return { comparison, isPrivate };
}
