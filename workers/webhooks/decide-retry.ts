import { WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import type { Webhook } from "./tables.ts";

/** How a delivery ended. Nothing of the answer but its status is kept. */
export type Outcome =
  | { readonly delivered: true; readonly status: number }
  | {
      readonly delivered: false;
      /** Null when there was no answer. */
      readonly status: number | null;
      /** For the publisher. */
      readonly problem: string;
      /** What the receiver asks for; null when it asks for nothing. */
      readonly retryAfterMs: number | null;
    };

export type Failure = Extract<Outcome, { delivered: false }>;

export type AfterFailure = Pick<
  Webhook,
  "attempts" | "failingSince" | "nextAttemptAt" | "disabledAt" | "lastProblem"
>;

const GONE = 410;

/**
 * What a failed delivery does to the webhook: a pause that grows, as long as the receiver asks for,
 * and the end of it after days without one that was delivered. Who answers 410 wants no more.
 */
export function afterFailure(
  before: Pick<Webhook, "attempts" | "failingSince">,
  { status, problem, retryAfterMs }: Failure,
  now: number,
): AfterFailure {
  const attempts = before.attempts + 1;
  const failingSince = before.failingSince ?? now;
  const isOver = status === GONE || now - failingSince >= WEBHOOK_LIMITS.disableAfterMs;
  const pause = Math.max(pauseAfter(attempts), retryAfterMs ?? 0);
  return {
    attempts,
    failingSince,
    nextAttemptAt: now + Math.min(pause, WEBHOOK_LIMITS.retryMaxMs),
    disabledAt: isOver ? now : null,
    lastProblem: problem,
  };
}

function pauseAfter(attempts: number): number {
  return WEBHOOK_LIMITS.retryMs * 2 ** (attempts - 1);
}

/** `Retry-After` in ms from now, as seconds or as a date; null for anything else and the past. */
export function readRetryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  const wait = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return wait > 0 ? wait : null;
}

/** Until when the secret before the last rotation signs too; 0 when there was none. */
export function previousUntil(rotatedAt: number | null): number {
  return rotatedAt === null ? 0 : rotatedAt + WEBHOOK_LIMITS.rotationMs;
}
