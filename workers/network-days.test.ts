import { env } from "cloudflare:workers";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { beforeAll, expect, test } from "vitest";
import { aboveQuota, countNewcomer, isWithin, networkDayOf } from "./network-days.ts";
import { resetMarketplace } from "./testing.ts";

const NOON = Date.parse("2026-11-23T12:00:00Z");
const MOST = 2;
const db = drizzle(env.DB);

beforeAll(resetMarketplace);

/** Whether one more from this address is taken. */
async function isTaken(address: string | undefined): Promise<boolean> {
  const quota = {
    of: await networkDayOf(env, address, NOON),
    what: "reports",
    most: MOST,
  } as const;
  const [, taken] = await db.batch([
    countNewcomer(db, quota, sql`1`),
    db.select({ taken: sql<number>`${isWithin(quota)}` }).from(sql`(SELECT 1)`),
  ]);
  return taken[0]?.taken === 1;
}

async function takenOf(addresses: readonly string[]): Promise<boolean[]> {
  const taken: boolean[] = [];
  for (const address of addresses) taken.push(await isTaken(address));
  return taken;
}

test("what one /64 uses up leaves room to its neighbours, ten times as much in the whole /48", async () => {
  const own = ["2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:1::3", "2001:db8:1:1::4"];
  expect(await takenOf(own)).toEqual([true, true, false, false]);
  const neighbours = Array.from({ length: 30 }, (_, at) => `2001:db8:1:f${at.toString(16)}::1`);
  const taken = await takenOf(neighbours);
  // One that was refused was counted: the one by which it is known that no further one is taken.
  expect(taken.lastIndexOf(true)).toBe(10 * MOST - 3 - 1);
  expect(taken.indexOf(false)).toBe(10 * MOST - 3);
  expect(await isTaken("2001:db8:2:1::1")).toBe(true);
});

test("an IPv4 address is one network, and no address none", async () => {
  const same = "203.0.113.7";
  expect(await takenOf([same, same, same, "203.0.113.8"])).toEqual([true, true, false, true]);
  const nobody = await Promise.all(Array.from({ length: 5 }, () => isTaken(undefined)));
  expect(nobody).not.toContain(false);
});

test("who is above a quota is told when the day ends", () => {
  const { code, detail } = aboveQuota("Too many", NOON + 500);
  expect([code, detail["headers"]]).toEqual(["limit_rate", { "Retry-After": "43200" }]);
});
