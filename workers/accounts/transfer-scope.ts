import { ACCOUNT_LIMITS, RbsmError } from "@rising-bsm/protocol";
import type { Transfer } from "./scope-queries.ts";

export interface TransferFacts {
  readonly scope: string;
  readonly owner: string;
  /** One that was asked for before. */
  readonly pending: Transfer | null;
  readonly isReceiverKnown: boolean;
}

/** The transfer as it will be: nobody, the administrator neither, gets around the cool-down. */
export function transferScope(facts: TransferFacts, to: string, now: number): Transfer {
  const { scope, owner, pending } = facts;
  if (to === owner) throw new RbsmError("conflict_state", `${scope} belongs to "${to}" already`);
  if (!facts.isReceiverKnown) throw new RbsmError("not_found", `There is no publisher "${to}"`);
  if (pending === null) {
    const effectiveAt = now + ACCOUNT_LIMITS.transferCooldownMs;
    return { scope, toPublisher: to, requestedAt: now, effectiveAt };
  }
  assertFor(pending, to);
  return pending;
}

/** Throws when the scope is promised to somebody else. */
export function assertFor({ scope, toPublisher }: Transfer, to: string): void {
  if (toPublisher === to) return;
  throw new RbsmError("conflict_state", `${scope} is promised to "${toPublisher}"`, {
    fix: "Take that back first: DELETE the transfer",
  });
}
