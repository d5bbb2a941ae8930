import { AsyncLocalStorage } from "node:async_hooks";
import type { Reach } from "./running.ts";

/** The plugin call on whose behalf the host works at this moment. */
export interface CallChain {
  /** Which versions of other plugins it may reach. */
  readonly reach: Reach;
  /** How many plugins have called each other, or answered each other's events, to get here. */
  readonly depth: number;
  /** Aborted when nobody waits for the call any more. */
  readonly signal: AbortSignal;
}

// Broker and domain pass work on without the call that caused it; the chain stays with it.
const chains = new AsyncLocalStorage<CallChain>();

/** Runs `work` and all it sets off as part of `chain`. */
export function withinChain<T>(chain: CallChain, work: () => T): T {
  return chains.run(chain, work);
}

/** Undefined when the host works for itself or the application. */
export function currentChain(): CallChain | undefined {
  return chains.getStore();
}
