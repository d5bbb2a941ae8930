import { env } from "cloudflare:workers";
import {
  hashLicenseKey,
  LICENSE_LIMITS,
  licenseEventPageSchema,
  ORDER_LIMITS,
  orderResultSchema,
} from "@rising-bsm/protocol";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { tryActivate } from "../licenses/sample-activation.ts";
import { registerInstance } from "../licenses/sample-instance.ts";
import { auditOf } from "../licenses/sample-plugin.ts";
import {
  call,
  createAccount,
  createToken,
  ORIGIN,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";
import { invoice } from "./sample-events.ts";
import { licenseOf, order, PLUGIN, publishSoldPlugin } from "./sample-order.ts";
import { report, selling, standInFetch, stateOf, tryOrder } from "./sample-order.ts";
import { stripeStandIn } from "./stripe-stand-in.ts";

const DAY_MS = 86_400_000;
const stripe = stripeStandIn();
let account: Account;
let publisherToken: string;

beforeAll(async () => {
  vi.stubGlobal("fetch", standInFetch(stripe));
  await resetMarketplace();
  account = await createAccount("demo");
  publisherToken = account.token;
  await publishSoldPlugin(account);
  await publishSoldPlugin(account, { name: "@demo/unlisted", visibility: "unlisted" });
  await publishSoldPlugin(account, { name: "@demo/private", visibility: "private" });
});
afterAll(() => {
  vi.unstubAllGlobals();
});

function countRows(table: string): Promise<number | null> {
  return env.DB.prepare(`SELECT count(*) AS rows FROM ${table}`).first<number>("rows");
}

describe("an order", () => {
  test.for([
    [
      "pro",
      {},
      { mode: "subscription", unit: "999", currency: "eur", quantity: "1", every: "month" },
    ],
    [
      "team",
      { seats: 9 },
      { mode: "subscription", unit: "9000", currency: "eur", quantity: "3", every: "year" },
    ],
    [
      "forever",
      { seats: 2 },
      { mode: "payment", unit: "9950", currency: "usd", quantity: "2", every: null },
    ],
    ["whole", {}, { mode: "payment", unit: "1200", currency: "jpy", quantity: "1", every: null }],
  ] as const)("of %s %o is charged by the server's own figures", async ([plan, more, charged]) => {
    const { session } = await order(plan, more);
    const params = stripe.checkouts.get(session);
    const item = (name: string) => params?.get(`line_items[0]${name}`) ?? null;
    expect({
      mode: params?.get("mode"),
      unit: item("[price_data][unit_amount]"),
      currency: item("[price_data][currency]"),
      quantity: item("[quantity]"),
      every: item("[price_data][recurring][interval]"),
    }).toEqual(charged);
  });

  test("is named where later events are read from, and leads back to its page", async () => {
    const [once, again] = [await order("forever"), await order("pro")];
    const params = stripe.checkouts.get(once.session);
    expect(params?.get("metadata[orderId]")).toBe(once.orderId);
    expect(params?.get("payment_intent_data[metadata][orderId]")).toBe(once.orderId);
    expect(params?.get("success_url")).toBe(
      `${ORIGIN}/orders/${once.orderId}?session_id={CHECKOUT_SESSION_ID}`,
    );
    expect(params?.get("cancel_url")).toBe(`${ORIGIN}/plugins/${PLUGIN}`);
    const subscription = stripe.checkouts.get(again.session);
    expect(subscription?.get("subscription_data[metadata][orderId]")).toBe(again.orderId);
  });

  test.for([
    [{ plan: "gold" }, 400, "request_invalid"],
    [{ plan: "gift" }, 400, "request_invalid"],
    [{ plan: "try" }, 400, "request_invalid"],
    [{ plan: "asked" }, 400, "request_invalid"],
    [{ plan: "odd" }, 400, "request_invalid"],
    [{ plan: "team", seats: 4 }, 400, "request_invalid"],
    [{ plan: "whole", seats: 4 }, 400, "request_invalid"],
    [{ plan: "pro", seats: 0 }, 400, "request_invalid"],
    [{ plan: "pro", amount: 1 }, 400, "request_invalid"],
    [{ plan: "pro", org: "half a character \ud800" }, 400, "request_invalid"],
    [{ plan: "pro", org: "a\u0000b" }, 400, "request_invalid"],
    [{ plan: "pro", plugin: "@demo/nothing" }, 404, "plugin_not_found"],
    [{ plan: "pro", plugin: "@demo/private" }, 404, "plugin_not_found"],
  ] as const)("of %o is refused", async ([wish, status, code]) => {
    const before = await countRows("orders");
    expect(await refusal(await tryOrder(wish))).toEqual([status, code]);
    expect(await countRows("orders")).toBe(before);
  });

  test("of an unlisted plugin is for who knows its name", async () => {
    expect((await tryOrder({ plan: "pro", plugin: "@demo/unlisted" })).status).toBe(201);
  });

  test.for([
    ["that was removed", "DELETE", ""],
    ["that was withdrawn", "POST", "/versions/1.0.0/yank"],
  ] as const)(
    "of a plugin %s is refused, for nobody could install it",
    async ([, method, path]) => {
      const plugin = `@demo/gone-${method.toLowerCase()}`;
      await publishSoldPlugin(account, { name: plugin });
      expect((await tryOrder({ plan: "pro", plugin })).status).toBe(201);
      const gone = await send(method, `/v1/plugins/${plugin}${path}`, { body: { reason: "Over" } });
      expect(gone.status).toBe(200);
      expect(await refusal(await tryOrder({ plan: "pro", plugin }))).toEqual([
        404,
        "plugin_not_found",
      ]);
    },
  );

  test("without a payment provider is 503 and says what to do", async () => {
    const answer = await tryOrder({ plan: "pro" }, { bindings: env });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: "unavailable", fix: expect.any(String) });
  });

  test("that the provider refuses is not stored, and says nothing of the provider's answer", async () => {
    const before = await countRows("orders");
    stripe.failNext(9);
    const answer = await tryOrder({ plan: "pro" });
    stripe.failNext(0);
    const body = await answer.text();
    expect(answer.status).toBe(503);
    expect(body).not.toContain("api_error");
    expect(await countRows("orders")).toBe(before);
  });

  test("repeated with its key is the same order, and another order under that key is refused", async () => {
    const key = crypto.randomUUID();
    const first = await (await tryOrder({ plan: "pro" }, { key })).json();
    expect(await (await tryOrder({ plan: "pro" }, { key })).json()).toEqual(first);
    const other = await tryOrder({ plan: "pro", seats: 2 }, { key });
    expect(await refusal(other)).toEqual([409, "conflict_state"]);
    const short = await tryOrder({ plan: "pro" }, { key: "1" });
    expect(await refusal(short)).toEqual([400, "request_invalid"]);
  });

  test("raced with one key is one order", async () => {
    const key = crypto.randomUUID();
    const before = (await countRows("orders")) ?? 0;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => tryOrder({ plan: "pro" }, { key })),
    );
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(texts).size).toBe(1);
    expect(await countRows("orders")).toBe(before + 1);
  });

  test("is one of so many that one network may begin", async () => {
    const address = "2001:db8:77::1";
    const wish = { plan: "gift" };
    for (let n = 0; n < ORDER_LIMITS.ordersPerClient; n++) {
      expect((await tryOrder(wish, { address })).status).toBe(400);
    }
    // The same line has all of these addresses.
    const next = await tryOrder(wish, { address: "2001:db8:77:0:ffff::9" });
    expect(await refusal(next)).toEqual([429, "limit_rate"]);
    expect((await tryOrder(wish, { address: "2001:db8:78::1" })).status).toBe(400);
    await env.DB.prepare("UPDATE order_attempts SET window_ends_at = ?").bind(Date.now()).run();
    expect((await tryOrder(wish, { address })).status).toBe(400);
  });
});

