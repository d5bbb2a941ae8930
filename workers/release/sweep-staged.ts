import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { bundleKey, holdsBundle, isLicensed, needsStaged, stageBundle } from "./bundle-object.ts";
import type { StagedBundle } from "./bundle-object.ts";
import { listClaims } from "./queries.ts";

/** Younger bytes may belong to an upload that has not claimed its version yet. */
const ABANDONED_AFTER_MS = 86_400_000;
const RUN_EVERY_MS = 600_000;
const LOOKED_AT_A_RUN = 200;
const REMOVED_A_RUN = 50;

/**
 * Removes uploaded bundles that no version lives from: losers of a race, uploads that were never
 * claimed, copies that a crash left beside the public one. Each run looks at another part of the
 * bucket, and a release that was refused keeps its bytes, because it can be appealed.
 */
export async function sweepStaged(env: Bindings, now: Date): Promise<void> {
  const db = writeDatabase(env);
  const uploadedBefore = now.getTime() - ABANDONED_AFTER_MS;
  const old = (await listStaged(env.PRIVATE, startOf(now))).filter(
    ({ uploaded }) => uploaded.getTime() < uploadedBefore,
  );
  const staged = old.flatMap(toStagedBundle);
  const useless = await withoutUse(env, db, staged);
  for (const bundle of useless.slice(0, REMOVED_A_RUN)) await removeStaged(env, db, bundle);
}

/** Steps of the golden ratio: consecutive runs begin far apart, and many of them leave no gap. */
function startOf(now: Date): string {
  const run = Math.floor(now.getTime() / RUN_EVERY_MS);
  const place = Math.floor(((run * 0.618_033_988_749_895) % 1) * 2 ** 32);
  return `b/${place.toString(16).padStart(8, "0")}`;
}

/** Objects from this key on, and from the first one again where the bucket ends. */
async function listStaged(bucket: R2Bucket, startAfter: string): Promise<R2Object[]> {
  const found = await listUpTo(bucket, { startAfter, limit: LOOKED_AT_A_RUN });
  const limit = LOOKED_AT_A_RUN - found.length;
  const rest = limit === 0 ? [] : await listUpTo(bucket, { limit });
  return [...found, ...rest.filter(({ key }) => key <= startAfter)];
}

/** A page may hold fewer than asked for although there are more. */
async function listUpTo(
  bucket: R2Bucket,
  { startAfter, limit }: { startAfter?: string; limit: number },
): Promise<R2Object[]> {
  const found: R2Object[] = [];
  let from: R2ListOptions = startAfter === undefined ? {} : { startAfter };
  while (found.length < limit) {
    const page = await bucket.list({
      ...from,
      prefix: "b/",
      limit: limit - found.length,
      include: ["customMetadata"],
    });
    found.push(...page.objects);
    if (!page.truncated) break;
    from = { cursor: page.cursor };
  }
  return found;
}

function toStagedBundle(object: R2Object): StagedBundle[] {
  const sha256 = /^b\/([0-9a-f]{64})\.rbsm$/.exec(object.key)?.[1];
  const { plugin, version } = object.customMetadata ?? {};
  if (sha256 === undefined || plugin === undefined || version === undefined) return [];
  return [{ plugin, version, sha256, paid: isLicensed(object) }];
}

/** Those that no version lives from; the copy of a free bundle only when the public one is there. */
async function withoutUse(
  env: Bindings,
  db: Database,
  staged: readonly StagedBundle[],
): Promise<StagedBundle[]> {
  const claims = new Map((await listClaims(db, staged)).map((claim) => [claim.sha256, claim]));
  const useless: StagedBundle[] = [];
  for (const bundle of staged) {
    const claim = claims.get(bundle.sha256);
    if (claim !== undefined && needsStaged(claim)) continue;
    if (claim === undefined || (await holdsBundle(env.BUNDLES, bundle.sha256))) {
      useless.push(bundle);
    }
  }
  return useless;
}

/**
 * An upload of the same bytes may claim its version at this moment. One that claims before the look
 * afterwards gets them back from here; a later one finds them gone and stores them itself.
 */
async function removeStaged(env: Bindings, db: Database, bundle: StagedBundle): Promise<void> {
  const key = bundleKey(bundle.sha256);
  const object = await env.PRIVATE.get(key);
  if (object === null) return;
  const bytes = new Uint8Array(await object.arrayBuffer());
  await env.PRIVATE.delete(key);
  const [claim] = await listClaims(db, [bundle]);
  if (claim !== undefined && needsStaged(claim)) await stageBundle(env.PRIVATE, bundle, bytes);
}
