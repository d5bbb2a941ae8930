import { env } from "cloudflare:workers";
import {
  LICENSE_LIMITS,
  licenseChangeSchema,
  licenseDetailSchema,
  licensePageSchema,
  licenseResultSchema,
} from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { createAccount, refusal, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { beforeBatch, counting, failingAt } from "../testing-bindings.ts";
import type { Fault } from "../testing-bindings.ts";
import {
  activate,
  activeLicense,
  claimsOf,
  giveBack,
  tryActivate,
  tryRenew,
} from "./sample-activation.ts";
import { registerInstance } from "./sample-instance.ts";
import { auditOf, issue, PLUGIN, publishPaidPlugin } from "./sample-plugin.ts";

let demo: Account;
let other: Account;

beforeAll(async () => {
  await resetMarketplace();
  demo = await createAccount("demo");
  other = await createAccount("other");
  await publishPaidPlugin(demo);
});

type More = Omit<NonNullable<Parameters<typeof send>[2]>, "body">;

function sell(order: object, more: More = {}): Promise<Response> {
  return send("POST", "/v1/licenses", { body: { plugin: PLUGIN, plan: "pro", ...order }, ...more });
}

async function soldTo(answer: Promise<Response>) {
  return licenseResultSchema.parse(await (await answer).json());
}

function alter(id: string, action: string, more: More & { body?: object } = {}) {
  return send("POST", `/v1/licenses/${id}/${action}`, more);
}

async function changed(answer: Promise<Response>) {
  return licenseChangeSchema.parse(await (await answer).json());
}

async function show(id: string, query = "") {
  const answer = await send("GET", `/v1/licenses/${id}${query}`, { token: demo.token });
  return licenseDetailSchema.parse(await answer.json());
}

const faults: Fault[] = ["failed", "failed but stored"];

describe("the same order under the same key", () => {
  test("is one license, and answered with its key each time", async () => {
    const first = await soldTo(sell({ org: "Muster GmbH" }, { once: "order-1" }));
    const answer = await sell({ org: "Muster GmbH" }, { once: "order-1" });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual(first);
    expect(await auditOf(first.licenseId)).toEqual(["license.issue"]);
  });

  test("that arrives eight times at once is one license", async () => {
    const answers = Array.from({ length: 8 }, () => soldTo(sell({}, { once: "at-once" })));
    const keys = (await Promise.all(answers)).map(({ licenseKey }) => licenseKey);
    expect(new Set(keys).size).toBe(1);
  });

  test.each(faults)("is made once when the database %s", async (fault) => {
    const { bindings, hit } = failingAt(env, 2, fault);
    const once = `fault ${fault}`.replaceAll(" ", "-");
    expect((await sell({}, { once, bindings })).status).toBe(500);
    expect(hit()).toBe(true);
    const { licenseId, licenseKey } = await soldTo(sell({}, { once }));
    expect(await auditOf(licenseId)).toEqual(["license.issue"]);
    expect((await tryActivate(await registerInstance(), licenseKey)).status).toBe(200);
  });

  test("means another license when another token asks", async () => {
    const [mine, admins] = [
      await soldTo(sell({}, { once: "shared", token: demo.token })),
      await soldTo(sell({}, { once: "shared" })),
    ];
    expect(mine.licenseId).not.toBe(admins.licenseId);
    expect(mine.licenseKey).not.toBe(admins.licenseKey);
  });

  test("is refused for another order", async () => {
    await sell({}, { once: "order-2" });
    for (const order of [{ plan: "team" }, { seats: 2 }, { org: "Other" }]) {
      const answer = await sell(order, { once: "order-2" });
      expect(await refusal(answer)).toEqual([409, "conflict_state"]);
    }
  });

  test.each(["", "two words", "x".repeat(129)])("needs a key, not %j", async (once) => {
    expect(await refusal(await sell({}, { once }))).toEqual([400, "request_invalid"]);
  });
});

describe("a key of the old marketplace", () => {
  const OLD_KEY = "A1B2C3-D4E5F6-A1B2C3-D4E5F6-A1B2C3";

  test("is taken over by the administrator, once, and activates as any other", async () => {
    const { licenseId, licenseKey } = await soldTo(sell({ licenseKey: OLD_KEY.toLowerCase() }));
    expect(licenseKey).toBe(OLD_KEY);
    const instance = await registerInstance();
    const { lease } = await activate(instance, OLD_KEY);
    expect((await claimsOf(instance, lease)).sub).toBe(licenseId);
    const again = await sell({ licenseKey: OLD_KEY }, { once: "import" });
    expect(await refusal(again)).toEqual([409, "conflict_exists"]);
  });

  test("is answered again to who asks again", async () => {
    const order = { licenseKey: OLD_KEY.replaceAll("A", "F") };
    const first = await soldTo(sell(order, { once: "import-2" }));
    expect(await soldTo(sell(order, { once: "import-2" }))).toEqual(first);
  });

  test("is refused from publishers, and in every other form", async () => {
    const licenseKey = OLD_KEY.replaceAll("A", "E");
    const publisher = await sell({ licenseKey }, { token: demo.token });
    expect(await refusal(publisher)).toEqual([403, "auth_scope"]);
    for (const wrong of ["guess", `RBSM${"-0000".repeat(8)}`]) {
      const answer = await sell({ licenseKey: wrong });
      expect(await refusal(answer)).toEqual([400, "request_invalid"]);
    }
  });
});

test("any number of seats can be sold", async () => {
  const { licenseId, licenseKey } = await soldTo(sell({ seats: -1 }));
  for (let n = 0; n < 5; n++) {
    expect((await tryActivate(await registerInstance(), licenseKey)).status).toBe(200);
  }
  expect((await show(licenseId)).seats).toBeNull();
});

describe("a change under a key", () => {
  test("is made once: a renewal that was asked for twice adds one period", async () => {
    const { licenseId } = await issue("pro");
    const first = await changed(alter(licenseId, "renew", { once: "invoice-7" }));
    expect(await changed(alter(licenseId, "renew", { once: "invoice-7" }))).toEqual(first);
    const next = await changed(alter(licenseId, "renew", { once: "invoice-8" }));
    expect(Date.parse(next.until ?? "")).toBeGreaterThan(Date.parse(first.until ?? ""));
    const renewals = (await auditOf(licenseId)).filter((action) => action === "license.renew");
    expect(renewals).toHaveLength(2);
  });

  test("that arrives six times at once is made once", async () => {
    const { licenseId } = await issue("pro");
    const before = (await show(licenseId)).until ?? "";
    const answers = Array.from({ length: 6 }, () => alter(licenseId, "renew", { once: "k" }));
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    const days =
      (Date.parse((await show(licenseId)).until ?? "") - Date.parse(before)) / 86_400_000;
    expect(days).toBeGreaterThanOrEqual(28);
    expect(days).toBeLessThanOrEqual(31);
    expect((await auditOf(licenseId)).filter((action) => action === "license.renew")).toHaveLength(
      1,
    );
  });

  test.each(faults)("is made once when the database %s", async (fault) => {
    const { licenseId, licenseKey } = await issue("pro");
    for (const action of ["renew", "transfer", "suspend", "reinstate", "revoke"]) {
      const { bindings, hit } = failingAt(env, 2, fault);
      const failed = await alter(licenseId, action, { once: action, bindings });
      expect([action, failed.status, hit()]).toEqual([action, 500, true]);
      expect((await alter(licenseId, action, { once: action })).status).toBe(200);
    }
    const told = ["issue", "renew", "transfer", "suspend", "reinstate", "revoke"];
    expect(await auditOf(licenseId)).toEqual(told.map((action) => `license.${action}`));
    expect((await tryActivate(await registerInstance(), licenseKey)).status).toBe(403);
  });

  test("gives a transfer's new key again, until there is another transfer", async () => {
    const { licenseId } = await issue("pro");
    const first = await changed(alter(licenseId, "transfer", { once: "t" }));
    expect(await changed(alter(licenseId, "transfer", { once: "t" }))).toEqual(first);
    const long = LICENSE_LIMITS.transferCooldownMs;
    await env.DB.prepare("UPDATE licenses SET transferred_at = transferred_at - ? WHERE id = ?")
      .bind(long, licenseId)
      .run();
    const second = await changed(alter(licenseId, "transfer", { once: "u" }));
    expect(second.licenseKey).not.toBe(first.licenseKey);
    const late = await alter(licenseId, "transfer", { once: "t" });
    expect(await refusal(late)).toEqual([409, "conflict_state"]);
  });

  test("of two different ones at once the later is decided on the earlier", async () => {
    const { licenseId } = await issue("pro");
    const answers = await Promise.all([
      alter(licenseId, "revoke", { once: "a" }),
      alter(licenseId, "suspend", { once: "b" }),
    ]);
    expect((await show(licenseId)).state).toBe("revoked");
    for (const { status } of answers) expect([200, 409]).toContain(status);
  });

  test("finds what was done without reading all that happened to the license", async () => {
    const { licenseId } = await issue("pro");
    const times = JSON.stringify(Array.from({ length: 1_000 }, (_, n) => n));
    await env.DB.prepare(
      `INSERT INTO audit (at, actor, action, subject, request_id)
        SELECT value, 'instance', 'license.activate', ?, 'r' FROM json_each(?)`,
    )
      .bind(licenseId, times)
      .run();
    const { bindings, count } = counting(env);
    for (let n = 0; n < 2; n++) await alter(licenseId, "renew", { once: "k", bindings });
    expect(count.rowsRead).toBeLessThan(500);
  });
});

test("a transfer that comes in between leaves nobody with the old key", async () => {
  const { licenseId, licenseKey } = await issue("team");
  const bindings = beforeBatch(env, 2, () => alter(licenseId, "transfer"));
  const late = await tryActivate(await registerInstance(), licenseKey, { bindings });
  expect(await refusal(late)).toEqual([403, "license_refused"]);
  expect((await show(licenseId)).activations).toEqual([]);
});

describe("an upgrade", () => {
  const team = { plan: "team" };

  test("reaches the host with the next lease, and nobody loses a seat", async () => {
    const { licenseId, instance, activationId } = await activeLicense("pro");
    const answer = await alter(licenseId, "upgrade", { body: team, token: demo.token });
    expect(await answer.json()).toMatchObject({ licenseId, state: "active" });
    const renewed = await tryRenew(instance, { activationId, seq: 1, rid: "r" });
    expect(renewed.status).toBe(200);
    expect(await show(licenseId)).toMatchObject({ plan: "team", seats: 3 });
    expect(await auditOf(licenseId)).toContain("license.upgrade");
  });

  test("is made once for a key, and refused under it for another plan", async () => {
    const { licenseId } = await issue("pro");
    const first = await changed(alter(licenseId, "upgrade", { body: team, once: "u" }));
    expect(await changed(alter(licenseId, "upgrade", { body: team, once: "u" }))).toEqual(first);
    const another = { body: { plan: "forever" }, once: "u" };
    expect(await refusal(await alter(licenseId, "upgrade", another))).toEqual([
      409,
      "conflict_state",
    ]);
  });

  test("downwards, to no plan and by another publisher is refused", async () => {
    const { licenseId } = await issue("team");
    const cases = [
      [{ body: { plan: "pro" } }, 409, "conflict_state"],
      [{ body: { plan: "gold" } }, 400, "request_invalid"],
      [{ body: team, token: other.token }, 403, "auth_scope"],
      [{}, 400, "request_invalid"],
    ] as const;
    for (const [more, status, code] of cases) {
      expect(await refusal(await alter(licenseId, "upgrade", more))).toEqual([status, code]);
    }
    expect(await refusal(await alter(crypto.randomUUID(), "upgrade", { body: team }))).toEqual([
      404,
      "not_found",
    ]);
  });
});

describe("a trial is had once by an instance,", () => {
  test("also after it was returned, and after it became a paid license", async () => {
    const first = await activeLicense("trial");
    const { instance, licenseId, licenseKey } = first;
    await giveBack(instance, first);
    const second = await issue("trial");
    expect((await tryActivate(instance, second.licenseKey)).status).toBe(403);
    const again = await activate(instance, licenseKey);
    const until = (await claimsOf(instance, again.lease)).lic.until;
    expect(until).toBe((await claimsOf(instance, first.lease)).lic.until);
    expect((await alter(licenseId, "transfer")).status).toBe(409);
    expect((await alter(licenseId, "upgrade", { body: { plan: "pro" } })).status).toBe(200);
    await activate(instance, licenseKey);
    expect((await tryActivate(instance, second.licenseKey)).status).toBe(403);
  });

  test("whose start a change cannot take back", async () => {
    const { licenseId, licenseKey } = await issue("trial");
    const instances = await Promise.all([registerInstance(), registerInstance()]);
    await Promise.all([
      ...instances.map((instance) => tryActivate(instance, licenseKey)),
      alter(licenseId, "suspend"),
    ]);
    const { activations, until } = await show(licenseId);
    expect(activations.length === 0).toBe(until === null);
  });
});

describe("what is shown", () => {
  test("is the license and where it runs, and no key and no lease", async () => {
    const { licenseId, licenseKey, activationId, instance, lease } = await activeLicense("forever");
    const answer = await send("GET", `/v1/licenses/${licenseId}`, { token: demo.token });
    const text = await answer.clone().text();
    expect(text).not.toContain(licenseKey);
    expect(text).not.toContain(lease);
    expect(text).not.toMatch(/hash/i);
    expect(licenseDetailSchema.parse(await answer.json())).toMatchObject({
      licenseId,
      plugin: PLUGIN,
      plan: "forever",
      kind: "perpetual",
      state: "active",
      payment: "ok",
      seats: 1,
      until: null,
      orderId: null,
      activations: [
        { activationId, instanceId: instance.id, seq: 1, heldUntil: null, conflicts: 0 },
      ],
      nextCursor: null,
    });
  });

  test("is every license and every activation once, page by page", async () => {
    const { licenseId, licenseKey } = await issue("team", { seats: 5 });
    for (let n = 0; n < 5; n++) await activate(await registerInstance(), licenseKey);
    const seen: string[] = [];
    let query = "?limit=2";
    for (let pages = 0; pages < 3; pages++) {
      const { activations, nextCursor } = await show(licenseId, query);
      seen.push(...activations.map(({ activationId }) => activationId));
      query = `?limit=2&cursor=${nextCursor}`;
    }
    expect(new Set(seen).size).toBe(5);
    const stored = await env.DB.prepare("SELECT count(*) AS n FROM licenses").first<number>("n");
    const listed: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const path = `/v1/licenses?plugin=${PLUGIN}&limit=7${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const answer = await send("GET", path, { token: demo.token });
      const page = licensePageSchema.parse(await answer.json());
      listed.push(...page.items.map((license) => license.licenseId));
      cursor = page.nextCursor;
    }
    expect([listed.length, new Set(listed).size]).toEqual([stored, stored]);
  });

  test("is the owner's and the administrator's alone", async () => {
    const { licenseId } = await issue("pro");
    const { nextCursor } = licensePageSchema.parse(
      await (await send("GET", `/v1/licenses?plugin=${PLUGIN}&limit=1`)).json(),
    );
    const cases = [
      [`/v1/licenses/${licenseId}`, other.token, 403, "auth_scope"],
      [`/v1/licenses?plugin=${PLUGIN}`, other.token, 403, "auth_scope"],
      ["/v1/licenses?plugin=@demo/nothing", demo.token, 404, "plugin_not_found"],
      [`/v1/licenses/${crypto.randomUUID()}`, demo.token, 404, "not_found"],
      [`/v1/licenses/${licenseId}?cursor=x`, demo.token, 400, "cursor_invalid"],
      [`/v1/licenses/${licenseId}?cursor=${nextCursor}`, demo.token, 400, "cursor_invalid"],
      [`/v1/licenses?plugin=${PLUGIN}&limit=0`, demo.token, 400, "request_invalid"],
      ["/v1/licenses", demo.token, 400, "request_invalid"],
    ] as const;
    for (const [path, token, status, code] of cases) {
      expect(await refusal(await send("GET", path, { token }))).toEqual([status, code]);
    }
  });
});
