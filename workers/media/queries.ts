import { and, eq, isNull, lte, ne, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, versions } from "../schema.ts";
import type { Version } from "../schema.ts";
import type { VersionDetails } from "./details.ts";

/** What of a version says what it shows, and where its bytes are. */
export type Undetailed = Pick<Version, "plugin" | "version" | "sha256" | "paid" | "manifest">;

const LISTED_AT_ONCE = 100;
const FIRST_WAIT_MS = 60_000;
/** Each wait is four times the one before it, the longest three days. */
const MAX_WAITS = 6;
const UNTRIED = { detailsTries: 0, detailsDue: 0 };

/** Released versions whose details are due: those of the plugin first. */
export async function listWithoutDetails(
  db: Database,
  { plugin: first = "", now }: { plugin: string | undefined; now: Date },
): Promise<Undetailed[]> {
  const isDue = lte(versions.detailsDue, now.getTime());
  const [own, others] = await db.batch([
    selectWithoutDetails(db, and(isDue, eq(versions.plugin, first))),
    selectWithoutDetails(db, and(isDue, ne(versions.plugin, first))),
  ]);
  return [...own, ...others];
}

/**
 * Says, before the work, when the version is due again. Over bytes that nobody thought of the Worker
 * may die, which nothing can catch: so each pass meets others.
 */
export async function beginDetails(
  db: Database,
  { plugin, version }: Pick<Version, "plugin" | "version">,
  now: Date,
): Promise<void> {
  const waits = sql`min(${versions.detailsTries}, ${MAX_WAITS})`;
  await db
    .update(versions)
    .set({
      detailsTries: sql`${versions.detailsTries} + 1`,
      detailsDue: sql`${now.getTime()} + (${FIRST_WAIT_MS} << (2 * ${waits}))`,
    })
    .where(and(eq(versions.plugin, plugin), eq(versions.version, version)));
}

function selectWithoutDetails(db: Database, which: SQL | undefined) {
  // Written out: in this form the index of versions without details serves the query.
  const isWaiting = sql`details IS NULL AND status IN ('released', 'published')`;
  return db
    .select({
      plugin: versions.plugin,
      version: versions.version,
      sha256: versions.sha256,
      paid: versions.paid,
      manifest: versions.manifest,
    })
    .from(versions)
    .where(and(isWaiting, which))
    .limit(LISTED_AT_ONCE);
}

export interface DetailedVersion extends Pick<Version, "plugin" | "version"> {
  readonly details: VersionDetails;
}

/** Stores what was made, and has the plugins listed again whose newest version it belongs to. */
export async function storeDetails(db: Database, made: readonly DetailedVersion[]): Promise<void> {
  if (made.length === 0) return;
  const rows = sql`json_each(${JSON.stringify(made)}) AS made`;
  const isMade = sql`plugin = made.value ->> 'plugin' AND version = made.value ->> 'version'`;
  await db.batch([
    db
      .update(versions)
      .set({
        details: sql`(SELECT made.value -> 'details' FROM ${rows} WHERE ${isMade})`,
        ...UNTRIED,
      })
      .where(
        and(
          isNull(versions.details),
          sql`(plugin, version) IN
            (SELECT made.value ->> 'plugin', made.value ->> 'version' FROM ${rows})`,
        ),
      ),
    db
      .update(plugins)
      .set({ searchRevision: sql`min(${plugins.searchRevision}, ${plugins.revision} - 1)` })
      .where(
        sql`(name, latest) IN (SELECT made.value ->> 'plugin', made.value ->> 'version'
          FROM ${rows} WHERE made.value ->> '$.details.icon' IS NOT NULL)`,
      ),
  ]);
}

/** Has the details of a version made again. */
export async function dropDetails(
  db: Database,
  { plugin, version }: Pick<Version, "plugin" | "version">,
): Promise<void> {
  await db
    .update(versions)
    .set({ details: null, ...UNTRIED })
    .where(and(eq(versions.plugin, plugin), eq(versions.version, version)));
}
