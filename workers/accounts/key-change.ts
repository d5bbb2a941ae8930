import {
  ACCOUNT_LIMITS,
  RbsmError,
  applyKeyStatement,
  fromBase64,
  statementDigest,
} from "@rising-bsm/protocol";
import type {
  Envelope,
  KeyStatement,
  LogEntry,
  PublisherKeyEntry,
  PublisherKeys,
} from "@rising-bsm/protocol";

/** What a decision on a publisher's keys is made from, as of one moment. */
export interface KeyFacts {
  readonly keys: PublisherKeys;
  /** Digests of the statements that were taken. */
  readonly statements: readonly string[];
  /** The place that the next entry of the log gets. */
  readonly nextIndex: number;
  /** Counts the changes to the keys. */
  readonly revision: number;
}

/** One change to a publisher's keys: what is stored of it, and what the log says. */
export interface KeyChange {
  readonly added: readonly PublisherKeyEntry[];
  readonly revoked: readonly string[];
  /** Releases of the revoked keys from this place in the log on do not count. */
  readonly fromIndex: number;
  readonly recovery: string | null;
  readonly statement: SignedStatement | null;
  readonly entries: readonly LogEntry[];
}

export interface SignedStatement {
  readonly envelope: Envelope;
  readonly digest: string;
}

/** What a statement does to the keys. Throws what `applyKeyStatement` throws, and when it is too long. */
export async function openStatement<Action extends KeyStatement["action"]>(
  known: PublisherKeys,
  envelope: Envelope,
  action: Action,
) {
  if (fromBase64(envelope.payload).length > ACCOUNT_LIMITS.keyStatementBytes) {
    throw new RbsmError("request_invalid", "The key statement is too long");
  }
  const { statement, keys } = await applyKeyStatement(known, envelope);
  if (!isOf(statement, action)) {
    throw new RbsmError("request_invalid", `The key statement has to be one of "${action}"`);
  }
  return { statement, keys, signed: { envelope, digest: await statementDigest(envelope) } };
}

function isOf<Action extends KeyStatement["action"]>(
  statement: KeyStatement,
  action: Action,
): statement is Extract<KeyStatement, { action: Action }> {
  return statement.action === action;
}

/** Nobody revokes from a place on that the log has not reached. */
export function assertReached({ nextIndex }: KeyFacts, fromIndex: number): void {
  if (fromIndex <= nextIndex) return;
  throw new RbsmError("request_invalid", `The log has only reached entry ${nextIndex}`, {
    fix: `Revoke from an entry up to ${nextIndex}`,
  });
}

/** The change that leads to these keys. Throws when the publisher would have too many. */
export function changeTo(
  facts: KeyFacts,
  after: PublisherKeys,
  {
    statement,
    fromIndex,
    now,
  }: { statement: SignedStatement | null; fromIndex: number; now: number },
): KeyChange {
  const before = new Map(facts.keys.keys.map((key) => [key.keyId, key]));
  const added = after.keys.filter(({ keyId }) => !before.has(keyId));
  const revoked = after.keys
    .filter(({ keyId, revokedFrom }) => revokedFrom !== before.get(keyId)?.revokedFrom)
    .map(({ keyId }) => keyId);
  assertRoom(facts, after, {
    adds: added.length > 0,
    recovers: after.recovery !== facts.keys.recovery,
  });
  const common = {
    publisher: after.publisher,
    statement: statement?.digest ?? null,
    at: new Date(now).toISOString(),
  };
  const { recovery } = after;
  return {
    added,
    revoked,
    fromIndex,
    recovery,
    statement,
    entries: [
      ...revoked.map((keyId) => ({ type: "key-revoke" as const, ...common, keyId, fromIndex })),
      ...added.map(({ keyId, publicKey }) => ({
        type: "key-add" as const,
        ...common,
        keyId,
        publicKey,
        recovery,
      })),
    ],
  };
}

/** Whoever holds a stolen key cannot fill the lists so that it can no more be revoked or recovered from. */
function assertRoom(
  { statements, keys: before }: KeyFacts,
  { keys }: PublisherKeys,
  change: { readonly adds: boolean; readonly recovers: boolean },
): void {
  const isFirst = before.keys.length === 0;
  const { activeKeys, keptForRecoveries, keptForRevocations } = ACCOUNT_LIMITS;
  const active = keys.filter(({ revokedFrom }) => revokedFrom === undefined);
  if (active.length > activeKeys && change.adds) {
    throw tooMany(`A publisher has up to ${activeKeys} keys`, "Revoke one that is not used");
  }
  const kept = change.adds ? keptForRevocations : keptForRecoveries;
  const room = ACCOUNT_LIMITS.keys - (change.recovers && !isFirst ? 0 : kept);
  if (Math.max(keys.length, statements.length + 1) > room) {
    throw tooMany("The publisher's keys were changed too often", "Ask the administrator");
  }
}

function tooMany(message: string, fix: string): RbsmError {
  return new RbsmError("conflict_state", message, { fix });
}
