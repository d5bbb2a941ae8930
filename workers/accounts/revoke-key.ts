import { RbsmError, statementDigest } from "@rising-bsm/protocol";
import type { Envelope } from "@rising-bsm/protocol";
import { assertReached, changeTo, openStatement } from "./key-change.ts";
import type { KeyChange, KeyFacts } from "./key-change.ts";

export interface Revocation {
  readonly keyId: string;
  /** By a key of the publisher, perhaps the one that is revoked; without it the administrator asks. */
  readonly statement: Envelope | undefined;
  readonly fromIndex: number | undefined;
  readonly isAdmin: boolean;
}

/** Ends what a key signs for, from a place in the log on; null when that is so already. */
export async function revokeKey(
  facts: KeyFacts,
  revocation: Revocation,
  now: number,
): Promise<KeyChange | null> {
  const { keyId, statement, isAdmin } = revocation;
  if (statement !== undefined) return revokeByStatement(facts, { keyId, statement }, now);
  if (!isAdmin) {
    throw new RbsmError("request_invalid", "A revocation needs a statement by one of your keys", {
      fix: "Run: rising-bsm keys revoke",
    });
  }
  const { fromIndex = facts.nextIndex } = revocation;
  assertReached(facts, fromIndex);
  const keys = facts.keys.keys.map((key) =>
    key.keyId === keyId
      ? { ...key, revokedFrom: Math.min(key.revokedFrom ?? Infinity, fromIndex) }
      : key,
  );
  const change = changeTo(facts, { ...facts.keys, keys }, { statement: null, fromIndex, now });
  return change.revoked.length === 0 ? null : change;
}

async function revokeByStatement(
  facts: KeyFacts,
  { keyId, statement }: { keyId: string; statement: Envelope },
  now: number,
): Promise<KeyChange | null> {
  if (facts.statements.includes(await statementDigest(statement))) return null;
  const opened = await openStatement(facts.keys, statement, "revoke");
  const { revokes, fromIndex } = opened.statement;
  assertReached(facts, fromIndex);
  if (!revokes.includes(keyId)) {
    throw new RbsmError("request_invalid", "The statement is about another key");
  }
  const change = changeTo(facts, opened.keys, { statement: opened.signed, fromIndex, now });
  return change.revoked.length === 0 ? null : change;
}
