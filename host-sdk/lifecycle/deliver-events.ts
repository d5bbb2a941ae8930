import {
  CALL_LIMITS,
  HOOK_EVENTS,
  HOOK_LIMITS,
  type HookEvent,
  hookPermission,
  type Json,
  RbsmError,
} from "@rising-bsm/protocol";
import { createTokenBucket } from "../broker/token-bucket.ts";
import type { ActivePlugins } from "./active-plugins.ts";
import { currentChain } from "./call-chain.ts";
import { problemOf, type Problem, type Slot, type Slots, stateOf } from "./slots.ts";

/** How one plugin took an event. */
export interface Delivery {
  readonly plugin: string;
  readonly ok: boolean;
  readonly problem?: Problem;
}

/** What became of the events for one plugin since the host started. */
export interface HookCounts {
  readonly delivered: number;
  readonly failed: number;
  /** Not told: too many waited, waited too long, or came in a circle. */
  readonly dropped: number;
}

/** Tells plugins about events: each plugin one after the other, and none waits for another. */
export interface EventDelivery {
  /** Resolves when every plugin that listens has been told; never throws for what a plugin does. */
  emit(event: string, payload: Json): Promise<Delivery[]>;
  counts(plugin: string): HookCounts;
  forget(plugin: string): void;
}

/** What delivering works with. */
export interface DeliveryParts {
  readonly slots: Slots;
  readonly active: ActivePlugins;
  readonly logger: { warn(message: string, fields?: Record<string, unknown>): void };
}

/** An event on its way to one plugin. */
interface Notice {
  readonly plugin: string;
  readonly event: HookEvent;
  readonly payload: Json;
  /** How many plugins have answered each other to get here; 0 where that is not known. */
  readonly depth: number;
  /** On the clock of performance.now(). */
  readonly since: number;
}

/** The events for one plugin. */
interface Queue {
  last: Promise<unknown>;
  waiting: number;
  delivered: number;
  failed: number;
  dropped: number;
  /** The first event that is dropped is logged, and again after one was delivered. */
  dropping: boolean;
  /**
   * A domain may announce events from a queue of its own, where nobody knows which event caused
   * them. What goes in circles there comes without end, and is stopped by its number.
   */
  readonly takeToken: (now: number) => number;
}

/** A queue of events for each active plugin. */
export function createEventDelivery(parts: DeliveryParts): EventDelivery {
  const queues = new Map<string, Queue>();
  const queueOf = (plugin: string) => {
    const queue = queues.get(plugin) ?? emptyQueue();
    queues.set(plugin, queue);
    return queue;
  };
  return {
    async emit(event, payload) {
      const known = HOOK_EVENTS.find((name) => name === event);
      if (known === undefined)
        throw new RbsmError("usage", `There is no event ${event}`, { events: HOOK_EVENTS });
      const depth = (currentChain()?.depth ?? -1) + 1;
      const notice = { event: known, payload, depth, since: performance.now() };
      const listening = parts.slots.all().filter((slot) => listens(slot, known, payload));
      return Promise.all(
        listening.map(({ row }) =>
          enqueue(parts, queueOf(row.name), { ...notice, plugin: row.name }),
        ),
      );
    },
    counts(plugin) {
      const { delivered, failed, dropped } = queues.get(plugin) ?? emptyQueue();
      return { delivered, failed, dropped };
    },
    forget: (plugin) => void queues.delete(plugin),
  };
}

function emptyQueue(): Queue {
  const counts = { waiting: 0, delivered: 0, failed: 0, dropped: 0, dropping: false };
  return { ...counts, last: Promise.resolve(), takeToken: createTokenBucket(HOOK_LIMITS) };
}

async function enqueue(parts: DeliveryParts, queue: Queue, notice: Notice): Promise<Delivery> {
  const why = reasonToDrop(queue, notice);
  if (why !== null) return drop(parts, queue, { notice, why });
  queue.waiting += 1;
  const done = queue.last.then(() => tell(parts, queue, notice));
  queue.last = done.finally(() => (queue.waiting -= 1));
  return done;
}

/** Two plugins that change what the other one listens for would never come to an end. */
function reasonToDrop({ waiting, takeToken }: Queue, { depth, since }: Notice): string | null {
  if (depth > CALL_LIMITS.pluginCallDepth) return "plugins answer each other's events in a circle";
  if (waiting >= HOOK_LIMITS.waiting) return "too many wait for the plugin";
  return takeToken(since) === 0 ? null : "too many came in a short time";
}

function drop(
  { logger }: DeliveryParts,
  queue: Queue,
  { notice: { plugin, event }, why }: { notice: Notice; why: string },
): Delivery {
  queue.dropped += 1;
  if (!queue.dropping) logger.warn(`Events for ${plugin} are dropped: ${why}`, { event });
  queue.dropping = true;
  return { plugin, ok: false, problem: { code: "host_busy", message: `It was dropped: ${why}` } };
}

/** A plugin hears what its manifest names and its grants let it see, except its own doing. */
function listens(slot: Slot, event: HookEvent, payload: Json): boolean {
  const ownDoing =
    typeof payload === "object" &&
    payload !== null &&
    !Array.isArray(payload) &&
    payload["origin"] === slot.row.name;
  const wants = slot.manifest?.hooks.includes(event) === true;
  return (
    wants &&
    !ownDoing &&
    stateOf(slot) === "active" &&
    slot.row.release.grants.includes(hookPermission(event))
  );
}

async function tell(parts: DeliveryParts, queue: Queue, notice: Notice): Promise<Delivery> {
  const { plugin, event, payload, depth, since } = notice;
  if (performance.now() - since > HOOK_LIMITS.waitMs)
    return drop(parts, queue, { notice, why: "it waited too long" });
  queue.dropping = false;
  try {
    const call = { kind: "hook", name: event, args: [payload], actor: null, depth } as const;
    await parts.active.call(plugin, call);
    queue.delivered += 1;
    return { plugin, ok: true };
  } catch (error) {
    const problem = problemOf(error);
    queue.failed += 1;
    parts.logger.warn(`${plugin} failed on ${event}`, { ...problem });
    return { plugin, ok: false, problem };
  }
}
