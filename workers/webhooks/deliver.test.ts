import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { licenseEventSchema, WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { eq } from "drizzle-orm";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Bindings } from "../env.ts";
import { issue, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import worker from "../index.ts";
import { counting } from "../testing-bindings.ts";
import { createAccount, resetMarketplace, send } from "../testing.ts";
import { deliverDue } from "./deliver.ts";
import { listDue } from "./delivery-queries.ts";
import { openReceiver } from "./sample-receiver.ts";
import type { Receiver } from "./sample-receiver.ts";
import {
  createWebhook,
  deleteAll,
  events,
  insertLicense,
  post,
  recordEvents,
  shownWebhook,
} from "./sample-webhook.ts";
import { signedHeaders, webhookSecret } from "./sign-event.ts";
import { webhooks } from "./tables.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const db = drizzle(env.DB);
let receiver: Receiver;
let now: number;

beforeAll(async () => {
  await resetMarketplace();
  await publishPaidPlugin(await createAccount("demo"));
  await insertLicense();
});

beforeEach(async () => {
  receiver = openReceiver();
  await deleteAll();
  // A deletion begins a pass, which tells what the test before has left.
  receiver.received.length = 0;
  now = Date.now();
});
afterEach(() => vi.restoreAllMocks());

/** What happened at `now` without a request, so that no pass begins by itself. */
function happen(...types: string[]): Promise<void> {
  return recordEvents(now, types);
}

/** A pass at `now`, as the cron would make it. */
function pass(more: { readonly ms?: number; readonly bindings?: Bindings } = {}): Promise<void> {
  return deliverDue(more.bindings ?? env, { ms: more.ms ?? 60_000, clock: () => now });
}

function stored(id: string) {
  return db.select().from(webhooks).where(eq(webhooks.id, id)).get();
}

test("after a change, and after its answer, it is told at once, signed", async () => {
  const { webhookId, secret } = await createWebhook();
  const { licenseId, licenseKey } = await issue("team");
  await send("POST", `/v1/licenses/${licenseId}/suspend`);
  expect(receiver.types()).toEqual(["license.issue", "license.suspend"]);
  const [{ url, headers, body, redirect } = { headers: new Headers(), body: "" }] =
    receiver.received;
  expect([url, redirect]).toEqual(["https://hooks.example.com/in", "manual"]);
  expect(headers.get("content-type")).toBe("application/json");
  expect(headers.has("authorization")).toBe(false);
  const event = licenseEventSchema.parse(JSON.parse(body));
  expect(event.data.license).toMatchObject({ licenseId, state: "active", plan: "team" });
  expect(headers.get("webhook-id")).toBe(event.id);
  const key = await webhookSecret(env, { id: webhookId, secretVersion: 1 });
  expect(key.text).toBe(secret);
  const sentAt = Number(headers.get("webhook-timestamp")) * 1000;
  expect(Object.fromEntries(headers)).toMatchObject(
    await signedHeaders({ id: event.id, body, now: sentAt }, [key]),
  );
  // What receivers of the legacy marketplace sign is the body read and written once more.
  expect(JSON.stringify(JSON.parse(body))).toBe(body);
  expect(JSON.stringify(receiver.received)).not.toContain(licenseKey);
});

test("what is delivered is what GET /v1/events says", async () => {
  await createWebhook();
  await happen("paid", "renew", "refunded");
  await pass();
  const told = receiver.received.map(({ body }) => licenseEventSchema.parse(JSON.parse(body)));
  expect((await events("limit=100")).items.slice(-3)).toEqual(told);
});

test("the cron tells what no pass after a change has told", async () => {
  await createWebhook();
  await happen("issue");
  await worker.scheduled(createScheduledController({ scheduledTime: new Date(now) }), env);
  expect(receiver.types()).toEqual(["license.issue"]);
});

describe("of rows, a pass", () => {
  test("does not read the webhooks for which nothing waits", async () => {
    for (let n = 0; n < 5; n++) await createWebhook();
    const { bindings, count } = counting(env);
    await pass({ bindings });
    expect(count).toMatchObject({ queries: 1, rowsWritten: 0 });
    expect(count.rowsRead).toBeLessThanOrEqual(1);
  });

  test("costs the same for an event, however many there were before it", async () => {
    await happen(...Array.from({ length: 200 }, () => "renew"));
    await createWebhook();
    await happen("issue");
    const { bindings, count } = counting(env);
    await pass({ bindings });
    expect(receiver.types()).toEqual(["license.issue"]);
    expect(count.rowsRead).toBeLessThanOrEqual(20);
    expect(count.rowsWritten).toBeLessThanOrEqual(5);
  });
});

test("a receiver that answers late or not at all does not hold up the change, nor make it fail", async () => {
  const { webhookId } = await createWebhook();
  let answered = false;
  receiver.answers(async () => {
    answered = true;
    throw new TypeError("Network connection lost.");
  });
  const { licenseId } = await issue("team");
  expect(answered).toBe(true);
  expect((await send("POST", `/v1/licenses/${licenseId}/suspend`)).status).toBe(200);
  expect(await shownWebhook(webhookId)).toMatchObject({
    state: "failing",
    problem: "It cannot be reached",
  });
});

describe("in order, each at least once, one at a time", () => {
  test("nothing is told before what went wrong has been told", async () => {
    await createWebhook();
    receiver.answers(500);
    await happen("issue", "activate", "suspend");
    await pass();
    await pass();
    expect(receiver.types()).toEqual(["license.issue"]);
    receiver.answers(200);
    now += MINUTE_MS;
    await pass();
    expect(receiver.types().slice(1)).toEqual([
      "license.issue",
      "license.activate",
      "license.suspend",
    ]);
    const [first, again] = receiver.ids();
    expect(again).toBe(first);
  });

  test("passes side by side send everything once", async () => {
    await createWebhook();
    await happen("issue", "activate", "suspend");
    await Promise.all([pass(), pass(), pass()]);
    expect(receiver.types()).toEqual(["license.issue", "license.activate", "license.suspend"]);
  });

  test("while a receiver takes its time nobody sends it anything else", async () => {
    const { webhookId } = await createWebhook();
    await happen("issue", "activate");
    let during = 0;
    receiver.answers(async () => {
      during += 1;
      if (during > 2) return new Response();
      await pass();
      await post(`/v1/webhooks/${webhookId}/enable`);
      return new Response();
    });
    await pass();
    expect([during, receiver.types()]).toEqual([2, ["license.issue", "license.activate"]]);
  });

  test("a Worker that ended in the middle holds a webhook up for a minute", async () => {
    const { webhookId } = await createWebhook();
    await happen("issue");
    const claimedUntil = now + 60_000;
    await db.update(webhooks).set({ claimedUntil }).where(eq(webhooks.id, webhookId));
    await pass();
    expect(receiver.received).toEqual([]);
    now = claimedUntil;
    await pass();
    expect(receiver.types()).toEqual(["license.issue"]);
  });

  test("who lost the webhook to another writes nothing about it any more", async () => {
    const { webhookId } = await createWebhook();
    await happen("issue", "activate");
    receiver.answers(async () => {
      await db
        .update(webhooks)
        .set({ claimedUntil: now + 1 })
        .where(eq(webhooks.id, webhookId));
      return new Response();
    });
    await pass();
    expect(receiver.types()).toEqual(["license.issue"]);
    expect(await stored(webhookId)).toMatchObject({ claimedUntil: now + 1, nextAttemptAt: 0 });
  });

  test("what happens while the last event is on its way is told too", async () => {
    await createWebhook();
    await happen("issue");
    let more = ["activate", "suspend"];
    receiver.answers(async () => {
      const [next] = more;
      more = more.slice(1);
      if (next !== undefined) await happen(next);
      return new Response();
    });
    for (let passes = 0; passes < 3; passes++) await pass();
    expect(receiver.types()).toEqual(["license.issue", "license.activate", "license.suspend"]);
  });

  test("more than one read of events goes out in one pass, and a pass that is over leaves the rest", async () => {
    const { webhookId } = await createWebhook();
    await happen(...Array.from({ length: 45 }, () => "renew"));
    receiver.answers(() => {
      now += 100;
      return new Response();
    });
    await pass({ ms: 2_500 });
    expect(receiver.received).toHaveLength(25);
    expect(await stored(webhookId)).toMatchObject({ claimedUntil: 0, nextAttemptAt: now });
    await pass();
    const ids = receiver.ids();
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => (a < b ? -1 : 1)));
    expect(ids).toHaveLength(45);
    expect(await stored(webhookId)).toMatchObject({ claimedUntil: 0, nextAttemptAt: null });
  });

  test("who had a turn comes after those that wait for theirs", async () => {
    const { webhookId } = await createWebhook();
    await happen("issue", "activate", "suspend");
    receiver.answers(() => {
      now += WEBHOOK_LIMITS.timeoutMs;
      return new Response();
    });
    await pass({ ms: 1 });
    for (let n = 0; n < 4; n++) await createWebhook();
    await happen("reinstate");
    const due = await listDue(db, { now, limit: 5 });
    expect(due).toHaveLength(5);
    expect(due.at(-1)).toBe(webhookId);
  });

  test("a pass may take longer than a claim", async () => {
    await createWebhook();
    await happen(...Array.from({ length: 8 }, () => "renew"));
    receiver.answers(() => {
      now += 9_000;
      return new Response();
    });
    await pass({ ms: 600_000 });
    expect(receiver.received).toHaveLength(8);
  });

  test("no delivery begins under a claim that it might outlast", async () => {
    const { webhookId } = await createWebhook();
    await happen("issue", "activate");
    const clock = vi.fn(() => now);
    // The fourth look at the clock comes after the events were read: so long did that take.
    for (let look = 1; look < 4; look++) clock.mockImplementationOnce(() => now);
    clock.mockImplementation(() => now + 51_000);
    await deliverDue(env, { ms: 600_000, clock });
    expect(receiver.received).toEqual([]);
    const released = { claimedUntil: 0, nextAttemptAt: now + 51_000 };
    expect(await stored(webhookId)).toMatchObject(released);
  });
});

