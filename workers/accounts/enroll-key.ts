import { RbsmError } from "@rising-bsm/protocol";
import type { Envelope } from "@rising-bsm/protocol";
import { changeTo, openStatement } from "./key-change.ts";
import type { KeyChange, KeyFacts } from "./key-change.ts";

export interface Enrollment {
  readonly key: { readonly keyId: string; readonly publicKey: string };
  /** SHA-256 of the recovery key. */
  readonly recoveryHash: string | undefined;
  readonly statement: Envelope | undefined;
}

/**
 * Takes a key in whose holder has proved to have it; null when there is nothing to do. A key without a
 * statement enrols too: only hosts that know the publisher already will not take it from us alone.
 */
export async function enrollKey(
  facts: KeyFacts,
  { key, recoveryHash, statement }: Enrollment,
  now: number,
): Promise<KeyChange | null> {
  const known = facts.keys.keys.find(({ keyId }) => keyId === key.keyId);
  if (known?.revokedFrom !== undefined) {
    throw new RbsmError("trust_key_revoked", "The key was revoked and cannot be enrolled again", {
      fix: "Make another: rising-bsm keys new",
    });
  }
  const recovery = recoveryOf(facts, { key, recoveryHash });
  if (statement === undefined) {
    if (known !== undefined) return null;
    const after = { ...facts.keys, recovery, keys: [...facts.keys.keys, key] };
    return changeTo(facts, after, { statement: null, fromIndex: 0, now });
  }
  // A key does not vouch for itself, also when it was enrolled without a statement before.
  const others = facts.keys.keys.filter(({ keyId }) => keyId !== key.keyId);
  const before = { ...facts, keys: { ...facts.keys, keys: others } };
  const opened = await openStatement(before.keys, statement, "add");
  if (opened.statement.keyId !== key.keyId) {
    throw new RbsmError("request_invalid", "The statement is about another key");
  }
  if (facts.statements.includes(opened.signed.digest)) return null;
  return changeTo(before, opened.keys, { statement: opened.signed, fromIndex: 0, now });
}

/** What the first key came with holds; only the recovery key itself can name its successor. */
function recoveryOf(
  { keys: { keys, recovery } }: KeyFacts,
  { key, recoveryHash }: Pick<Enrollment, "key" | "recoveryHash">,
): string | null {
  if (recoveryHash === undefined) return recovery;
  if (recoveryHash === key.keyId) {
    throw new RbsmError("request_invalid", "A key cannot be its own recovery key");
  }
  if (recoveryHash === recovery) return recovery;
  if (keys.length === 0) return recoveryHash;
  throw new RbsmError(
    "conflict_state",
    "The recovery key was fixed with the publisher's first key",
    {
      fix: "Enrol without naming one; `rising-bsm keys recover` replaces it",
    },
  );
}
