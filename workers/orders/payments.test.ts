import { env } from "cloudflare:workers";
import { ORDER_LIMITS } from "@rising-bsm/protocol";
import { assert, asyncProperty, shuffledSubarray } from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { auditOf } from "../licenses/sample-plugin.ts";
import { createAccount, refusal, resetMarketplace } from "../testing.ts";
import { beforeBatch, failingAt } from "../testing-bindings.ts";
import type { Fault } from "../testing-bindings.ts";
import type { FactKind } from "./decide-order.ts";
import { sampleEvent, signSampleEvent } from "./sample-events.ts";
import { licenseOf, order, publishSoldPlugin, report, selling } from "./sample-order.ts";
import { sendSigned, standInFetch, stateOf, tryOrder, tryReport } from "./sample-order.ts";
import { WEBHOOK_SECRET } from "./sample-order.ts";
import { stripeStandIn } from "./stripe-stand-in.ts";

const DAY_MS = 86_400_000;
const stripe = stripeStandIn();

beforeAll(async () => {
  vi.stubGlobal("fetch", standInFetch(stripe));
  await resetMarketplace();
  await publishSoldPlugin(await createAccount("demo"));
});
afterAll(() => {
  vi.unstubAllGlobals();
});

function paid(orderId: string, id = `evt_${crypto.randomUUID()}`) {
  return sampleEvent("paid", { orderId }, { id, at: Date.now() });
}

describe("a payment event (threat 45)", () => {
  test("by anybody else than the provider does nothing", async () => {
    const { orderId } = await order("forever");
    const now = Date.now();
    const forged = await signSampleEvent(paid(orderId), "whsec_of_a_thief", now);
    const good = await signSampleEvent(paid(orderId), WEBHOOK_SECRET, now);
    const signature = good.headers["Stripe-Signature"] ?? "";
    const other = await order("forever");
    const headers = (value: string) => ({ ...good.headers, "Stripe-Signature": value });
    const messages = [
      forged,
      { ...good, body: good.body.replace(orderId, other.orderId) },
      { ...good, body: `${good.body} ` },
      { ...good, headers: headers("") },
      { ...good, headers: headers(signature.replace(/v1=.*/, "v0=0")) },
      { ...good, headers: headers(signature.replace(/t=\d+/, `t=${Math.floor(now / 1000) + 1}`)) },
    ];
    for (const message of messages) {
      expect(await refusal(await sendSigned(message))).toEqual([400, "request_invalid"]);
    }
    expect(await licenseOf(orderId)).toBeNull();
    expect(await licenseOf(other.orderId)).toBeNull();
    expect((await sendSigned(good)).status).toBe(200);
  });

  test("that was recorded and is sent again later is refused, at once does nothing more", async () => {
    const { orderId } = await order("forever");
    const old = Date.now() - ORDER_LIMITS.messageAgeMs - 2_000;
    const recorded = await signSampleEvent(paid(orderId), WEBHOOK_SECRET, old);
    expect(await refusal(await sendSigned(recorded))).toEqual([400, "request_invalid"]);
    const message = await signSampleEvent(paid(orderId), WEBHOOK_SECRET, Date.now());
    const answers = [await sendSigned(message), await sendSigned(message)];
    expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
      { received: "applied" },
      { received: "repeated" },
    ]);
    const license = await licenseOf(orderId);
    expect(await auditOf(String(license?.["id"]))).toEqual(["license.issue", "license.paid"]);
  });

  test("about other things, or somebody else's orders, is received and ignored", async () => {
    expect(await report(crypto.randomUUID(), "paid")).toBe("unknown");
    expect(await report("order-of-the-web-shop", "paid")).toBe("ignored");
    const { orderId } = await order("pro");
    const event = { ...paid(orderId), type: "customer.created" };
    const answer = await sendSigned(await signSampleEvent(event, WEBHOOK_SECRET, Date.now()));
    expect(await answer.json()).toEqual({ received: "ignored" });
    expect(await licenseOf(orderId)).toBeNull();
  });

  test("of a payment that Stripe knows nothing of is ignored, of one that it cannot look up comes again", async () => {
    stripe.payments.set("pi_of_the_web_shop", {});
    const more = { orderId: undefined, dispute: "du_1" };
    const foreign = { ...more, payment: "pi_of_the_web_shop" };
    expect(await report("", "disputed", foreign)).toBe("ignored");
    stripe.failNext(9);
    const answer = await tryReport("", "disputed", foreign);
    stripe.failNext(0);
    expect(await refusal(answer)).toEqual([503, "unavailable"]);
  });

  test.for([
    ["longer than may be", JSON.stringify({ text: "x".repeat(ORDER_LIMITS.messageBytes) }), 413],
    ["that is no event", JSON.stringify({ hello: 1 }), 400],
    ["whose object is another one", JSON.stringify({ ...paid("x"), data: { object: 5 } }), 400],
  ] as const)("%s is refused", async ([, body, status]) => {
    const { headers } = await signSampleEvent(paid("x"), WEBHOOK_SECRET, Date.now());
    const signed = await signText(body);
    const message = { body, headers: { ...headers, ...signed } };
    expect((await sendSigned(message)).status).toBe(status);
    const plain = { ...message.headers, "Content-Type": "text/plain" };
    expect((await sendSigned({ body, headers: plain })).status).toBe(status);
  });

  test("without a payment provider is 503", async () => {
    const { orderId } = await order("forever");
    expect((await tryReport(orderId, "paid", { bindings: env })).status).toBe(503);
  });
});

