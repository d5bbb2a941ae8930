import {
  CALL_LIMITS,
  HOOK_EVENTS,
  type HookEvent,
  hookPermission,
  type Json,
  RbsmError,
} from "@rising-bsm/protocol";
import type { ActivePlugins } from "./active-plugins.ts";
import { currentChain } from "./call-chain.ts";
import { problemOf, type Problem, type Slot, type Slots, stateOf } from "./slots.ts";

/** How long all hooks of one event may take together, in ms; what is left then is not told. */
const EVENT_BUDGET_MS = 10_000;

/** Events that may wait for delivery; more are dropped and logged. */
const EVENTS_WAITING = 1_000;

/** How one plugin took an event. */
export interface Delivery {
  readonly plugin: string;
  readonly ok: boolean;
  readonly problem?: Problem;
}

/** Tells plugins about events, one event after the other. */
export interface EventDelivery {
  /** Resolves when every plugin that listens has been told; never throws for what a plugin does. */
  emit(event: string, payload: Json): Promise<Delivery[]>;
}

/** What delivering works with. */
export interface DeliveryParts {
  readonly slots: Slots;
  readonly active: ActivePlugins;
  readonly logger: { warn(message: string, fields?: Record<string, unknown>): void };
}

/** A queue of events over the active plugins. */
export function createEventDelivery(parts: DeliveryParts): EventDelivery {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async emit(event, payload) {
      const known = HOOK_EVENTS.find((name) => name === event);
      if (known === undefined)
        throw new RbsmError("usage", `There is no event ${event}`, { events: HOOK_EVENTS });
      const depth = (currentChain()?.depth ?? -1) + 1;
      const why = reasonToDrop(depth, waiting);
      if (why !== null) {
        parts.logger.warn(`An event was dropped: ${why}`, { event });
        return [];
      }
      waiting++;
      const told = last.then(() => tellAll(parts, { event: known, payload, depth }));
      last = told.catch(() => undefined).finally(() => waiting--);
      return told;
    },
  };
}

/** Two plugins that change what the other one listens for would never come to an end. */
function reasonToDrop(depth: number, waiting: number): string | null {
  if (depth > CALL_LIMITS.pluginCallDepth) return "plugins answer each other's events in a circle";
  return waiting >= EVENTS_WAITING ? "plugins are too slow" : null;
}

interface Telling {
  readonly event: HookEvent;
  readonly payload: Json;
  /** How many plugins have answered each other to get here. */
  readonly depth: number;
}

async function tellAll(parts: DeliveryParts, telling: Telling): Promise<Delivery[]> {
  const { event, payload } = telling;
  const endsAt = performance.now() + EVENT_BUDGET_MS;
  const told: Delivery[] = [];
  for (const slot of parts.slots.all()) {
    if (!listens(slot, event, payload)) continue;
    const plugin = slot.row.name;
    if (performance.now() > endsAt) {
      told.push({
        plugin,
        ok: false,
        problem: { code: "limit_wall", message: "The event's time was used up" },
      });
      continue;
    }
    told.push(await tell(parts, plugin, telling));
  }
  return told;
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

async function tell(
  { active, logger }: DeliveryParts,
  plugin: string,
  { event, payload, depth }: Telling,
): Promise<Delivery> {
  try {
    await active.call(plugin, {
      kind: "hook",
      name: event,
      args: [payload],
      actor: null,
      depth,
    });
    return { plugin, ok: true };
  } catch (error) {
    const problem = problemOf(error);
    logger.warn(`${plugin} failed on ${event}`, { ...problem });
    return { plugin, ok: false, problem };
  }
}
