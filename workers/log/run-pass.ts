import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { writeDetails } from "../media/write-details.ts";
import { allSettled } from "../objects.ts";
import { purgePlugins } from "../page-cache/purge-plugins.ts";
import { listUnlisted } from "../release/queries.ts";
import { releaseVersions } from "../release/release-version.ts";
import { writeDocuments } from "../release/write-document.ts";
import { writeListings } from "../release/write-listing.ts";
import { publishCatalog } from "../trust/publish-catalog.ts";
import { integrate } from "./integrate.ts";
import { markShown } from "./queries.ts";
import { showCheckpoint, showTiles, signLog } from "./show-log.ts";

/** The work of whoever holds the heads. */
export interface Pass {
  readonly env: Bindings;
  readonly db: Database;
  readonly now: Date;
  /** Finished first. */
  readonly plugin: string | undefined;
  /** What could not be finished of which plugin; it does not hold up the rest. */
  readonly failures: Map<string, unknown>;
  /** Keeps others away for some more seconds; throws when they are there already. */
  readonly keepHold: () => Promise<void>;
}

/**
 * All that leads from the database to what is served, in the one order in which whatever names
 * something comes after it. Every step starts from the database and can be repeated. False: more
 * waits than one pass takes.
 */
export async function runPass(pass: Pass): Promise<boolean> {
  const { env, db, now, keepHold } = pass;
  const log = await integrate(env, db);
  await showTiles(env, log);
  await keepHold();
  const signed = await signLog(env, log);
  await releaseVersions(pass, signed);
  await keepHold();
  await writeDocuments(pass);
  await keepHold();
  const tufVersion = await publishCatalog(env, db, now);
  await keepHold();
  if (log.size > log.shownSize) {
    await showCheckpoint(env, { size: log.size, checkpoint: signed.checkpoint });
  }
  await allSettled([
    markShown(db, { logSize: log.size, tufVersion }),
    listUnlisted(db, pass.plugin).then((due) => writeListings(pass, due)),
  ]);
  await keepHold();
  await showDetails(pass);
  return !log.isCut;
}

/** Nothing waits or fails for what a bundle shows of itself, whatever its bytes do to the Worker. */
async function showDetails(pass: Pass): Promise<void> {
  const failures = new Map<string, unknown>();
  try {
    const made = await writeDetails({ ...pass, failures });
    await writeListings({ ...pass, failures }, made);
    // Copies that were made since the release have none of it.
    const shown = made.map(({ plugin }) => ({ plugin, isWithdrawn: false }));
    await purgePlugins(pass.env, shown);
  } catch (cause) {
    failures.set("details", cause);
  }
  for (const [name, cause] of failures) console.error({ unshown: name, cause: String(cause) });
}
