import { ADVISORIES_TARGET, sha256Hex, targetPath, utf8 } from "@rising-bsm/protocol";
import type { Advisories, CatalogShard } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import { loadAdvisories, loadShards } from "./queries.ts";

/** A target of the online role with its bytes; null: it has nothing to list, so there is none. */
export interface TargetContent {
  readonly target: string;
  readonly content: {
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly sha256: string;
    /** Where the bytes lie in the bucket. */
    readonly key: string;
  } | null;
}

/** The targets as the database has them now; the same rows give the same bytes. */
export async function buildTargets(
  db: Database,
  targets: readonly string[],
): Promise<TargetContent[]> {
  const shards = targets.filter((target) => target !== ADVISORIES_TARGET);
  const rows = shards.length === 0 ? [] : await loadShards(db, shards);
  return Promise.all(
    targets.map(async (target) => {
      if (target === ADVISORIES_TARGET) return encode(target, await advisoriesList(db));
      const listed = rows.flatMap(({ shard, name, sha256 }) =>
        shard === target && sha256 !== null ? [[name, sha256] as const] : [],
      );
      return listed.length === 0 ? { target, content: null } : encode(target, shardOf(listed));
    }),
  );
}

function shardOf(listed: readonly (readonly [string, string])[]): CatalogShard {
  const plugins = Object.fromEntries(listed);
  return { type: "https://rising-bsm.com/catalog-shard/v1", plugins };
}

async function advisoriesList(db: Database): Promise<Advisories> {
  const entries = (await loadAdvisories(db)).map(({ entry }) => entry);
  return { type: "https://rising-bsm.com/advisories/v1", entries };
}

async function encode(target: string, value: CatalogShard | Advisories): Promise<TargetContent> {
  const bytes = utf8(JSON.stringify(value));
  const sha256 = await sha256Hex(bytes);
  return { target, content: { bytes, sha256, key: targetPath(target, sha256).slice(1) } };
}
