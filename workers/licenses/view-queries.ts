import { and, desc, eq, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import type { Position } from "./list-cursor.ts";
import type { Activation, License } from "./tables.ts";
import { activations, licenses } from "./tables.ts";

export interface PageWanted {
  /** The last row of the page before. */
  readonly after: Position | null;
  readonly limit: number;
}

/** Licenses of a plugin, the newest first. */
export function listLicenses(
  db: Database,
  plugin: string,
  { after, limit }: PageWanted,
): Promise<License[]> {
  const { createdAt, id } = licenses;
  const below =
    after === null ? undefined : sql`(${createdAt}, ${id}) < (${after.at}, ${after.id})`;
  return db
    .select()
    .from(licenses)
    .where(and(eq(licenses.plugin, plugin), below))
    .orderBy(desc(createdAt), desc(id))
    .limit(limit);
}

/** Activations of a license, those first that take their seats the longest. */
export function listActivations(
  db: Database,
  licenseId: string,
  { after, limit }: PageWanted,
): Promise<Activation[]> {
  const { heldUntil, id } = activations;
  const below =
    after === null ? undefined : sql`(${heldUntil}, ${id}) < (${after.at}, ${after.id})`;
  return db
    .select()
    .from(activations)
    .where(and(eq(activations.licenseId, licenseId), below))
    .orderBy(desc(heldUntil), desc(id))
    .limit(limit);
}
