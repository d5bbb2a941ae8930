import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { eq } from "drizzle-orm";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Bindings } from "../env.ts";
import { publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { failingAt } from "../testing-bindings.ts";
import { createAccount, resetMarketplace } from "../testing.ts";
import { deliverDue } from "./deliver.ts";
import { openReceiver } from "./sample-receiver.ts";
import type { Receiver } from "./sample-receiver.ts";
import {
  createWebhook,
  deleteAll,
  insertLicense,
  recordEvents,
  shownWebhook,
  tryCreate,
} from "./sample-webhook.ts";
import { webhooks } from "./tables.ts";

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

function happen(...types: string[]): Promise<void> {
  return recordEvents(now, types);
}

function pass({ bindings = env }: { readonly bindings?: Bindings } = {}): Promise<void> {
  return deliverDue(bindings, { ms: 60_000, clock: () => now });
}

function stored(id: string) {
  return db.select().from(webhooks).where(eq(webhooks.id, id)).get();
}

describe.each(["failed", "failed but stored"] as const)("a database that %s", (fault) => {
  const done = ["license.issue", "license.renew"];

  test.each([1, 2, 3, 4, 5])("at call %i of a pass: everything is told, in order", async (nth) => {
    const { webhookId } = await createWebhook();
    await happen("issue", "renew");
    const broken = failingAt(env, nth, fault);
    await expect(pass({ bindings: broken.bindings })).rejects.toThrow();
    expect(broken.hit()).toBe(true);
    now += 60_000;
    await pass();
    const types = receiver.types();
    expect(types.filter((type, at) => type !== types[at - 1])).toEqual(done);
    // At most the one whose acknowledgement was not written is told twice.
    expect(types.length).toBeLessThanOrEqual(3);
    expect(await stored(webhookId)).toMatchObject({ claimedUntil: 0, nextAttemptAt: null });
  });

  test("when a failure is written: the event is told later", async () => {
    const { webhookId } = await createWebhook();
    await happen("issue");
    receiver.answers(500);
    const broken = failingAt(env, 3, fault);
    await expect(pass({ bindings: broken.bindings })).rejects.toThrow();
    expect(broken.hit()).toBe(true);
    receiver.answers(200);
    now += 60_000;
    await pass();
    expect(receiver.types()).toEqual(["license.issue", "license.issue"]);
    expect(await shownWebhook(webhookId)).toMatchObject({ state: "active" });
  });

  test("for one webhook: the others are told all the same", async () => {
    for (let n = 0; n < 5; n++) await createWebhook();
    await happen("issue");
    const broken = failingAt(env, 1, fault);
    await expect(pass({ bindings: broken.bindings })).rejects.toThrow();
    expect(receiver.received).toHaveLength(4);
  });
});

test("a pass that fails after a change is logged, without the values of its query", async () => {
  const logged: string[] = [];
  vi.spyOn(console, "error").mockImplementation((entry: unknown) => {
    logged.push(JSON.stringify(entry));
  });
  for (let nth = 1; nth <= 6; nth++) {
    await deleteAll();
    await createWebhook();
    await happen("issue");
    await tryCreate({ bindings: failingAt(env, nth, "failed").bindings });
  }
  const passes = logged.filter((entry) => entry.includes("A pass went wrong"));
  expect(passes.join("\n")).toContain("Failed query: ");
  expect(passes.join("\n")).not.toContain("params: ");
});
