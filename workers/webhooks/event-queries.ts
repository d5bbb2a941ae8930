import { and, eq, gt, inArray, max, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { licenses } from "../licenses/tables.ts";
import { audit, scopes } from "../schema.ts";
import type { EventPlace, StoredEvent } from "./license-event.ts";
import { licenseEvents } from "./tables.ts";

/** Whose events, and which of them. */
export interface EventFilter {
  readonly publisher: string;
  /** Null is every scope that the publisher has. */
  readonly scope: string | null;
  /** An empty list is every type. */
  readonly types: readonly string[];
}

export interface EventRange {
  /** Number of the last event that is not asked for. */
  readonly after: number;
  readonly limit: number;
}

export interface EventList {
  /** Oldest first; as many as the limit says, or all up to `newest`. */
  readonly events: readonly StoredEvent[];
  /** Number of the publisher's newest event, of any scope and type. */
  readonly newest: number;
}

/**
 * Events of the licenses that are the publisher's now. Those of a scope that was given away are no
 * longer told to the one who had it, nor those of before to the one who got it.
 */
export async function listEvents(
  db: Database,
  { publisher, scope, types }: EventFilter,
  { after, limit }: EventRange,
): Promise<EventList> {
  const ofScope = scope === null ? undefined : eq(licenseEvents.scope, scope);
  const ofTypes = types.length === 0 ? undefined : inArray(audit.action, [...types]);
  const [newest, events] = await db.batch([
    db
      .select({ number: max(licenseEvents.number) })
      .from(licenseEvents)
      .where(eq(licenseEvents.publisher, publisher)),
    db
      .select({
        number: licenseEvents.number,
        nonce: licenseEvents.nonce,
        action: audit.action,
        actor: audit.actor,
        at: audit.at,
        license: licenses,
      })
      .from(licenseEvents)
      .innerJoin(
        scopes,
        and(eq(scopes.scope, licenseEvents.scope), eq(scopes.publisher, licenseEvents.publisher)),
      )
      .innerJoin(audit, eq(audit.id, licenseEvents.auditId))
      .innerJoin(licenses, eq(licenses.id, audit.subject))
      .where(
        and(
          eq(licenseEvents.publisher, publisher),
          gt(licenseEvents.number, after),
          ofScope,
          ofTypes,
        ),
      )
      .orderBy(licenseEvents.number)
      .limit(limit),
  ]);
  return { events, newest: newest[0]?.number ?? 0 };
}

/** Whether the event is there, and still the one that had this id. */
export async function isEvent(
  db: Database,
  publisher: string,
  { number, nonce }: EventPlace,
): Promise<boolean> {
  const found = await db
    .select({ one: sql`1` })
    .from(licenseEvents)
    .where(
      and(
        eq(licenseEvents.publisher, publisher),
        eq(licenseEvents.number, number),
        eq(licenseEvents.nonce, nonce),
      ),
    )
    .get();
  return found !== undefined;
}
