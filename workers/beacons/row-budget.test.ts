import { env } from "cloudflare:workers";
import { BEACON_LIMITS } from "@rising-bsm/protocol";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { registerInstance } from "../licenses/sample-instance.ts";
import type { SampleInstance } from "../licenses/sample-instance.ts";
import { call, createAccount, resetMarketplace } from "../testing.ts";
import type { Account } from "../testing.ts";
import { counting } from "../testing-bindings.ts";
import { countOn, listPlugins, noonOf, report } from "./sample-report.ts";
import type { SampleReport } from "./sample-report.ts";

let acme: Account;
let plugin: string;
let instance: SampleInstance;
let plugins = 0;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
});

/** Each test has a plugin and an instance of its own. */
beforeEach(async () => {
  plugin = `@acme/plugin-${plugins++}`;
  await listPlugins(acme, [plugin]);
  vi.useFakeTimers({ toFake: ["Date"] });
  on(1);
  instance = await registerInstance();
});

afterEach(() => {
  vi.useRealTimers();
});

function on(day: number): void {
  vi.setSystemTime(noonOf(day));
}

describe("rows of D1", () => {
  const { bindings, count } = counting(env);

  /** Beside what every request reads. */
  async function billOf(sample: SampleReport): Promise<[read: number, written: number]> {
    on(sample.day);
    const others = await readByAny();
    const before = { ...count };
    const answer = await report(instance, { ...sample, address: "198.51.100.7", bindings });
    expect(answer.status).toBe(204);
    return [count.rowsRead - before.rowsRead - others, count.rowsWritten - before.rowsWritten];
  }

  /** What the second request for nothing reads: the first also looks for migrations. */
  async function readByAny(): Promise<number> {
    await call("/v1/beacons", { method: "POST" }, bindings);
    const before = count.rowsRead;
    await call("/v1/beacons", { method: "POST" }, bindings);
    return count.rowsRead - before;
  }

  test("a report reads at most 5 and writes at most 3, one that says the same writes 1", async () => {
    const bills = [
      await billOf({ day: 1, plugins: [plugin] }),
      await billOf({ day: 2, plugins: [plugin] }),
    ];
    await countOn(3);
    const same = await billOf({ day: 3, plugins: [plugin] });
    bills.push(same, await billOf({ day: 4, plugins: [] }), await billOf({ day: 4, plugins: [] }));
    for (const [read, written] of bills) {
      expect(read).toBeLessThanOrEqual(5);
      expect(written).toBeLessThanOrEqual(3);
    }
    expect(same[1]).toBe(1);
  });

  test("counting a report that says something new writes a few rows more", async () => {
    await listPlugins(acme, [plugin], { version: "2.0.0" });
    // What other tests have left.
    await countOn(5);
    const costs = await costsOf([{}, {}, { [plugin]: "1.0.0" }, { [plugin]: "2.0.0" }, {}]);
    const [, , installed, updated, gone] = costs;
    expect(installed?.[1]).toBeLessThanOrEqual(6);
    expect(updated?.[1]).toBeLessThanOrEqual(5);
    expect(gone?.[1]).toBeLessThanOrEqual(6);
    for (const [read] of costs) expect(read).toBeLessThanOrEqual(40);
  });

  test("each of twenty plugins costs at most 3 when it comes or goes, 1 when it is updated", async () => {
    const names = Array.from({ length: 20 }, (_, at) => `@acme/twenty-${at}`);
    await listPlugins(acme, names);
    await listPlugins(acme, names, { version: "2.0.0" });
    const had = (version: string) => Object.fromEntries(names.map((name) => [name, version]));
    await countOn(5);
    const costs = await costsOf([{}, {}, had("1.0.0"), had("2.0.0"), {}]);
    const [, , installed, updated, gone] = costs.map(([, written]) => written);
    expect(Math.max(installed ?? 0, gone ?? 0)).toBeLessThanOrEqual(3 * names.length + 4);
    expect(updated).toBeLessThanOrEqual(names.length + 4);
    for (const [read] of costs) expect(read).toBeLessThanOrEqual(260);
  });

  /** What counting them costs, each on the next day. */
  async function costsOf(reports: readonly Readonly<Record<string, string>>[]) {
    const costs: [read: number, written: number][] = [];
    for (const [at, had] of reports.entries()) {
      on(at + 1);
      await report(instance, { day: at + 1, plugins: had });
      const before = { ...count };
      await countOn(at + 1, bindings);
      costs.push([count.rowsRead - before.rowsRead, count.rowsWritten - before.rowsWritten]);
    }
    return costs;
  }

  test("long reports are counted a few at a time", async () => {
    const many = Array.from({ length: BEACON_LIMITS.plugins }, (_, at) => `@acme/none-${at}`);
    const reporters = await Promise.all(Array.from({ length: 5 }, registerInstance));
    for (const day of [1, 2]) {
      on(day);
      for (const one of reporters) await report(one, { day, plugins: many });
    }
    const before = { ...count };
    await countOn(3, bindings);
    // Four reports name 2,000 plugins: two chunks of two batches, and what forgets networks.
    expect(count.writes - before.writes).toBe(5);
  });

  test("reports that take much away are counted a few at a time", async () => {
    const many = Array.from({ length: BEACON_LIMITS.plugins }, (_, at) => `@acme/many-${at}`);
    const names = JSON.stringify(many);
    await env.DB.prepare(
      "INSERT OR IGNORE INTO plugins (name, scope, created_at, updated_at) SELECT value, '@acme', 0, 0 FROM json_each(?)",
    )
      .bind(names)
      .run();
    const reporters = await Promise.all(Array.from({ length: 5 }, registerInstance));
    for (const day of [1, 2, 3]) {
      on(day);
      for (const one of reporters) await report(one, { day, plugins: day < 3 ? [plugin] : [] });
      if (day === 3) {
        const ids = JSON.stringify(reporters.map(({ id }) => id));
        await env.DB.prepare(
          "INSERT INTO installations SELECT i.value, n.value, '1.0.0', 1, 1 FROM json_each(?) i, json_each(?) n",
        )
          .bind(ids, names)
          .run();
      }
      const before = { ...count };
      await countOn(day, bindings);
      // Five take 2,500 away: three of them, then two, in two batches each, and networks are forgotten.
      if (day === 3) expect(count.writes - before.writes).toBe(6);
    }
    const held = await env.DB.prepare(
      "SELECT count(*) AS held FROM installations WHERE installed = 1 AND plugin LIKE '@acme/many-%'",
    ).first();
    expect(held).toEqual({ held: 0 });
  });

  test("a count that finds nothing due reads no reports", async () => {
    for (const day of [1, 2, 3]) {
      on(day);
      await report(instance, { day, plugins: [plugin] });
      await countOn(day);
    }
    const before = { ...count };
    await countOn(3, bindings);
    expect(count.rowsRead - before.rowsRead).toBeLessThanOrEqual(7);
    expect(count.rowsWritten - before.rowsWritten).toBe(0);
  });
});
