import type { ReportResolution } from "@rising-bsm/protocol";
import { and, asc, desc, eq, isNotNull, isNull, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import type { Database } from "../database.ts";
import type { PageWanted } from "../licenses/view-queries.ts";
import { countNewcomer, isWithin } from "../network-days.ts";
import type { Quota } from "../network-days.ts";
import { reviews } from "../reviews/tables.ts";
import { versions } from "../schema.ts";
import type { AuditEntry } from "../schema.ts";
import { reports } from "./tables.ts";
import type { StoredReport } from "./tables.ts";

/** Whether everybody can see of the plugin the version and the review that a report names. */
export async function isThere(
  db: Database,
  { plugin, version, reviewId }: Pick<StoredReport, "plugin" | "version" | "reviewId">,
): Promise<boolean> {
  const [found, written] = await db.batch([
    db
      .select({ version: versions.version })
      .from(versions)
      .where(
        and(
          eq(versions.plugin, plugin),
          eq(versions.version, version ?? ""),
          eq(versions.status, "published"),
        ),
      ),
    db
      .select({ id: reviews.id })
      .from(reviews)
      .where(
        and(eq(reviews.id, reviewId ?? ""), eq(reviews.plugin, plugin), isNull(reviews.deletedAt)),
      ),
  ]);
  const isVersion = version === null || found.length > 0;
  return isVersion && (reviewId === null || written.length > 0);
}

/** Stores a report once, and answers its id; none when its network has made enough of them on this day. */
export async function storeReport(
  db: Database,
  report: StoredReport,
  { audit, quota }: { readonly audit: AuditEntry; readonly quota: Quota },
): Promise<Pick<StoredReport, "id"> | undefined> {
  const { id, plugin, version, reviewId, reason, text, contact, createdAt, once } = report;
  const isNew = sql`NOT EXISTS (SELECT 1 FROM reports WHERE once = ${once})`;
  const [, , , stored] = await db.batch([
    countNewcomer(db, quota, isNew),
    auditIf(db, audit, sql`${isNew} AND ${isWithin(quota)}`),
    db
      .insert(reports)
      .select(
        sql`SELECT ${id}, ${plugin}, ${version}, ${reviewId}, ${reason}, ${text}, ${contact}, ${createdAt},
          NULL, NULL, NULL, ${once} WHERE ${isWithin(quota)}`,
      )
      .onConflictDoNothing(),
    db
      .select({ id: reports.id })
      .from(reports)
      .where(sql`once = ${once}`),
  ]);
  return stored[0];
}

/** Reports that are open, the oldest first. */
export function listOpen(db: Database, { after, limit }: PageWanted): Promise<StoredReport[]> {
  const { createdAt, id } = reports;
  const above =
    after === null ? undefined : sql`(${createdAt}, ${id}) > (${after.at}, ${after.id})`;
  return db
    .select()
    .from(reports)
    .where(and(isNull(reports.resolvedAt), above))
    .orderBy(asc(createdAt), asc(id))
    .limit(limit);
}

/** Reports that were resolved, of one plugin or of all, the newest first. */
export function listResolved(
  db: Database,
  plugin: string | null,
  { after, limit }: PageWanted,
): Promise<StoredReport[]> {
  const { resolvedAt, id } = reports;
  const isOf = plugin === null ? undefined : eq(reports.plugin, plugin);
  const below =
    after === null ? undefined : sql`(${resolvedAt}, ${id}) < (${after.at}, ${after.id})`;
  return db
    .select()
    .from(reports)
    .where(and(isNotNull(resolvedAt), isOf, below))
    .orderBy(desc(resolvedAt), desc(id))
    .limit(limit);
}

/** Ends a report, once, and forgets its contact; answers it as it is stored. */
export async function resolveReport(
  db: Database,
  id: string,
  { resolution, audit }: { readonly resolution: ReportResolution; readonly audit: AuditEntry },
): Promise<StoredReport | undefined> {
  const isOpen = and(eq(reports.id, id), isNull(reports.resolvedAt));
  const [, , rows] = await db.batch([
    auditIf(db, audit, sql`EXISTS (SELECT 1 FROM reports WHERE ${isOpen})`),
    db
      .update(reports)
      .set({ ...resolution, resolvedAt: audit.at, contact: null })
      .where(isOpen),
    db.select().from(reports).where(eq(reports.id, id)),
  ]);
  return rows[0];
}
