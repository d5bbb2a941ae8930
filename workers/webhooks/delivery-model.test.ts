import { env } from "cloudflare:workers";
import { WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { eq } from "drizzle-orm";
import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { failingAt } from "../testing-bindings.ts";
import type { Fault } from "../testing-bindings.ts";
import { createAccount, resetMarketplace } from "../testing.ts";
import { deliverDue } from "./deliver.ts";
import { openReceiver } from "./sample-receiver.ts";
import type { Receiver } from "./sample-receiver.ts";
import { createWebhook, deleteAll, insertLicense, recordEvents } from "./sample-webhook.ts";
import { webhooks } from "./tables.ts";

const db = drizzle(env.DB);
let receiver: Receiver;

beforeAll(async () => {
  await resetMarketplace();
  await publishPaidPlugin(await createAccount("demo"));
  await insertLicense();
  receiver = openReceiver();
});
beforeEach(deleteAll);
afterAll(() => vi.restoreAllMocks());

/** What can happen, one after the other. */
type Step =
  | { readonly kind: "events"; readonly count: number }
  /** Passes that begin together; the database of the first may fail at its n-th call. */
  | {
      readonly kind: "passes";
      readonly count: number;
      readonly ms: number;
      readonly fault: { readonly nth: number; readonly how: Fault } | null;
    }
  /** How the receiver answers from now on: one after the other, then again from the first. */
  | { readonly kind: "answers"; readonly statuses: readonly number[] }
  | { readonly kind: "wait"; readonly ms: number };

const fault = fc.record({
  nth: fc.integer({ min: 1, max: 8 }),
  how: fc.constantFrom<Fault>("failed", "failed but stored"),
});
/** 0 is no answer at all. */
const status = fc.constantFrom(200, 200, 204, 500, 302, 0);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("events" as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    kind: fc.constant("passes" as const),
    count: fc.integer({ min: 1, max: 3 }),
    ms: fc.constantFrom(0, 1, 60_000),
    fault: fc.option(fault),
  }),
  fc.record({
    kind: fc.constant("answers" as const),
    statuses: fc.array(status, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("wait" as const),
    ms: fc.constantFrom(1, 59_999, 60_000, 600_000),
  }),
);

/** A world with one webhook and a clock of its own. */
class World {
  now = Date.now();
  made = 0;
  inFlight = 0;
  answered = 0;
  statuses: readonly number[] = [200];

  async answer(): Promise<Response> {
    this.inFlight += 1;
    expect(this.inFlight).toBe(1);
    // Longer than nothing, so that passes which run beside this one have their turn.
    await db.select({ id: webhooks.id }).from(webhooks);
    this.now += 10;
    this.inFlight -= 1;
    const status = this.statuses[this.answered++ % this.statuses.length] ?? 200;
    if (status === 0) throw new TypeError("Network connection lost.");
    return new Response(null, { status });
  }

  async run(next: Step): Promise<void> {
    switch (next.kind) {
      case "events":
        for (let n = 0; n < next.count; n++) await this.event();
        break;
      case "passes":
        await this.passes(next);
        break;
      case "answers":
        this.statuses = next.statuses;
        break;
      case "wait":
        this.now += next.ms;
    }
  }

  async event(): Promise<void> {
    this.made += 1;
    await recordEvents(this.now, ["renew"]);
  }

  async passes({ count, ms, fault }: Extract<Step, { kind: "passes" }>): Promise<void> {
    const broken = fault === null ? env : failingAt(env, fault.nth, fault.how).bindings;
    const clock = () => this.now;
    const all = Array.from({ length: count }, (_, n) =>
      deliverDue(n === 0 ? broken : env, { ms, clock }),
    );
    await Promise.allSettled(all);
  }
}

test("whatever fails when: every event arrives, in order, one delivery at a time, and only unacknowledged ones again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      await deleteAll();
      const { webhookId } = await createWebhook();
      const world = new World();
      receiver.received.length = 0;
      receiver.answers(() => world.answer());
      for (const next of steps) await world.run(next);
      // The receiver is well again and time goes on: everything has to arrive.
      world.statuses = [200];
      for (let passes = 0; passes < 3; passes++) {
        world.now += WEBHOOK_LIMITS.retryMaxMs;
        await world.run({ kind: "passes", count: 1, ms: 60_000, fault: null });
      }
      const ids = receiver.ids();
      const first = ids.filter((id, at) => ids.indexOf(id) === at);
      expect(first).toHaveLength(world.made);
      expect(first.toSorted()).toEqual(first);
      // Only the newest one that was sent can be sent again.
      expect(ids.filter((id, at) => id !== ids[at - 1])).toEqual(first);
      const row = await db.select().from(webhooks).where(eq(webhooks.id, webhookId)).get();
      expect(row).toMatchObject({ claimedUntil: 0, nextAttemptAt: null, attempts: 0 });
    }),
    { numRuns: 25 },
  );
});
