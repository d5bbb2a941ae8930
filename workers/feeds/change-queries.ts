import { and, asc, desc, eq, gte, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { heads, logEntries, versions } from "../schema.ts";
import type { ChangeRow } from "./change-page.ts";
import { changes } from "./tables.ts";

interface Loaded {
  readonly rows: readonly ChangeRow[];
  readonly shownLogSize: number;
}

/** Changes from one on, the oldest first, and how far the log is shown. */
export async function loadChanges(
  db: Database,
  { from, limit }: { from: number; limit: number },
): Promise<Loaded> {
  const [found, rows] = await db.batch([
    db.select({ shownLogSize: heads.shownLogSize }).from(heads),
    selectChanges(db).where(gte(changes.id, from)).orderBy(asc(changes.id)).limit(limit),
  ]);
  return { rows: rows.map(toRow), shownLogSize: found[0]?.shownLogSize ?? 0 };
}

/** The newest changes, the newest first, and how far the log is shown. */
export async function loadNewestChanges(db: Database, limit: number): Promise<Loaded> {
  const [found, rows] = await db.batch([
    db.select({ shownLogSize: heads.shownLogSize }).from(heads),
    selectChanges(db).orderBy(desc(changes.id)).limit(limit),
  ]);
  return { rows: rows.map(toRow), shownLogSize: found[0]?.shownLogSize ?? 0 };
}

const entryType = sql`${logEntries.entry} ->> 'type'`;
const entryPlugin = sql`${logEntries.entry} ->> 'plugin'`;

/** A release is as visible as it was published; a removed plugin as any of its releases was. */
const isPublic = sql<number>`CASE
  WHEN ${entryType} IN ('release', 'yank', 'deprecate')
    THEN ${versions.plugin} IS NOT NULL AND coalesce(${versions.manifest} ->> 'visibility', 'public') = 'public'
  WHEN ${entryType} = 'remove'
    THEN EXISTS (SELECT 1 FROM versions AS any_version WHERE any_version.plugin = ${entryPlugin}
      AND coalesce(any_version.manifest ->> 'visibility', 'public') = 'public')
  ELSE 1 END`;

function selectChanges(db: Database) {
  return db
    .select({
      id: changes.id,
      mark: changes.mark,
      at: changes.at,
      place: changes.place,
      advisory: changes.advisory,
      entry: logEntries.entry,
      sha256: sql<string | null>`iif(${entryType} = 'release', ${versions.sha256}, NULL)`.as(
        "sha256",
      ),
      isPublic: isPublic.as("is_public"),
    })
    .from(changes)
    .leftJoin(logEntries, eq(logEntries.place, changes.place))
    .leftJoin(
      versions,
      and(
        eq(versions.plugin, entryPlugin),
        eq(versions.version, sql`${logEntries.entry} ->> 'version'`),
      ),
    );
}

function toRow<Row extends { isPublic: number }>(
  row: Row,
): Omit<Row, "isPublic"> & { isPublic: boolean } {
  return { ...row, isPublic: row.isPublic === 1 };
}
