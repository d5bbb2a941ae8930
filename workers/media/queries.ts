import { and, eq, isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { plugins, versions } from "../schema.ts";
import type { Version } from "../schema.ts";
import type { VersionDetails } from "./details.ts";

/** What of a version says what it shows, and where its bytes are. */
export type Undetailed = Pick<Version, "plugin" | "version" | "sha256" | "paid" | "manifest">;

const LISTED_AT_ONCE = 100;

/** Released versions whose details are still to be made: those of the plugin first. */
export async function listWithoutDetails(
  db: Database,
  first: string | undefined,
): Promise<Undetailed[]> {
  const [own, others] = await db.batch([
    selectWithoutDetails(db, eq(versions.plugin, first ?? "")),
    selectWithoutDetails(db, sql`${versions.plugin} <> ${first ?? ""}`),
  ]);
  return [...own, ...others];
}

function selectWithoutDetails(db: Database, which: SQL) {
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
      .set({ details: sql`(SELECT made.value -> 'details' FROM ${rows} WHERE ${isMade})` })
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
    .set({ details: null })
    .where(and(eq(versions.plugin, plugin), eq(versions.version, version)));
}
