import { env } from "cloudflare:workers";
import { BEACON_LIMITS } from "@rising-bsm/protocol";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { newKey, registerInstance, sendSigned } from "../licenses/sample-instance.ts";
import type { SampleInstance } from "../licenses/sample-instance.ts";
import { call, createAccount, refusal, resetMarketplace } from "../testing.ts";
import type { Account } from "../testing.ts";
import { beforeBatch, counting, failingAt } from "../testing-bindings.ts";
import {
  addedUp,
  countOn,
  countsOf,
  dateOf,
  listPlugins,
  noonOf,
  registerFrom,
  report,
} from "./sample-report.ts";
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

/** A report on its day, which is counted then. */
async function reported(sample: SampleReport, of = instance): Promise<number> {
  on(sample.day);
  const { status } = await report(of, sample);
  await countOn(sample.day);
  return status;
}

describe("an instance counts", () => {
  test("from its second day on, once, until it has the plugin no more", async () => {
    const seen: string[] = [];
    const has = async (day: number, had: readonly string[]) => {
      expect(await reported({ day, plugins: had })).toBe(204);
      seen.push(await countsOf(plugin));
    };
    await has(1, [plugin]);
    await has(2, [plugin]);
    await has(3, [plugin]);
    await has(4, []);
    await has(5, [plugin]);
    expect(seen).toEqual(["0/0", "1/1", "1/1", "0/1", "1/1"]);
  });

  test("until it is silent for 30 days, and again from the second day after that", async () => {
    for (const day of [1, 2]) await reported({ day, plugins: [plugin] });
    // A later report that says the same moves the end of its patience.
    await reported({ day: 20, plugins: [plugin] });
    const seen: string[] = [];
    for (const day of [32, 49, 50]) {
      await countOn(day);
      seen.push(await countsOf(plugin));
    }
    for (const day of [60, 61]) {
      await reported({ day, plugins: [plugin] });
      seen.push(await countsOf(plugin));
    }
    expect(seen).toEqual(["1/1", "1/1", "0/1", "0/1", "1/1"]);
  });

  test("with the version that it has now", async () => {
    await listPlugins(acme, [plugin], { version: "2.0.0" });
    for (const day of [1, 2]) await reported({ day, plugins: [plugin] });
    await reported({ day: 3, plugins: { [plugin]: "2.0.0" } });
    const held = env.DB.prepare(
      "SELECT version, first_day FROM installations WHERE instance_id = ?",
    );
    const { results } = await held.bind(instance.id).all();
    expect(results).toEqual([{ version: "2.0.0", first_day: Math.floor(noonOf(2) / 86_400_000) }]);
    expect(await countsOf(plugin)).toBe("1/1");
  });

  test("and what is counted is marked for search", async () => {
    for (const day of [1, 2]) await reported({ day, plugins: [plugin] });
    const row = env.DB.prepare(
      "SELECT stale, trending > 0 AS trends FROM plugin_counts WHERE plugin = ?",
    );
    expect(await row.bind(plugin).first()).toEqual({ stale: 1, trends: 1 });
  });
});

