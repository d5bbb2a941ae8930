import { ACCOUNT_LIMITS, RbsmError } from "@rising-bsm/protocol";

export interface RemovalFacts {
  /** When its first release was let in; null when none was. */
  readonly firstReleasedAt: number | null;
  readonly isAdmin: boolean;
}

/** Throws unless whoever asks may still take the plugin away: later, others count on it. */
export function assertMayRemove({ firstReleasedAt, isAdmin }: RemovalFacts, now: number): void {
  if (isAdmin || firstReleasedAt === null) return;
  if (now < firstReleasedAt + ACCOUNT_LIMITS.removalMs) return;
  const hours = ACCOUNT_LIMITS.removalMs / 3_600_000;
  const message = `A plugin can be removed for ${hours} hours after its first release`;
  throw new RbsmError("conflict_state", message, {
    fix: "Yank or deprecate its versions, or ask the administrator",
  });
}

/** A name that came back under somebody else would be trusted for what it was. */
export function removedPlugin(plugin: string): RbsmError {
  return new RbsmError("conflict_removed", `${plugin} was removed; its name is never given again`, {
    fix: "Publish under another name",
  });
}
