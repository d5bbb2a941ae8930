import { RbsmError } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { buildTargets } from "./catalog-targets.ts";
import type { TargetContent } from "./catalog-targets.ts";
import { onlineKeyIds, onlineSigners } from "./online-keys.ts";
import { planPublication, unnamedKeys } from "./plan-publication.ts";
import type { RolesInForce } from "./plan-publication.ts";
import { dropChanges, loadPublication, loadTargetsNamed, takeVersion } from "./queries.ts";
import type { Change } from "./queries.ts";
import { readShownVersion } from "./shown-version.ts";
import { writePublication } from "./write-publication.ts";

const ATTEMPTS = 20;

/**
 * Brings the signed catalogue up to what the database says: offline files that are not in the bucket
 * yet, targets that changed, catalog, snapshot, timestamp. Does nothing when nothing has changed and
 * nothing is old, or before the first ceremony. For the holder of the heads; answers with the version
 * of the timestamp in force (0: none).
 *
 * The number of a publication is taken from `heads` after the rows were read and before anything is
 * written: the greater number has the newer rows, and no number has two contents. One that a crash
 * left is skipped, and what it was for is done again.
 */
export async function publishCatalog(env: Bindings, db: Database, now: Date): Promise<number> {
  const signers = await onlineSigners(env);
  const keyIds = await onlineKeyIds(signers);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const facts = await loadPublication(db);
    const { roles, heads } = facts;
    const shown = roles.timestamp?.version ?? 0;
    if (roles.targets === undefined || !mayPublish(roles, keyIds)) return shown;
    const changed = await findChanged(db, facts.changes);
    const plan = planPublication({
      roles,
      keyIds,
      targetsChanged: changed.length > 0,
      filesWait: facts.waiting.length > 0,
      now: now.getTime(),
    });
    if (plan === "nothing") {
      await dropChanges(db, facts);
      return shown;
    }
    const inBucket = await readShownVersion(env.BUNDLES, roles.targets.version);
    const version = Math.max(heads.tufVersion, inBucket) + 1;
    if (!(await takeVersion(db, { revision: heads.revision, version }))) continue;
    // A bucket that is ahead of a restored database lists a newer catalog than the database knows.
    const withCatalog = plan === "catalog" || inBucket > shown;
    const work = { env, db, signers, keyIds };
    if (await writePublication(work, { version, now, facts, changed, withCatalog })) return version;
  }
  throw new RbsmError("unavailable", "The trust metadata is being changed by someone else");
}

/** A signature by a key that hosts do not know would only replace one that they do. */
function mayPublish(roles: RolesInForce, keyIds: Parameters<typeof unnamedKeys>[1]): boolean {
  const unnamed = unnamedKeys(roles, keyIds);
  if (unnamed.length === 0) return true;
  console.error({ trust: "The root or targets in force do not name this Worker's keys", unnamed });
  return false;
}

/** The targets that are not what the catalog lists. */
async function findChanged(db: Database, changes: readonly Change[]): Promise<TargetContent[]> {
  if (changes.length === 0) return [];
  const names = changes.map(({ target }) => target);
  const built = await buildTargets(db, names);
  const listed = await loadTargetsNamed(db, names);
  const known = new Map(listed.map(({ target, sha256 }) => [target, sha256]));
  return built.filter(({ target, content }) => known.get(target) !== content?.sha256);
}