describe("a paid order", () => {
  test("has a license, whose key its buyer sees until it is used", async () => {
    const bought = await order("forever", { org: "Muster GmbH" });
    expect(await stateOf(bought)).toMatchObject({
      state: "open",
      licenseId: null,
      licenseKey: null,
    });
    expect(await report(bought.orderId, "paid")).toBe("applied");
    const { licenseId, licenseKey, state } = await stateOf(bought);
    expect(state).toBe("paid");
    expect((await stateOf(bought)).licenseKey).toBe(licenseKey);
    expect(await licenseOf(bought.orderId)).toMatchObject({
      id: licenseId,
      key_hash: await hashLicenseKey(licenseKey ?? ""),
      plan: "forever",
      kind: "perpetual",
      org: "Muster GmbH",
      payment: "ok",
      until: null,
    });
    expect(await auditOf(licenseId ?? "")).toEqual(["license.issue", "license.paid"]);
    const activated = await tryActivate(await registerInstance(), licenseKey ?? "");
    expect(activated.status).toBe(200);
    expect(await stateOf(bought)).toMatchObject({ state: "paid", licenseId, licenseKey: null });
  });

  test("leaves nothing in the database that shows its key to who reads it (threat 47)", async () => {
    const key = crypto.randomUUID();
    const answer = await tryOrder({ plan: "forever" }, { key, address: "192.0.2.200" });
    const { orderId, url } = orderResultSchema.parse(await answer.json());
    const session = url.slice(url.lastIndexOf("/") + 1);
    await report(orderId, "paid");
    const { licenseKey } = await stateOf({ orderId, session });
    const tables = ["orders", "payment_events", "order_attempts", "licenses", "audit"];
    const dumps = tables.map((table) => env.DB.prepare(`SELECT * FROM ${table}`).all());
    const dump = JSON.stringify(await Promise.all(dumps));
    expect(dump).toContain(orderId);
    for (const secret of [session, licenseKey ?? "none", key, "192.0.2.200"]) {
      expect(dump).not.toContain(secret);
    }
  });

  test("is told to the systems of its publisher", async () => {
    const bought = await order("forever");
    await report(bought.orderId, "paid");
    await report(bought.orderId, "refunded");
    const { licenseId } = await stateOf(bought);
    const answer = await send("GET", "/v1/events?limit=100", { token: publisherToken });
    const { items } = licenseEventPageSchema.parse(await answer.json());
    expect(
      items.filter(({ data }) => data.license.licenseId === licenseId).map(({ type }) => type),
    ).toEqual(["license.issue", "license.paid", "license.refunded"]);
  });

  test("is nobody else's to see", async () => {
    const bought = await order("forever");
    await report(bought.orderId, "paid");
    const other = await order("forever");
    const path = `/v1/orders/${bought.orderId}`;
    for (const query of ["", `?session_id=${other.session}`, "?session_id="]) {
      expect((await call(path + query, {}, selling)).status).toBe(404);
    }
    const { token } = await createAccount("other");
    expect((await send("GET", path, { token })).status).toBe(404);
  });

  test("is not shown to a token of the seller's that is not for selling", async () => {
    const { orderId } = await order("pro");
    const token = await createToken({ publisher: "demo", permissions: ["publish"] });
    const answer = await send("GET", `/v1/orders/${orderId}`, { token });
    expect(await refusal(answer)).toEqual([403, "auth_scope"]);
  });

  test("is the seller's to see, without the key", async () => {
    const bought = await order("forever");
    await report(bought.orderId, "paid");
    for (const token of [publisherToken, env.ADMIN_TOKEN]) {
      const answer = await send("GET", `/v1/orders/${bought.orderId}`, { token });
      expect(await answer.json()).toMatchObject({ state: "paid", licenseKey: null });
    }
  });

  test("keeps what was bought when a later version costs something else", async () => {
    const bought = await order("team", { seats: 6 });
    await env.DB.prepare("UPDATE versions SET manifest = replace(manifest, 'team', 'squad')").run();
    await report(bought.orderId, "paid", { until: Date.now() + 365 * DAY_MS });
    await env.DB.prepare("UPDATE versions SET manifest = replace(manifest, 'squad', 'team')").run();
    expect(await licenseOf(bought.orderId)).toMatchObject({ plan: "team", seats: 6 });
  });

  test("with a transferred license no longer shows a key", async () => {
    const bought = await order("forever");
    await report(bought.orderId, "paid");
    const { licenseId } = await stateOf(bought);
    expect((await send("POST", `/v1/licenses/${licenseId}/transfer`)).status).toBe(200);
    expect((await stateOf(bought)).licenseKey).toBeNull();
  });

  test("of a subscription ends some days after the newest paid period", async () => {
    const bought = await order("pro");
    const [first, second] = [30, 60].map((days) => Date.UTC(2030, 0, 1) + days * DAY_MS);
    await report(bought.orderId, "paid", { until: first });
    const until = (first ?? 0) + LICENSE_LIMITS.collectionMs;
    expect(await licenseOf(bought.orderId)).toMatchObject({ until, kind: "subscription" });
    await report(bought.orderId, "paid", { until: second });
    await report(bought.orderId, "cancelled");
    expect(await licenseOf(bought.orderId)).toMatchObject({
      until: (second ?? 0) + LICENSE_LIMITS.collectionMs,
      payment: "ok",
      state: "active",
    });
    const shown = await stateOf(bought);
    expect(shown).toMatchObject({
      state: "paid",
      paidUntil: new Date(second ?? 0).toISOString(),
      cancelledAt: expect.any(String),
    });
    expect(await auditOf(shown.licenseId ?? "")).toEqual(
      ["issue", "paid", "paid", "cancelled"].map((name) => `license.${name}`),
    );
  });

  test("whose license a person extended keeps that through the next payment", async () => {
    const bought = await order("pro");
    const paidTo = Date.now() + 30 * DAY_MS;
    await report(bought.orderId, "paid", { until: paidTo });
    const { licenseId } = await stateOf(bought);
    for (let n = 0; n < 3; n++) await send("POST", `/v1/licenses/${licenseId}/renew`);
    const extended = await licenseOf(bought.orderId);
    await report(bought.orderId, "paid", { until: paidTo + 30 * DAY_MS });
    expect((await licenseOf(bought.orderId))?.["until"]).toBe(extended?.["until"]);
  });
});

