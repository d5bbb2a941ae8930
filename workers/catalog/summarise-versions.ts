import type { Compatibility, PluginDocument, VersionSize } from "@rising-bsm/protocol";

type Versions = readonly Pick<PluginDocument["versions"][number], "version" | "size" | "engines">[];

/** Rows that a person reads: more say nothing about what to install now. */
const GROUPS_SHOWN = 20;
const SIZES_SHOWN = 20;

/** Which hosts the versions are for; neighbours that agree are one row. The highest versions first. */
export function compatibilityOf(versions: Versions): Compatibility[] {
  const groups: Compatibility[] = [];
  for (const { version, engines } of versions) {
    const range = engines["rising-bsm"] ?? null;
    const last = groups.at(-1);
    const isSame = last !== undefined && last.range === range;
    if (isSame) groups.splice(-1, 1, { ...last, from: version, versions: last.versions + 1 });
    else groups.push({ range, from: version, to: version, versions: 1 });
  }
  return groups.slice(0, GROUPS_SHOWN);
}

/** Sizes of the highest versions, the highest first. */
export function sizesOf(versions: Versions): VersionSize[] {
  return versions.slice(0, SIZES_SHOWN).map(({ version, size }) => ({ version, size }));
}
