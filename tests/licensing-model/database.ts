import { env } from "cloudflare:workers";
import type { Ledger, Line, Sold } from "./ledger.ts";

/** Tables in which nothing is ever deleted. */
const KEPT = ["licenses", "orders", "payment_events", "instances", "activations", "audit"];
/** All that hang together; counters of attempts may go. Whoever is referred to comes first. */
const TABLES = [...KEPT, "activation_attempts", "order_attempts"];

/** A copy of the tables, and of what the ledger knew when it was made. */
export interface DatabaseCopy {
  readonly rows: readonly (readonly [table: string, rows: readonly Record<string, unknown>[]])[];
  readonly sold: Map<string, Sold>;
  readonly lines: Map<string, Line>;
  readonly instances: Set<string>;
}

/** From here on a row of these tables that is deleted, other than by `setBack`, is an error of the Worker. */
export async function forbidDeleting(): Promise<void> {
  const triggers = KEPT.map((table) =>
    env.DB.prepare(
      `CREATE TRIGGER keep_${table} BEFORE DELETE ON ${table}
       WHEN NOT EXISTS (SELECT 1 FROM set_back) BEGIN SELECT RAISE(ABORT, 'a row was deleted'); END`,
    ),
  );
  await env.DB.batch([env.DB.prepare("CREATE TABLE set_back (now INTEGER)"), ...triggers]);
}

/** How many rows there are, without those that may go. */
export async function countRows(): Promise<number> {
  const sum = KEPT.map((table) => `(SELECT count(*) FROM ${table})`).join(" + ");
  return (await env.DB.prepare(`SELECT ${sum} AS total`).first<number>("total")) ?? 0;
}

export async function copyDatabase({ sold, lines, instances }: Ledger): Promise<DatabaseCopy> {
  const results = await env.DB.batch<Record<string, unknown>>(
    TABLES.map((table) => env.DB.prepare(`SELECT * FROM ${table}`)),
  );
  return {
    rows: TABLES.map((table, index) => [table, results[index]?.results ?? []]),
    sold: copyValues(sold),
    lines: copyValues(lines),
    instances: new Set(instances),
  };
}

/** The database becomes what it was; the leases that are out do not. */
export async function setBack(ledger: Ledger, copy: DatabaseCopy): Promise<void> {
  await env.DB.batch([
    env.DB.prepare("INSERT INTO set_back VALUES (1)"),
    ...TABLES.toReversed().map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    ...copy.rows.flatMap(([table, kept]) => kept.map((row) => insertRow(table, row))),
    env.DB.prepare("DELETE FROM set_back"),
  ]);
  ledger.sold = copyValues(copy.sold);
  ledger.lines = copyValues(copy.lines);
  ledger.instances = new Set(copy.instances);
  ledger.wasSetBack = true;
}

function insertRow(table: string, row: Record<string, unknown>): D1PreparedStatement {
  const columns = Object.keys(row);
  const marks = columns.map(() => "?").join(", ");
  const into = `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`;
  return env.DB.prepare(into).bind(...Object.values(row));
}

function copyValues<T extends object>(map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...map].map(([key, value]) => [key, structuredClone(value)]));
}