describe("a webhook", () => {
  test("is told what it asked for, of the scope it asked for", async () => {
    await send("POST", "/v1/scopes", { body: { scope: "@demo-labs", publisher: "demo" } });
    const wants = await createWebhook({ body: { events: ["license.revoke", "license.paid"] } });
    const labs = await createWebhook({ body: { scope: "@demo-labs" } });
    await happen("issue", "paid", "renew");
    await pass();
    expect(receiver.types()).toEqual(["license.paid"]);
    // Both have seen everything, so nothing is read for them again.
    const before = await stored(wants.webhookId);
    expect(before).toMatchObject({ nextAttemptAt: null });
    expect(await stored(labs.webhookId)).toMatchObject({
      delivered: before?.delivered,
      nextAttemptAt: null,
    });
  });

  test("is told nothing of what was before it", async () => {
    await happen("issue");
    await createWebhook();
    await happen("renew");
    await pass();
    expect(receiver.types()).toEqual(["license.renew"]);
  });

  test("that fails does not hold up the others", async () => {
    await createWebhook({ body: { url: "https://down.example.com/" } });
    await createWebhook();
    receiver.answers(({ url }) => new Response(null, { status: url.includes("down") ? 503 : 200 }));
    await happen("issue", "renew");
    await pass();
    const hosts = receiver.received.map(({ url }) => new URL(url).hostname);
    expect(hosts.filter((host) => host === "down.example.com")).toHaveLength(1);
    expect(hosts.filter((host) => host === "hooks.example.com")).toHaveLength(2);
  });

  test("is told again after pauses that grow, or after the pause that it asks for", async () => {
    const { webhookId } = await createWebhook();
    const headers = { "Retry-After": "1800" };
    await happen("issue");
    receiver.answers(500);
    for (const minutes of [1, 2, 4]) {
      await pass();
      now += minutes * MINUTE_MS - 1;
      await pass();
      now += 1;
    }
    expect(receiver.received).toHaveLength(3);
    receiver.answers(() => new Response(null, { status: 429, headers }));
    await pass();
    expect(await shownWebhook(webhookId)).toMatchObject({
      state: "failing",
      problem: "It answered 429",
      nextAttemptAt: new Date(now + 30 * MINUTE_MS).toISOString(),
    });
    now += 30 * MINUTE_MS;
    receiver.answers(200);
    await pass();
    expect(await shownWebhook(webhookId)).toMatchObject({
      state: "active",
      problem: null,
      nextAttemptAt: null,
    });
  });

  test("that is gone, or has failed for five days, is told nothing until it is enabled", async () => {
    const gone = await createWebhook({ body: { url: "https://gone.example.com/" } });
    const down = await createWebhook({ body: { url: "https://down.example.com/" } });
    receiver.answers(({ url }) => new Response(null, { status: url.includes("gone") ? 410 : 500 }));
    await happen("issue");
    const since = now;
    await pass();
    expect(await shownWebhook(gone.webhookId)).toMatchObject({ state: "disabled" });
    for (; now < since + WEBHOOK_LIMITS.disableAfterMs; now += 6 * HOUR_MS) await pass();
    expect(await shownWebhook(down.webhookId)).toMatchObject({ state: "failing" });
    await pass();
    expect(await shownWebhook(down.webhookId)).toMatchObject({
      state: "disabled",
      nextAttemptAt: null,
    });
    const before = receiver.received.length;
    await happen("renew");
    now += 24 * HOUR_MS;
    await pass();
    expect(receiver.received).toHaveLength(before);
    receiver.answers(200);
    const enabled = await post(`/v1/webhooks/${down.webhookId}/enable`);
    expect(await enabled.json()).toMatchObject({ state: "active" });
    expect(receiver.types().slice(before)).toEqual(["license.issue", "license.renew"]);
    const query = env.DB.prepare("SELECT actor, action FROM audit WHERE subject = ? ORDER BY id");
    const { results } = await query.bind(down.webhookId).all();
    expect(results).toEqual([
      { actor: "admin", action: "webhook.create" },
      { actor: "marketplace", action: "webhook.disable" },
      { actor: "admin", action: "webhook.enable" },
    ]);
  });

  test("that was deleted while it was told something stays deleted", async () => {
    const { webhookId } = await createWebhook();
    await happen("issue", "renew");
    receiver.answers(async () => {
      await send("DELETE", `/v1/webhooks/${webhookId}`);
      return new Response(null, { status: 500 });
    });
    await pass();
    expect(receiver.types()).toEqual(["license.issue"]);
    expect(await stored(webhookId)).toBeUndefined();
  });

  test("that was rotated is signed for with both secrets", async () => {
    const { webhookId } = await createWebhook();
    await post(`/v1/webhooks/${webhookId}/rotate`);
    await happen("issue");
    await pass();
    const signatures = receiver.received[0]?.headers.get("webhook-signature")?.split(" ");
    expect(signatures).toHaveLength(2);
    now += WEBHOOK_LIMITS.rotationMs + 1_000;
    await happen("renew");
    await pass();
    expect(receiver.received[1]?.headers.get("webhook-signature")).not.toContain(" ");
  });
});

describe("an answer", () => {
  test.each([301, 302, 307, 308])("%i leads nowhere: it is a failure", async (status) => {
    const { webhookId } = await createWebhook();
    const headers = { Location: "https://elsewhere.example.com/" };
    receiver.answers(() => new Response(null, { status, headers }));
    await happen("issue");
    await pass();
    expect(receiver.received).toHaveLength(1);
    expect(await shownWebhook(webhookId)).toMatchObject({
      problem: `It answered ${status}, a redirect`,
    });
  });

  test("is not read, however long it is", async () => {
    const { webhookId } = await createWebhook();
    let cancelled = false;
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1024)),
        cancel: () => {
          cancelled = true;
        },
      });
    receiver.answers(() => new Response(endless()));
    await happen("issue");
    await pass();
    expect(cancelled).toBe(true);
    expect(await shownWebhook(webhookId)).toMatchObject({ state: "active" });
  });
});
