import { RbsmError, TILE_WIDTH, logEntrySchema } from "@rising-bsm/protocol";
import type { LogEntry, Tile } from "@rising-bsm/protocol";
import { and, asc, between, eq, gte, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { isRefusedBy } from "../database.ts";
import type { Database } from "../database.ts";
import { heads, logEntries, logHashes, logQueue, versions } from "../schema.ts";
import type { Heads } from "../schema.ts";

/** A statement for the batch of the change that the entry records; `advance` gives it its place. */
export function queueLogEntry(db: Database, entry: LogEntry, onlyIf: SQL) {
  const text = JSON.stringify(logEntrySchema.parse(entry));
  return db.insert(logQueue).select(sql`SELECT NULL, ${text}, NULL, NULL WHERE ${onlyIf}`);
}

/** So long nobody else works on the heads; whoever does renews it between steps. */
const HELD_FOR_MS = 10_000;

/** The database's clock, which all isolates share. */
const clock = sql`CAST(unixepoch('subsec') * 1000 AS INTEGER)`;

/**
 * Takes the hold on the heads when it is free and a pass is still wanted. Gives the numbers of the
 * passes as they were before.
 */
export async function takeHold(
  db: Database,
  { holder, wanted }: { holder: string; wanted: number | null },
): Promise<{ taken: boolean; begun: number; done: number }> {
  const isFree = sql`${heads.heldUntil} <= ${clock}`;
  const isWanted = wanted === null ? sql`1` : sql`${heads.passDone} < ${wanted}`;
  const [found, taken] = await db.batch([
    db.select({ begun: heads.passBegun, done: heads.passDone }).from(heads),
    db
      .update(heads)
      .set({
        holder,
        heldUntil: sql`${clock} + ${HELD_FOR_MS}`,
        passBegun: sql`${heads.passBegun} + 1`,
      })
      .where(and(isFree, isWanted)),
  ]);
  return { taken: taken.meta.changes > 0, ...headsRow(found) };
}

/** Says whether it was still this one's. */
export async function renewHold(db: Database, holder: string): Promise<boolean> {
  const renewed = await db
    .update(heads)
    .set({ heldUntil: sql`${clock} + ${HELD_FOR_MS}` })
    .where(eq(heads.holder, holder));
  return renewed.meta.changes > 0;
}

/** Gives the hold back; `done` when the pass has shown all that was there when it began. */
export async function dropHold(
  db: Database,
  { holder, done }: { holder: string; done: boolean },
): Promise<void> {
  const passDone = done ? sql`${heads.passBegun}` : sql`${heads.passDone}`;
  await db
    .update(heads)
    .set({ holder: null, heldUntil: 0, passDone })
    .where(eq(heads.holder, holder));
}

function headsRow<T>([row]: readonly T[]): T {
  if (row === undefined) throw new RbsmError("internal", "The database has no heads");
  return row;
}

export async function loadHeads(db: Database): Promise<Heads> {
  return headsRow(await db.select().from(heads));
}

/** Spans of a hash on each level of tiles, which is more than any log will have. */
const SPANS = JSON.stringify([1, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32]);

/** Entries that are integrated at once. */
export const ENTRIES_AT_ONCE = 256;

/**
 * What waits, the heads, and the right edge of the log from the part on that the bucket may not have:
 * the tiles of that edge, and the entries of its last bundle.
 */
export async function loadLog(db: Database) {
  const [found, queue, edge, entries] = await db.batch([
    db.select().from(heads),
    db
      .select({ queueId: logQueue.id, entry: logQueue.entry, release: versions })
      .from(logQueue)
      .leftJoin(
        versions,
        and(eq(versions.plugin, logQueue.plugin), eq(versions.version, logQueue.version)),
      )
      .orderBy(asc(logQueue.id))
      .limit(ENTRIES_AT_ONCE),
    db
      .select({ level: logHashes.level, place: logHashes.place, hash: logHashes.hash })
      .from(heads)
      .crossJoin(sql`json_each(${SPANS}) AS span`)
      .crossJoin(logHashes)
      .where(
        and(
          eq(logHashes.level, sql`span.key`),
          gte(logHashes.place, sql`${heads.shownLogSize} / span.value / 256 * 256`),
        ),
      ),
    db
      .select({ place: logEntries.place, entry: logEntries.entry })
      .from(heads)
      .crossJoin(logEntries)
      .where(gte(logEntries.place, sql`${heads.shownLogSize} / 256 * 256`)),
  ]);
  return { heads: headsRow(found), queue, edge, entries };
}

export type LoadedLog = Awaited<ReturnType<typeof loadLog>>;
export type Queued = LoadedLog["queue"][number];

/** The hashes of one tile. */
export function loadTile(
  db: Database,
  { level, index, width }: Tile,
): Promise<(typeof logHashes.$inferSelect)[]> {
  const first = index * TILE_WIDTH;
  return db
    .select()
    .from(logHashes)
    .where(and(eq(logHashes.level, level), between(logHashes.place, first, first + width - 1)));
}

export interface History {
  readonly entries: readonly (typeof logEntries.$inferSelect)[];
  readonly hashes: readonly (typeof logHashes.$inferSelect)[];
}

const rowsOf = (values: readonly unknown[]) => sql`json_each(${JSON.stringify(values)}) AS row`;

/**
 * Statements that store entries and hashes, over what a recovery may have left of a log that turned out
 * not to be signed.
 */
export function putHistory(db: Database, { entries, hashes }: History) {
  const entry = db
    .insert(logEntries)
    .select(sql`SELECT value ->> 'place', value ->> 'entry' FROM ${rowsOf(entries)} WHERE 1`)
    .onConflictDoUpdate({
      target: logEntries.place,
      set: { entry: sql`excluded.entry` },
      setWhere: sql`excluded.entry <> ${logEntries.entry}`,
    });
  const hash = db
    .insert(logHashes)
    .select(
      sql`SELECT value ->> 'level', value ->> 'place', value ->> 'hash' FROM ${rowsOf(hashes)} WHERE 1`,
    )
    .onConflictDoUpdate({
      target: [logHashes.level, logHashes.place],
      set: { hash: sql`excluded.hash` },
      setWhere: sql`excluded.hash <> ${logHashes.hash}`,
    });
  return [entry, hash] as const;
}

/** What one compare-and-swap of the heads stores. */
export interface Integration extends History {
  readonly heads: Heads;
  readonly size: number;
  readonly root: string;
  readonly releases: readonly {
    readonly plugin: string;
    readonly version: string;
    readonly statement: string;
    readonly logIndex: number;
  }[];
  readonly queueIds: readonly number[];
}

/** Stores all of it or nothing; false when somebody else moved the heads first. */
export async function storeIntegration(db: Database, next: Integration): Promise<boolean> {
  const moveHeads = db
    .update(heads)
    .set({ revision: next.heads.revision + 1, logSize: next.size, logRoot: next.root });
  try {
    await db.batch([
      moveHeads,
      ...putHistory(db, next),
      db
        .delete(logQueue)
        .where(sql`${logQueue.id} IN (SELECT value FROM ${rowsOf(next.queueIds)})`),
      ...next.releases.map(({ plugin, version, ...fixed }) =>
        db
          .update(versions)
          .set({ status: "publishing", ...fixed })
          .where(and(eq(versions.plugin, plugin), eq(versions.version, version))),
      ),
    ]);
    return true;
  } catch (error) {
    if (isRefusedBy("heads_moved", error)) return false;
    throw error;
  }
}

/** Says what lies in the bucket now. */
export async function markShown(
  db: Database,
  { logSize, tufVersion }: { logSize: number; tufVersion: number },
): Promise<void> {
  await db.update(heads).set({
    shownLogSize: sql`max(${heads.shownLogSize}, ${logSize})`,
    shownTufVersion: sql`max(${heads.shownTufVersion}, ${tufVersion})`,
  });
}