describe("money that goes back", () => {
  test("in full ends the license, in part changes nothing", async () => {
    const bought = await order("forever");
    await report(bought.orderId, "paid");
    await report(bought.orderId, "partly_refunded");
    expect(await licenseOf(bought.orderId)).toMatchObject({ payment: "ok" });
    await report(bought.orderId, "refunded");
    expect(await licenseOf(bought.orderId)).toMatchObject({ payment: "refunded", state: "active" });
    const { licenseId, state } = await stateOf(bought);
    expect(state).toBe("refunded");
    expect(await auditOf(bought.orderId)).toEqual(["order.create", "order.partly_refunded"]);
    expect(await auditOf(licenseId ?? "")).toContain("license.refunded");
  });

  test("in a dispute suspends the license until it is won, or ends it", async () => {
    const [won, lost] = [await order("forever"), await order("forever")];
    for (const { orderId } of [won, lost]) {
      await report(orderId, "paid");
      await report(orderId, "disputed", { dispute: "du_1" });
      expect(await licenseOf(orderId)).toMatchObject({ payment: "disputed" });
    }
    await report(won.orderId, "dispute_won", { dispute: "du_1" });
    await report(lost.orderId, "dispute_lost", { dispute: "du_1" });
    expect(await licenseOf(won.orderId)).toMatchObject({ payment: "ok" });
    expect(await licenseOf(lost.orderId)).toMatchObject({ payment: "refunded" });
    const { licenseId } = await stateOf(lost);
    expect((await auditOf(licenseId ?? "")).slice(2)).toEqual([
      "license.disputed",
      "license.refunded",
      "license.dispute_closed",
    ]);
  });

  test("never changes what people decided about the license", async () => {
    const bought = await order("forever");
    await report(bought.orderId, "paid");
    const { licenseId } = await stateOf(bought);
    await send("POST", `/v1/licenses/${licenseId}/suspend`);
    await report(bought.orderId, "disputed", { dispute: "du_1" });
    await report(bought.orderId, "dispute_won", { dispute: "du_1" });
    expect(await licenseOf(bought.orderId)).toMatchObject({ payment: "ok", state: "suspended" });
  });

  test("is found by its payment where the event does not name the order", async () => {
    const [once, again] = [await order("forever"), await order("pro")];
    const periodEnd = Date.UTC(2030, 0, 31);
    await report(once.orderId, "paid");
    await report(again.orderId, "paid", { until: periodEnd });
    stripe.payments.set("pi_once", { metadata: { orderId: once.orderId } });
    stripe.payments.set("pi_again", {
      invoice: invoice({ orderId: again.orderId, until: periodEnd }),
    });
    const unnamed = (payment: string) => ({ payment, orderId: undefined });
    expect(await report("", "disputed", { ...unnamed("pi_once"), dispute: "du_1" })).toBe(
      "applied",
    );
    expect(await licenseOf(once.orderId)).toMatchObject({ payment: "disputed" });
    expect(await report("", "refunded", unnamed("pi_again"))).toBe("applied");
    expect(await licenseOf(again.orderId)).toMatchObject({ payment: "refunded" });
    // The next period is paid: the refund was of an earlier one.
    await report(again.orderId, "paid", { until: periodEnd + 30 * DAY_MS });
    expect(await licenseOf(again.orderId)).toMatchObject({ payment: "ok" });
  });
});
