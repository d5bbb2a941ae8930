import { type LeaseClaims, RbsmError } from "@rising-bsm/protocol";
import { type Jitter, renewalPauseMs, retryPauseMs } from "./renewal-due.ts";

/** Why something failed, to show. */
export interface LicenseFailure {
  readonly code: string;
  readonly message: string;
}

interface Planned {
  /** By the time licenses are judged by, which a wrong clock may have set far ahead. */
  readonly dueAt: number;
  /** By the counter: no later than this, whatever the clock says. */
  readonly dueAtCounter: number;
  readonly failures: number;
  readonly problem: LicenseFailure | null;
}

/** What the plan reads the time from; milliseconds. */
export interface PlanClock {
  readonly now: () => number;
  readonly counter: () => number;
  readonly jitter: Jitter;
}

/** When each plugin's license is to be renewed, and how the last attempt ended. Lives in memory. */
export class RenewalPlan {
  readonly #clock: PlanClock;
  readonly #planned = new Map<string, Planned>();

  constructor(clock: PlanClock) {
    this.#clock = clock;
  }

  /** There is a lease, new or from the store; null: one that does not verify, to be replaced at once. */
  granted(plugin: string, claims: LeaseClaims | null): void {
    const { now, counter, jitter } = this.#clock;
    const pause = claims === null ? 0 : renewalPauseMs(claims, jitter);
    const from = claims === null ? now() : claims.iat * 1000;
    const dueAtCounter = counter() + pause;
    this.#planned.set(plugin, { dueAt: from + pause, dueAtCounter, failures: 0, problem: null });
  }

  /** A planned attempt failed: tried again by the counter alone, which nobody can set. */
  failed(plugin: string, claims: LeaseClaims | null, error: unknown): void {
    const before = this.#planned.get(plugin);
    if (before === undefined) return;
    const failures = before.failures + 1;
    const failed = { failures, retryAfterMs: retryAfterOf(error) };
    const pause = retryPauseMs(claims, failed, this.#clock.jitter);
    const dueAtCounter = this.#clock.counter() + pause;
    const problem = failureOf(error);
    this.#planned.set(plugin, { dueAt: Infinity, dueAtCounter, failures, problem });
  }

  /** Nothing is to be renewed any more. */
  forget(plugin: string): void {
    this.#planned.delete(plugin);
  }

  /** Makes one plugin's renewal due, or all: the state is about to change, or the clock has jumped. */
  hurry(plugin?: string): void {
    for (const [name, planned] of this.#planned) {
      if (plugin === undefined || plugin === name)
        this.#planned.set(name, { ...planned, dueAt: -Infinity });
    }
  }

  /** What is due now. */
  due(): string[] {
    const [now, counter] = [this.#clock.now(), this.#clock.counter()];
    return [...this.#planned]
      .filter(([, { dueAt, dueAtCounter }]) => dueAt <= now || dueAtCounter <= counter)
      .map(([plugin]) => plugin);
  }

  /** Why the last attempt failed; null after one that did not. */
  problem(plugin: string): LicenseFailure | null {
    return this.#planned.get(plugin)?.problem ?? null;
  }
}

function retryAfterOf(error: unknown): number | undefined {
  const asked = error instanceof RbsmError ? error.detail["retryAfterMs"] : undefined;
  return typeof asked === "number" ? asked : undefined;
}

function failureOf(error: unknown): LicenseFailure {
  if (error instanceof RbsmError) return { code: error.code, message: error.message };
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}