describe("nothing is changed by", () => {
  beforeEach(async () => {
    for (const day of [1, 2]) await reported({ day, plugins: [plugin] });
  });

  async function expectUnchanged(answer: Response, expected: number | [number, string]) {
    if (typeof expected === "number") expect(answer.status).toBe(expected);
    else expect(await refusal(answer)).toEqual(expected);
    await countOn(2);
    expect(await countsOf(plugin)).toBe("1/1");
  }

  test("the same day again, or one before", async () => {
    await expectUnchanged(await report(instance, { day: 2, plugins: [] }), 204);
    await env.DB.prepare("UPDATE beacons SET day = day + 1 WHERE instance_id = ?")
      .bind(instance.id)
      .run();
    await expectUnchanged(await report(instance, { day: 2, plugins: [] }), 204);
  });

  test.each([-30, 1, 3, 400])("a report of day %d on day 2", async (day) => {
    const body = { day: dateOf(day), plugins: [] };
    const answer = await sendSigned(instance.key, "/v1/beacons", { body, now: noonOf(2) });
    await expectUnchanged(answer, [400, "request_invalid"]);
  });

  test("an old proof", async () => {
    const body = { day: dateOf(3), plugins: [] };
    on(3);
    const now = noonOf(3) - 6 * 60_000;
    const answer = await sendSigned(instance.key, "/v1/beacons", { body, now });
    await expectUnchanged(answer, [401, "auth_proof_invalid"]);
  });

  test("a key that is not registered", async () => {
    const answer = await report({ key: await newKey() }, { day: 2, plugins: [plugin] });
    await expectUnchanged(answer, [401, "auth_proof_invalid"]);
  });

  test("a proof over another body", async () => {
    on(3);
    const signed = await sendSigned(instance.key, "/v1/beacons", {
      body: {
        day: dateOf(3),
        plugins: [
          { name: plugin, version: "1.0.0" },
          { name: plugin, version: "2.0.0" },
        ],
      },
      now: noonOf(3),
    });
    await expectUnchanged(signed, [400, "request_invalid"]);
  });

  test("plugins and versions that nobody can install", async () => {
    const hidden = `${plugin}-hidden`;
    await listPlugins(acme, [hidden], { visibility: "unlisted" });
    const names = { [hidden]: "1.0.0", "@acme/none": "1.0.0", [plugin]: "9.9.9" };
    expect(await reported({ day: 3, plugins: names })).toBe(204);
    expect(await countsOf(hidden)).toBe("0/0");
    expect(await countsOf(plugin)).toBe("1/1");
    const rows = env.DB.prepare("SELECT count(*) AS rows FROM installations WHERE instance_id = ?");
    expect(await rows.bind(instance.id).first("rows")).toBe(1);
  });

  test("more plugins than a report may name", async () => {
    on(3);
    const many = Array.from({ length: BEACON_LIMITS.plugins + 1 }, (_, at) => `@a/p${at}`);
    const answer = await report(instance, { day: 3, plugins: many });
    await expectUnchanged(answer, [400, "request_invalid"]);
  });
});

describe("of one network", () => {
  test("a day takes only so many new instances; the others begin on a later day", async () => {
    const most = BEACON_LIMITS.newPerNetwork;
    const many = await Promise.all(Array.from({ length: most + 2 }, registerInstance));
    for (const day of [1, 2]) {
      on(day);
      for (const [at, one] of many.entries()) {
        const address = `2001:db8:7:${at.toString(16)}::1`;
        const answer = await report(one, { day, plugins: [plugin], address });
        expect(answer.status).toBe(204);
      }
      await countOn(day);
    }
    expect(await countsOf(plugin)).toBe(`${most}/${most}`);
    on(3);
    for (const one of many)
      await report(one, { day: 3, plugins: [plugin], address: "2001:db8:7::1" });
    await countOn(3);
    expect(await countsOf(plugin)).toBe(`${most + 2}/${most + 2}`);
  });

  test("a day takes only so many registrations, and is forgotten after two", async () => {
    await registerFrom("192.0.2.1", noonOf(1));
    await env.DB.prepare("UPDATE network_days SET registered = ? WHERE registered = 1")
      .bind(BEACON_LIMITS.registrationsPerNetwork)
      .run();
    const before = await registeredCount();
    expect(await refusal(await registerFrom("192.0.2.1", noonOf(1)))).toEqual([429, "limit_rate"]);
    expect(await registeredCount()).toEqual(before);
    expect((await registerFrom("192.0.2.2", noonOf(1))).status).toBe(200);
    expect(
      (await sendSigned(instance.key, "/v1/instances", { body: { publicKey: "x" } })).status,
    ).toBe(400);
    on(3);
    await countOn(3);
    expect(
      await env.DB.prepare("SELECT count(*) AS n FROM network_days WHERE registered > 0").first(
        "n",
      ),
    ).toBe(0);
  });

  async function registeredCount() {
    return env.DB.prepare(
      "SELECT (SELECT count(*) FROM instances) AS instances, (SELECT count(*) FROM audit) AS audit",
    ).first();
  }
});

