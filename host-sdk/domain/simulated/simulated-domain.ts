import type { Json } from "@rising-bsm/protocol";
import type { HostStore } from "../../store/host-store.ts";
import type { DomainContext, DomainEvent, DomainPort } from "../domain-port.ts";
import { DOMAIN_METHODS, type DomainMethod } from "../methods.ts";
import { appointmentHandlers } from "./appointments.ts";
import { customerHandlers } from "./customers.ts";
import { notificationHandlers } from "./notifications.ts";
import { requestHandlers } from "./requests.ts";
import { seedState } from "./seed.ts";
import { stateSchema, type Handler, type State, type World } from "./state.ts";

/** What the clock of the simulated business shows when nobody sets it: a Monday morning. */
export const SIMULATED_NOW = Date.parse("2026-10-05T07:00:00.000Z");

const KIND = "simulated-domain";
const KEY = "state";

/** Which business, on which day, kept where. */
export interface SimulatedDomainOptions {
  /** Another number, other people's addresses, dates and choices. Default 1. */
  readonly seed?: number;
  /** Milliseconds since 1970; default: always `SIMULATED_NOW`. */
  readonly now?: () => number;
  /** Keeps the data over restarts. Without it the data lives as long as the object. */
  readonly store?: HostStore;
}

const handlers: Readonly<Record<DomainMethod, Handler>> = {
  ...customerHandlers,
  ...appointmentHandlers,
  ...requestHandlers,
  ...notificationHandlers,
};

/**
 * A whole business in memory, the same one every time: 20 customers, 40 appointments around the
 * clock's day, 15 requests, German and English. For `run`, `dev`, tests and the demo.
 */
export async function createSimulatedDomain(
  options: SimulatedDomainOptions = {},
): Promise<DomainPort> {
  const { seed = 1, now = () => SIMULATED_NOW, store } = options;
  const listeners = new Set<(event: DomainEvent) => void>();
  let state = (await readState(store)) ?? seedState(seed, now());
  let lastWrite: Promise<unknown> = Promise.resolve();

  function open(draft: State, context: DomainContext): World {
    return { state: draft, now: new Date(now()).toISOString(), context, events: [] };
  }

  // A write works on a copy that takes over when it is stored: a refused one leaves no trace.
  async function write(handler: Handler, args: Json[], context: DomainContext): Promise<Json> {
    const world = open(structuredClone(state), context);
    const result = structuredClone(handler(args, world));
    await store?.commit([{ kind: KIND, key: KEY, value: world.state }]);
    state = world.state;
    for (const event of world.events) {
      for (const listener of listeners) listener(event);
    }
    return result;
  }

  return {
    async call(method, args, context) {
      const handler = handlers[method];
      if (DOMAIN_METHODS[method].permission.endsWith(".view")) {
        return structuredClone(handler(args, open(state, context)));
      }
      const done = lastWrite.then(() => write(handler, args, context));
      lastWrite = done.catch(() => undefined);
      return done;
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function readState(store: HostStore | undefined): Promise<State | null> {
  const row = await store?.get(KIND, KEY);
  return row ? stateSchema.parse(row.value) : null;
}
