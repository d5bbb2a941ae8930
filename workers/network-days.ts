import { hex } from "@rising-bsm/protocol";
import { lte, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { dayOf } from "./beacons/day.ts";
import type { Database } from "./database.ts";
import { secretBytes } from "./env.ts";
import type { Bindings } from "./env.ts";
import { mac } from "./mac.ts";
import { networkOf } from "./network-of.ts";

/** What a network did on a day. */
const networkDays = sqliteTable(
  "network_days",
  {
    day: integer().notNull(),
    network: text().notNull(),
    registered: integer().notNull().default(0),
    reporting: integer().notNull().default(0),
    reports: integer().notNull().default(0),
    reviews: integer().notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.day, table.network] })],
);

/** A network on one day, named by an HMAC of both: what its newcomers are counted under. */
export interface NetworkDay {
  readonly day: number;
  readonly network: string;
}

/** Null where the platform does not say who asks: there nothing is limited. */
export async function networkDayOf(
  env: Bindings,
  address: string | undefined,
  now: number,
): Promise<NetworkDay | null> {
  if (address === undefined) return null;
  const day = dayOf(now);
  const about = `${day} ${networkOf(address, 48)}`;
  const tag = await mac(secretBytes(env, "CURSOR_KEY"), "network of a day", about);
  return { day, network: hex(tag.subarray(0, 16)) };
}

/** What a network may do so often a day. */
export interface Quota {
  readonly of: NetworkDay | null;
  readonly what: "registered" | "reporting" | "reports" | "reviews";
  readonly most: number;
}

/**
 * Counts one more where `isNew` holds, and stops just above the quota. It stands in one batch before
 * what `isWithin` then admits, so that a repeated batch counts nobody twice.
 */
export function countNewcomer(db: Database, { of, what, most }: Quota, isNew: SQL) {
  const counter = networkDays[what];
  return db
    .insert(networkDays)
    .select(
      sql`SELECT ${of?.day ?? 0}, ${of?.network ?? ""}, ${Number(what === "registered")},
          ${Number(what === "reporting")}, ${Number(what === "reports")},
          ${Number(what === "reviews")}
        WHERE ${Number(of !== null)} AND ${isNew}`,
    )
    .onConflictDoUpdate({
      target: [networkDays.day, networkDays.network],
      set: { [what]: sql`${counter} + 1` },
      setWhere: lte(counter, most),
    });
}

/** Whether the one that was counted last is within the quota. */
export function isWithin({ of, what, most }: Quota): SQL {
  if (of === null) return sql`1`;
  const counted = sql`SELECT ${sql.identifier(what)} FROM network_days
    WHERE day = ${of.day} AND network = ${of.network}`;
  return sql`coalesce((${counted}), 0) <= ${most}`;
}

/** Forgets the networks of the days before yesterday, at most `limit`. */
export async function forgetNetworks(db: Database, now: number, limit: number): Promise<void> {
  const old = sql`SELECT day, network FROM network_days WHERE day < ${dayOf(now) - 1} LIMIT ${limit}`;
  await db.delete(networkDays).where(sql`(day, network) IN (${old})`);
}