describe("what is counted is what was reported", () => {
  async function reportedTwice(): Promise<void> {
    for (const day of [1, 2]) {
      on(day);
      await report(instance, { day, plugins: [plugin] });
    }
  }

  test.each(["failed", "failed but stored"] as const)("after a count that %s", async (fault) => {
    await reportedTwice();
    // The first write forgets networks.
    const broken = failingAt(env, 2, fault);
    await expect(countOn(2, broken.bindings)).rejects.toThrow("Injected");
    await countOn(2);
    await countOn(2);
    expect([await countsOf(plugin), await addedUp(plugin)]).toEqual(["1/1", "1/1"]);
  });

  test.each(["failed", "failed but stored"] as const)("after a report that %s", async (fault) => {
    for (const day of [1, 2]) {
      on(day);
      const broken = failingAt(env, 1, fault);
      const lost = await report(instance, { day, plugins: [plugin], bindings: broken.bindings });
      expect([lost.status, broken.hit()]).toEqual([500, true]);
      expect((await report(instance, { day, plugins: [plugin] })).status).toBe(204);
    }
    await countOn(2);
    expect(await countsOf(plugin)).toBe("1/1");
  });

  test("when two count at once", async () => {
    await reportedTwice();
    await Promise.all([countOn(2), countOn(2), countOn(2)]);
    expect([await countsOf(plugin), await addedUp(plugin)]).toEqual(["1/1", "1/1"]);
  });

  test("when an instance is heard of again just as it is given up", async () => {
    await reportedTwice();
    await countOn(2);
    on(32);
    // The second batch stores what was counted.
    const bindings = beforeBatch(env, 2, () => report(instance, { day: 32, plugins: [plugin] }));
    await countOn(32, bindings);
    expect([await countsOf(plugin), await addedUp(plugin)]).toEqual(["1/1", "1/1"]);
  });
});

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
    await countOn(2);
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
    await countOn(4);
    const costs: [read: number, written: number][] = [];
    for (const [day, had] of [
      [1, {}],
      [2, { [plugin]: "1.0.0" }],
      [3, { [plugin]: "2.0.0" }],
      [4, {}],
    ] as const) {
      on(day);
      await report(instance, { day, plugins: had });
      const before = { ...count };
      await countOn(day, bindings);
      costs.push([count.rowsRead - before.rowsRead, count.rowsWritten - before.rowsWritten]);
    }
    const [, installed, updated, gone] = costs;
    expect(installed?.[1]).toBeLessThanOrEqual(6);
    expect(updated?.[1]).toBeLessThanOrEqual(5);
    expect(gone?.[1]).toBeLessThanOrEqual(6);
    for (const [read] of costs) expect(read).toBeLessThanOrEqual(40);
  });

  test("long reports are counted a few at a time", async () => {
    const many = Array.from({ length: BEACON_LIMITS.plugins }, (_, at) => `@acme/none-${at}`);
    const reporters = await Promise.all(Array.from({ length: 5 }, registerInstance));
    for (const day of [1, 2]) {
      on(day);
      for (const one of reporters) await report(one, { day, plugins: many });
    }
    const before = { ...count };
    await countOn(2, bindings);
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
      // Five take 2,505 away: three of them, then two, in two batches each, and networks are forgotten.
      if (day === 3) expect(count.writes - before.writes).toBe(6);
    }
    const held = await env.DB.prepare(
      "SELECT count(*) AS held FROM installations WHERE installed = 1 AND plugin LIKE '@acme/many-%'",
    ).first();
    expect(held).toEqual({ held: 0 });
  });

  test("a count that finds nothing due reads no reports", async () => {
    for (const day of [1, 2, 3]) await reported({ day, plugins: [plugin] });
    const before = { ...count };
    await countOn(3, bindings);
    expect(count.rowsRead - before.rowsRead).toBeLessThanOrEqual(5);
    expect(count.rowsWritten - before.rowsWritten).toBe(0);
  });
});
