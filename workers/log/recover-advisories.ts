import { ADVISORIES_TARGET, advisoriesSchema, targetPath } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { TIMESTAMP_KEY } from "../trust/shown-version.ts";
import { restoreAdvisories } from "./recover-queries.ts";

const meta = z.record(z.string(), z.object({ version: z.int().positive() }));
const listing = z.object({ signed: z.object({ meta }) });
const catalog = z.object({
  signed: z.object({
    targets: z.record(z.string(), z.object({ hashes: z.object({ sha256: z.string() }) })),
  }),
});

/** Advisories are not logged: those in force are the ones that the newest catalogue lists. */
export async function recoverAdvisories({ BUNDLES }: Bindings, db: Database): Promise<void> {
  const read = async <T>(key: string, schema: z.ZodType<T>): Promise<T | null> => {
    const object = await BUNDLES.get(key);
    return object === null ? null : schema.parse(await object.json());
  };
  const named = async (key: string, file: string) =>
    (await read(key, listing))?.signed.meta[file]?.version ?? 0;
  const snapshot = await named(TIMESTAMP_KEY, "snapshot.json");
  const version = await named(`tuf/${snapshot}.snapshot.json`, "catalog.json");
  const targets = (await read(`tuf/${version}.catalog.json`, catalog))?.signed.targets;
  const sha256 = targets?.[ADVISORIES_TARGET]?.hashes.sha256;
  // A catalogue from before there was such a list.
  if (sha256 === undefined) return;
  const list = await read(targetPath(ADVISORIES_TARGET, sha256).slice(1), advisoriesSchema);
  if (list !== null) await restoreAdvisories(db, list.entries, Date.now());
}