/** The signature header of any text. */
async function signText(body: string) {
  const time = Math.floor(Date.now() / 1000);
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(WEBHOOK_SECRET),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const text = new TextEncoder().encode(`${time}.${body}`);
  const tag = new Uint8Array(await crypto.subtle.sign("HMAC", key, text));
  const hex = Array.from(tag, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { "Stripe-Signature": `t=${time},v1=${hex}` };
}

describe("events of one order", () => {
  const JANUARY = Date.UTC(2030, 0, 31);
  const facts: { kind: FactKind; until?: number; dispute?: string }[] = [
    { kind: "paid", until: JANUARY },
    { kind: "paid", until: JANUARY + 28 * DAY_MS },
    { kind: "partly_refunded" },
    { kind: "disputed", dispute: "du_1" },
    { kind: "dispute_won", dispute: "du_1" },
    { kind: "disputed", dispute: "du_2" },
    { kind: "cancelled" },
    { kind: "expired" },
  ];

  /** Sends the events in this order; answers what came of it, but for what differs anyway. */
  async function outcome(indexes: readonly number[]) {
    const bought = await order("pro");
    for (const index of indexes) {
      const { kind = "paid", ...more } = facts[index] ?? {};
      const event = `evt_${bought.orderId}_${index}`;
      await report(bought.orderId, kind, { ...more, event, at: JANUARY + index });
    }
    const {
      orderId: _,
      createdAt: __,
      licenseId: ___,
      licenseKey,
      ...shown
    } = await stateOf(bought);
    const {
      id: _id,
      key_hash: _hash,
      order_id: _order,
      ...license
    } = (await licenseOf(bought.orderId)) ?? {};
    return { shown, license, hasKey: licenseKey !== null };
  }

  test("come to the same in every order, also doubled", async () => {
    const straight = [...facts.keys()];
    const expected = await outcome(straight);
    expect(expected).toMatchObject({
      shown: { state: "disputed" },
      license: { payment: "disputed" },
    });
    const minLength = 2 * straight.length;
    const doubled = shuffledSubarray([...straight, ...straight], { minLength });
    await assert(
      asyncProperty(doubled, async (indexes) => {
        expect(await outcome(indexes)).toEqual(expected);
      }),
      { numRuns: 4 },
    );
  });

  test("that arrive at the same time are all kept", async () => {
    const { orderId } = await order("forever");
    await report(orderId, "paid");
    const kinds: FactKind[] = ["disputed", "partly_refunded", "cancelled", "refunded"];
    const answers = await Promise.all(kinds.map((kind) => tryReport(orderId, kind)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await licenseOf(orderId)).toMatchObject({ payment: "refunded" });
    const stored = await env.DB.prepare(
      "SELECT count(*) AS n FROM payment_events WHERE order_id = ?",
    )
      .bind(orderId)
      .first<number>("n");
    expect(stored).toBe(5);
  });

  test("of which one is stored while another is being decided are decided together", async () => {
    const once = await order("forever");
    await report(once.orderId, "paid");
    const refund = () => report(once.orderId, "refunded");
    const overtaken = { dispute: "du_1", bindings: beforeBatch(selling, 2, refund) };
    expect(await report(once.orderId, "disputed", overtaken)).toBe("applied");
    expect(await licenseOf(once.orderId)).toMatchObject({ payment: "refunded" });

    const again = await order("pro");
    const later = () => report(again.orderId, "paid", { until: JANUARY + 28 * DAY_MS });
    const first = { until: JANUARY, bindings: beforeBatch(selling, 2, later) };
    expect(await report(again.orderId, "paid", first)).toBe("applied");
    expect(await stateOf(again)).toMatchObject({
      paidUntil: new Date(JANUARY + 28 * DAY_MS).toISOString(),
    });
  });

  test("that is sent five times at once acts once", async () => {
    const { orderId } = await order("forever");
    const same = { event: `evt_${orderId}` };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => report(orderId, "paid", same)),
    );
    expect(answers.filter((answer) => answer === "applied")).toHaveLength(1);
    const license = await licenseOf(orderId);
    expect(await auditOf(String(license?.["id"]))).toEqual(["license.issue", "license.paid"]);
  });
});

describe("a database that fails in the middle", () => {
  const faults: Fault[] = ["failed", "failed but stored"];

  test.each(faults)("of an order (%s): the order again is one order", async (fault) => {
    for (const nth of [1, 2]) {
      const key = crypto.randomUUID();
      const { bindings, hit } = failingAt(selling, nth, fault);
      expect((await tryOrder({ plan: "pro" }, { key, bindings })).status).toBe(500);
      expect(hit()).toBe(true);
      const answer = await tryOrder({ plan: "pro" }, { key });
      const { orderId } = z.object({ orderId: z.string() }).parse(await answer.json());
      expect(await auditOf(orderId)).toEqual(["order.create"]);
    }
  });

  test.each(faults)("of an event (%s): the event again acts once", async (fault) => {
    const bought = await order("forever");
    for (const kind of ["paid", "refunded"] as const) {
      const event = `evt_${bought.orderId}_${kind}`;
      const { bindings, hit } = failingAt(selling, 2, fault);
      expect((await tryReport(bought.orderId, kind, { event, bindings })).status).toBe(500);
      expect(hit()).toBe(true);
      const again = await report(bought.orderId, kind, { event });
      expect(again).toBe(fault === "failed" ? "applied" : "repeated");
    }
    const license = await licenseOf(bought.orderId);
    expect(license).toMatchObject({ payment: "refunded" });
    expect(await auditOf(String(license?.["id"]))).toEqual(
      ["issue", "paid", "refunded"].map((name) => `license.${name}`),
    );
  });
});
