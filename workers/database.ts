import { RbsmError } from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { createMiddleware } from "hono/factory";
import type { AppEnv, Bindings } from "./env.ts";

export type Database = DrizzleD1Database;

/** For pages that may lag: any replica answers. */
export function readDatabase(env: Bindings): Database {
  return drizzle(inSession(env.DB, "first-unconstrained"));
}

/** For everything that decides or writes: the first query goes to the primary. */
export function writeDatabase(env: Bindings): Database {
  return drizzle(inSession(env.DB, "first-primary"));
}

/** Drizzle wants a whole D1Database; only these two calls matter to a session. */
function inSession(database: D1Database, constraint: D1SessionConstraint): D1Database {
  const session = database.withSession(constraint);
  return {
    prepare: (query) => session.prepare(query),
    batch: (statements) => session.batch(statements),
    exec: (query) => database.exec(query),
    withSession: (next) => database.withSession(next),
    dump: () => database.dump(),
  };
}

/** Whether a trigger of a migration, which raises this word, refused what was to be written. */
export function isRefusedBy(word: string, error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.message.includes(word)) return true;
  }
  return false;
}

const OVERLOADED = /\bD1 DB\b|Network connection lost|storage (?:caused|operation)|\boverloaded\b/i;
const BROKEN = /SQLITE_(?:BUSY|LOCKED|IOERR|NOMEM|FULL|CORRUPT|CANTOPEN|INTERRUPT)/;

/** Whether an error, or one that caused it, says that a database cannot answer now: no fault of a query. */
export function isDatabaseAway(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { message } = at;
    if (OVERLOADED.test(message) || BROKEN.test(message)) return true;
    if (message.startsWith("D1_ERROR") && !message.includes("SQLITE_")) return true;
  }
  return false;
}

/** The newest migration of each database that this code needs; a test compares them to the files. */
export const REQUIRED_MIGRATIONS = {
  DB: "0019_events_of_scope.sql",
  SEARCH: "0004_slips.sql",
} as const;

const current = new WeakSet<D1Database>();

/**
 * Refuses to run on an older schema; asks each database once an isolate. What needs no search, a takedown
 * before all, goes on while that is away.
 */
export const requireSchema = createMiddleware<AppEnv>(async (c, next) => {
  await Promise.all([
    assertMigrated(c.env.DB, REQUIRED_MIGRATIONS.DB),
    assertMigrated(c.env.SEARCH, REQUIRED_MIGRATIONS.SEARCH).catch((error: unknown) => {
      if (!isDatabaseAway(error)) throw error;
    }),
  ]);
  await next();
});

async function assertMigrated(database: D1Database, migration: string): Promise<void> {
  if (current.has(database)) return;
  const applied = database.prepare("SELECT id FROM d1_migrations WHERE name = ?").bind(migration);
  const isMigrated = await applied.first().then((row) => row !== null, isThereNoTable);
  if (!isMigrated) throw new RbsmError("schema_outdated", undefined, { migration });
  current.add(database);
}

/** Nothing was migrated yet. Everything else that went wrong is thrown. */
function isThereNoTable(error: unknown): false {
  if (String(error).includes("no such table")) return false;
  throw error;
}
