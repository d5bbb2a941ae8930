import { WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { allSettled } from "../objects.ts";
import type { AuditEntry } from "../schema.ts";
import { afterFailure } from "./decide-retry.ts";
import type { Failure } from "./decide-retry.ts";
import {
  claimWebhook,
  listDue,
  recordDelivery,
  recordFailure,
  releaseWebhook,
} from "./delivery-queries.ts";
import { listEvents } from "./event-queries.ts";
import { describeEvent } from "./license-event.ts";
import type { StoredEvent } from "./license-event.ts";
import { sendEvent } from "./send-event.ts";
import { signingSecrets } from "./sign-event.ts";
import type { Webhook } from "./tables.ts";

/** Longer than a delivery and what is written about it take: no delivery outlives its claim. */
const CLAIM_MS = 6 * WEBHOOK_LIMITS.timeoutMs;
const WEBHOOKS_A_PASS = 50;
/** An invocation has six connections at a time, and the databases need some. */
const AT_A_TIME = 3;
const EVENTS_A_READ = 20;
/** With what is read and written about each, a pass leaves room in the thousand calls of its request. */
const EVENTS_A_PASS = 200;

/** How long a pass may go on, and its clock. */
export interface PassLimits {
  /** No delivery begins after this many ms. */
  readonly ms: number;
  readonly clock?: () => number;
}

interface Pass {
  readonly env: Bindings;
  readonly db: Database;
  readonly clock: () => number;
  readonly endsAt: number;
  /** Events that it may still send. */
  left: number;
}

/**
 * Delivers what is due: to each webhook in the order of events, one at a time, each at least once.
 * Passes may run side by side; who claims a webhook first has it. What one leaves, the next does.
 */
export async function deliverDue(env: Bindings, limits: PassLimits): Promise<void> {
  const clock = limits.clock ?? Date.now;
  const now = clock();
  const db = writeDatabase(env);
  const pass = { env, clock, db, endsAt: now + limits.ms, left: EVENTS_A_PASS };
  const due = await listDue(pass.db, { now, limit: WEBHOOKS_A_PASS });
  const deliveries: Promise<void>[] = [];
  const next = due.values();
  const lane = async () => {
    for (const id of next) {
      // Those that had no turn keep their place: they are the first of the next pass.
      if (isOver(pass)) return;
      const delivery = deliverTo(pass, id);
      deliveries.push(delivery);
      // One that goes wrong keeps none of the others from being done.
      await Promise.allSettled([delivery]);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  await allSettled(deliveries);
}

function isOver({ clock, endsAt, left }: Pass): boolean {
  return left === 0 || clock() >= endsAt;
}

async function deliverTo(pass: Pass, id: string): Promise<void> {
  let webhook: Webhook | null = await claim(pass, id);
  while (webhook !== null) webhook = await deliverSome(pass, webhook);
}

function claim({ db, clock }: Pass, id: string): Promise<Webhook | null> {
  const now = clock();
  return claimWebhook(db, id, { now, until: now + CLAIM_MS });
}

/** The next events of a webhook; answers the claim while it goes on, null when it is over. */
async function deliverSome(pass: Pass, claimed: Webhook): Promise<Webhook | null> {
  const { publisher, scope, events: types } = claimed;
  const range = { after: claimed.delivered, limit: EVENTS_A_READ };
  const { events, newest } = await listEvents(pass.db, { publisher, scope, types }, range);
  let webhook: Webhook | null = claimed;
  for (const event of events) {
    webhook = await deliverOne(pass, webhook, event);
    if (webhook === null) return null;
  }
  if (events.length === EVENTS_A_READ) return webhook;
  await releaseWebhook(pass.db, webhook, { seen: newest, now: pass.clock() });
  return null;
}

async function deliverOne(
  pass: Pass,
  webhook: Webhook,
  event: StoredEvent,
): Promise<Webhook | null> {
  const now = pass.clock();
  if (isOver(pass) || now + WEBHOOK_LIMITS.timeoutMs > webhook.claimedUntil) {
    await releaseWebhook(pass.db, webhook, { seen: webhook.delivered, now });
    return null;
  }
  pass.left -= 1;
  const described = describeEvent(event, now);
  const message = { id: described.id, body: JSON.stringify(described), now };
  const secrets = await signingSecrets(pass.env, webhook, now);
  const outcome = await sendEvent(webhook.url, message, secrets);
  if (!outcome.delivered) return giveUp(pass, webhook, outcome);
  const claimed = { delivered: event.number, until: pass.clock() + CLAIM_MS };
  return recordDelivery(pass.db, webhook, claimed);
}

async function giveUp({ db, clock }: Pass, webhook: Webhook, failure: Failure): Promise<null> {
  const at = clock();
  const after = afterFailure(webhook, failure, at);
  const entry: AuditEntry = {
    at,
    actor: "marketplace",
    action: "webhook.disable",
    subject: webhook.id,
    detail: { problem: failure.problem },
    requestId: "delivery",
  };
  await recordFailure(db, webhook, { after, entry });
  return null;
}
