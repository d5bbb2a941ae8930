import { env } from "cloudflare:workers";
import { BEACON_LIMITS, instanceResultSchema, signProof, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { newKey, registerInstance, sendSigned } from "../licenses/sample-instance.ts";
import type { SampleInstance } from "../licenses/sample-instance.ts";
import { call, createAccount, ORIGIN, refusal, resetMarketplace } from "../testing.ts";
import type { Account } from "../testing.ts";
import { beforeBatch, failingAt } from "../testing-bindings.ts";
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

/** An instance that has reported these plugins on two days, and is counted with them. */
async function counted(had: SampleReport["plugins"], of = instance): Promise<void> {
  for (const day of [1, 2]) await reported({ day, plugins: had }, of);
  await countOn(3);
}

describe("an instance counts", () => {
  test("a day after its second report, once, until it has the plugin no more", async () => {
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
    expect(seen).toEqual(["0/0", "0/0", "1/1", "0/1", "1/1"]);
  });

  test("not after two reports within minutes, on either side of midnight", async () => {
    const midnight = noonOf(2) - 12 * 3_600_000;
    for (const [minutes, day] of [
      [2, 1],
      [3, 2],
    ] as const) {
      const now = midnight + minutes * 60_000;
      vi.setSystemTime(now);
      const body = { day: dateOf(day), plugins: [{ name: plugin, version: "1.0.0" }] };
      expect((await sendSigned(instance.key, "/v1/beacons", { body, now })).status).toBe(204);
    }
    await countOn(2);
    expect(await countsOf(plugin)).toBe("0/0");
    await countOn(3);
    expect(await countsOf(plugin)).toBe("1/1");
  });

  test("until it is silent for 30 days, and again a day after its second report then", async () => {
    await counted([plugin]);
    // A later report that says the same moves the end of its patience.
    await reported({ day: 20, plugins: [plugin] });
    const seen: string[] = [];
    for (const day of [32, 49, 50]) {
      await countOn(day);
      seen.push(await countsOf(plugin));
    }
    for (const day of [60, 61, 62]) {
      await reported({ day, plugins: [plugin] });
      seen.push(await countsOf(plugin));
    }
    expect(seen).toEqual(["1/1", "1/1", "0/1", "0/1", "0/1", "1/1"]);
  });

  test("with the version that it has now", async () => {
    await listPlugins(acme, [plugin], { version: "2.0.0" });
    await counted([plugin]);
    await reported({ day: 3, plugins: { [plugin]: "2.0.0" } });
    const held = env.DB.prepare(
      "SELECT version, first_day FROM installations WHERE instance_id = ?",
    );
    const { results } = await held.bind(instance.id).all();
    expect(results).toEqual([{ version: "2.0.0", first_day: Math.floor(noonOf(2) / 86_400_000) }]);
    expect(await countsOf(plugin)).toBe("1/1");
  });

  test("and what is counted is marked for search", async () => {
    await counted([plugin]);
    const row = env.DB.prepare(
      "SELECT stale, trending > 0 AS trends FROM plugin_counts WHERE plugin = ?",
    );
    expect(await row.bind(plugin).first()).toEqual({ stale: 1, trends: 1 });
  });
});

describe("nothing is changed by", () => {
  beforeEach(() => counted([plugin]));

  async function expectUnchanged(answer: Response, expected: number | [number, string]) {
    if (typeof expected === "number") expect(answer.status).toBe(expected);
    else expect(await refusal(answer)).toEqual(expected);
    await countOn(3);
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
    const bytes = (plugins: readonly object[]) => utf8(JSON.stringify({ day: dateOf(3), plugins }));
    const [url, rid] = [`${ORIGIN}/v1/beacons`, crypto.randomUUID()];
    const body = bytes([{ name: plugin, version: "1.0.0" }]);
    const order = { method: "POST", url, body, rid, now: noonOf(3) };
    const headers = {
      "Content-Type": "application/json",
      "Rbsm-Proof": await signProof(order, instance.key),
    };
    const send = (sent: Uint8Array) => call("/v1/beacons", { method: "POST", headers, body: sent });
    await expectUnchanged(await send(bytes([])), [401, "auth_proof_invalid"]);
    await expectUnchanged(await send(body), 204);
  });

  test("a report that names a plugin twice", async () => {
    on(3);
    const twice = ["1.0.0", "2.0.0"].map((version) => ({ name: plugin, version }));
    const body = { day: dateOf(3), plugins: twice };
    const answer = await sendSigned(instance.key, "/v1/beacons", { body, now: noonOf(3) });
    await expectUnchanged(answer, [400, "request_invalid"]);
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
    for (const day of [1, 2, 3]) {
      on(day);
      for (const [at, one] of many.entries()) {
        const address = `2001:db8:7:1::${at.toString(16)}`;
        const answer = await report(one, { day, plugins: [plugin], address });
        expect(answer.status).toBe(204);
      }
    }
    await countOn(3);
    expect(await countsOf(plugin)).toBe(`${most}/${most}`);
    await countOn(4);
    expect(await countsOf(plugin)).toBe(`${most + 2}/${most + 2}`);
  });

  test("a day takes only so many registrations, and is forgotten after two", async () => {
    await registerFrom("192.0.2.1", noonOf(1));
    await env.DB.prepare("UPDATE network_days SET registered = ? WHERE registered = 1")
      .bind(BEACON_LIMITS.registrationsPerNetwork)
      .run();
    const before = await registeredCount();
    // It is told its id, and becomes known with its first license or on another day.
    const answer = await registerFrom("192.0.2.1", noonOf(1));
    expect(instanceResultSchema.parse(await answer.json()).instanceId).toMatch(/^[0-9a-f-]{36}$/);
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
    await expect(countOn(3, broken.bindings)).rejects.toThrow("Injected");
    await countOn(3);
    await countOn(3);
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
    await countOn(3);
    expect(await countsOf(plugin)).toBe("1/1");
  });

  test("when two count at once", async () => {
    await reportedTwice();
    await Promise.all([countOn(3), countOn(3), countOn(3)]);
    expect([await countsOf(plugin), await addedUp(plugin)]).toEqual(["1/1", "1/1"]);
  });

  test("when an instance is heard of again just as it is given up", async () => {
    await reportedTwice();
    await countOn(3);
    on(32);
    // The second batch stores what was counted.
    const bindings = beforeBatch(env, 2, () => report(instance, { day: 32, plugins: [plugin] }));
    await countOn(32, bindings);
    expect([await countsOf(plugin), await addedUp(plugin)]).toEqual(["1/1", "1/1"]);
  });
});
