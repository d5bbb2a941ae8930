import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { RbsmError, type Json } from "@rising-bsm/protocol";
import { z } from "zod";
import { diskError } from "../disk/durable-file.ts";
import { nextTurn } from "../runtime/event-loop-turns.ts";
import {
  checkChanges,
  conditionHolds,
  rowVersionConflict,
  type Change,
  type HostStore,
  type Range,
  type Row,
} from "./host-store.ts";

/*
 * host_rows(kind, key, version, value)
 *   one row a document; value is JSON text; version is the number of the commit that wrote it.
 * The row ('', '') holds the number of the last commit, so that a deleted and re-created row never
 * gets an old version again. Callers cannot reach it: empty kinds are refused.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS host_rows (
    kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID;
  INSERT OR IGNORE INTO host_rows VALUES ('', '', 0, 'null');
`;

const BUSY_TIMEOUT_MS = 5_000;
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
// What a disk quota gives instead of FULL.
const SQLITE_IOERR_WRITE = 778;
const IN_MEMORY = ":memory:";
const OTHERS = 0o077;
/** Characters of JSON that take about a tenth of a millisecond to parse. */
const LONG_VALUE = 32 * 1_024;
const LAST_CODE_POINT = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;

const rowSchema = z.object({ key: z.string(), version: z.number(), value: z.string() });
const versionSchema = z.object({ version: z.number() });
const sqliteErrorSchema = z.object({ errcode: z.number(), message: z.string() });

type Run = (sql: string, ...values: SQLInputValue[]) => unknown;

/**
 * A `HostStore` in one SQLite file, shared safely by several processes of one machine. A missing
 * folder is made; file and folder are readable by their owner alone. `:memory:` keeps it in memory.
 */
export function createSqliteStore(file: string): HostStore {
  const database = translateErrors(() => openDatabase(file));
  const statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();

  function prepared(sql: string): ReturnType<DatabaseSync["prepare"]> {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  }

  const run: Run = (sql, ...values) => prepared(sql).run(...values);
  const readVersion = (kind: string, key: string): number | undefined => {
    const row = prepared("SELECT version FROM host_rows WHERE kind = ? AND key = ?").get(kind, key);
    return row === undefined ? undefined : versionSchema.parse(row).version;
  };

  function commitChanges(changes: readonly Change[]): number {
    // IMMEDIATE takes the write lock before the conditions are read: nobody can write in between.
    database.exec("BEGIN IMMEDIATE");
    try {
      const version = (readVersion("", "") ?? 0) + 1;
      const refused = changes.find(
        (change) => !conditionHolds(readVersion(change.kind, change.key), change),
      );
      if (refused) throw rowVersionConflict(refused);
      for (const change of changes) writeChange(run, change, version);
      run("UPDATE host_rows SET version = ? WHERE kind = '' AND key = ''", version);
      database.exec("COMMIT");
      return version;
    } catch (error) {
      // SQLite has already rolled back by itself after some failures, a full disk among them.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  return {
    async get(kind, key) {
      const sql = "SELECT key, version, value FROM host_rows WHERE kind = ? AND key = ?";
      const row = translateErrors(() => prepared(sql).get(kind, key));
      if (row === undefined || kind === "") return null;
      // A plugin may ask for many such rows at once: each is parsed in a turn of its own.
      if (String(row["value"]).length > LONG_VALUE) await nextTurn();
      return toRow(row);
    },
    async list(kind, range = {}) {
      const { sql, values } = rangeQuery(kind, range);
      return translateErrors(() => prepared(sql).all(...values)).map(toRow);
    },
    async commit(changes) {
      checkChanges(changes);
      return translateErrors(() => commitChanges(changes));
    },
    async close() {
      statements.clear();
      if (database.isOpen) database.close();
    },
  };
}

/** Leases and plugins' data are nobody else's. SQLite gives `-wal` and `-shm` the mode of the file. */
function preparePrivateFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // A file that is there is not opened: closing it would drop the locks of this process's other
    // connections to it.
    if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
    for (const path of [file, `${file}-wal`, `${file}-shm`]) {
      const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
      // A restored backup may have lost the mode.
      if ((mode & OTHERS) !== 0) chmodSync(path, 0o600);
    }
  } catch (error) {
    throw diskError(error);
  }
}

function openDatabase(file: string): DatabaseSync {
  if (file !== IN_MEMORY) preparePrivateFile(file);
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  database.exec("PRAGMA journal_mode = WAL");
  // FULL, not NORMAL: the install journal and the request ids of lease renewals are only worth
  // something if an answered commit is still there after a power cut.
  database.exec("PRAGMA synchronous = FULL");
  database.exec(SCHEMA);
  return database;
}

function writeChange(run: Run, change: Change, version: number): void {
  if (change.value === null) {
    run("DELETE FROM host_rows WHERE kind = ? AND key = ?", change.kind, change.key);
    return;
  }
  run(
    "INSERT OR REPLACE INTO host_rows (kind, key, version, value) VALUES (?, ?, ?, ?)",
    change.kind,
    change.key,
    version,
    JSON.stringify(change.value),
  );
}

function rangeQuery(kind: string, range: Range): { sql: string; values: SQLInputValue[] } {
  const end = afterPrefix(range.prefix ?? "");
  const sql = `SELECT key, version, value FROM host_rows
    WHERE kind = ? AND kind <> '' AND key >= ? AND key > ?${end === null ? "" : " AND key < ?"}
    ORDER BY key LIMIT ?`;
  const bounds = [range.prefix ?? "", range.after ?? "", ...(end === null ? [] : [end])];
  return { sql, values: [kind, ...bounds, range.limit ?? -1] };
}

/** The first string after all that start with the prefix, in code point order; null: there is none. */
function afterPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (char) => char.codePointAt(0) ?? 0);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return null;
  const next = last + 1 === FIRST_SURROGATE ? AFTER_SURROGATES : last + 1;
  return String.fromCodePoint(...points, next);
}

function toRow(columns: unknown): Row {
  const row = rowSchema.parse(columns);
  const value: Json = JSON.parse(row.value);
  return { key: row.key, value, version: row.version };
}

function translateErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const sqlite = sqliteErrorSchema.safeParse(error);
    if (!sqlite.success) throw closedError(error);
    throw new RbsmError(
      codeOf(sqlite.data.errcode),
      `The host's store: ${sqlite.data.message}`,
      {},
      error,
    );
  }
}

/** A host that is closed meets late readers, a page that still refreshes for instance. */
function closedError(error: unknown): unknown {
  const closed = error instanceof Error && "code" in error && error.code === "ERR_INVALID_STATE";
  return closed ? new RbsmError("cancelled", "The host's store is closed", {}, error) : error;
}

function codeOf(errcode: number): "conflict_locked" | "disk_full" | "internal" {
  // The low byte is the primary result code.
  const primary = errcode & 0xff;
  if (primary === SQLITE_FULL || errcode === SQLITE_IOERR_WRITE) return "disk_full";
  return primary === SQLITE_BUSY ? "conflict_locked" : "internal";
}
