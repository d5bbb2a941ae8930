import { RbsmError, statementDigest } from "@rising-bsm/protocol";
import type { Envelope } from "@rising-bsm/protocol";
import { assertReached, changeTo, openStatement } from "./key-change.ts";
import type { KeyChange, KeyFacts } from "./key-change.ts";

export interface Recovery {
  /** The new key, whose holder has proved to have it. */
  readonly key: { readonly keyId: string; readonly publicKey: string };
  /** By the recovery key that the publisher committed to. */
  readonly statement: Envelope;
}

/** Puts one new key in the place of all others; null when that was done already. */
export async function recoverKeys(
  facts: KeyFacts,
  { key, statement }: Recovery,
  now: number,
): Promise<KeyChange | null> {
  if (facts.statements.includes(await statementDigest(statement))) return null;
  const opened = await openStatement(facts.keys, statement, "recover");
  if (opened.statement.keyId !== key.keyId) {
    throw new RbsmError("request_invalid", "The statement is about another key");
  }
  assertReached(facts, opened.statement.fromIndex);
  const { fromIndex } = opened.statement;
  return changeTo(facts, opened.keys, { statement: opened.signed, fromIndex, now });
}
