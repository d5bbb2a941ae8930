import { hex, RbsmError } from "@rising-bsm/protocol";
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { dayOf, isoDay } from "./beacons/day.ts";
import type { Database } from "./database.ts";
import { secretBytes } from "./env.ts";
import type { Bindings } from "./env.ts";
import { mac } from "./mac.ts";
import { networkOf } from "./network-of.ts";
import { reports } from "./reports/tables.ts";

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

/** The networks that a sender is in on one day, each named by an HMAC of both: what it is counted under. */
export interface NetworkDay {
  readonly day: number;
  readonly networks: readonly {
    readonly tag: string;
    /** How many times a quota it has. */
    readonly times: number;
  }[];
}

/** What the /48 of an IPv6 address may do, as a multiple of what each /64 in it may. */
const TIMES_OF_WIDE = 10;

/**
 * Null where the platform does not say who asks: there nothing is limited. Servers of many customers
 * stand in one IPv6 /48, a /64 each, and some customers have a /48 to themselves: both are counted.
 */
export async function networkDayOf(
  env: Bindings,
  address: string | undefined,
  now: number,
): Promise<NetworkDay | null> {
  if (address === undefined) return null;
  const day = dayOf(now);
  const [narrow, wide] = [networkOf(address, 64), networkOf(address, 48)];
  const tagOf = async (network: string) => {
    const tag = await mac(secretBytes(env, "CURSOR_KEY"), "network of a day", `${day} ${network}`);
    return hex(tag.subarray(0, 16));
  };
  const networks = [{ tag: await tagOf(narrow), times: 1 }];
  if (wide !== narrow) networks.push({ tag: await tagOf(wide), times: TIMES_OF_WIDE });
  return { day, networks };
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
export function countNewcomer(db: Database, quota: Quota, isNew: SQL) {
  const { of, what } = quota;
  const one = (counted: Quota["what"]) => Number(what === counted);
  return db
    .insert(networkDays)
    .select(
      sql`SELECT ${of?.day ?? 0}, value ->> 'tag', ${one("registered")}, ${one("reporting")},
          ${one("reports")}, ${one("reviews")}
        FROM json_each(${JSON.stringify(of?.networks ?? [])})
        WHERE ${isNew} AND ${isWithin(quota)}`,
    )
    .onConflictDoUpdate({
      target: [networkDays.day, networkDays.network],
      set: { [what]: sql`${networkDays[what]} + 1` },
    });
}

/** Whether the one that was counted last is within the quota of each of its networks. */
export function isWithin({ of, what, most }: Quota): SQL {
  if (of === null) return sql`1`;
  return sql`NOT EXISTS (SELECT 1 FROM json_each(${JSON.stringify(of.networks)}) AS one
    JOIN network_days ON network_days.day = ${of.day} AND network_days.network = one.value ->> 'tag'
    WHERE network_days.${sql.identifier(what)} > ${most} * (one.value ->> 'times'))`;
}

const DAY_MS = 86_400_000;

/** The refusal of who is above a quota: all of them end with the day. */
export function aboveQuota(message: string, now: number): RbsmError {
  const seconds = Math.ceil(((dayOf(now) + 1) * DAY_MS - now) / 1_000);
  const headers = { "Retry-After": String(seconds) };
  return new RbsmError("limit_rate", message, { fix: "Try again tomorrow (UTC).", headers });
}

/** Forgets the networks of the days before yesterday, and which reports came from them: `limit` of each. */
export async function forgetNetworks(db: Database, now: number, limit: number): Promise<void> {
  const old = sql`SELECT day, network FROM network_days WHERE day < ${dayOf(now) - 1} LIMIT ${limit}`;
  const made = sql`SELECT id FROM reports WHERE once < ${isoDay(now - DAY_MS)} LIMIT ${limit}`;
  await db.batch([
    db.delete(networkDays).where(sql`(day, network) IN (${old})`),
    db
      .update(reports)
      .set({ once: null })
      .where(sql`id IN (${made})`),
  ]);
}
