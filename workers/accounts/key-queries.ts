import type { PublisherKeysAnswer } from "@rising-bsm/protocol";
import { and, asc, eq, inArray, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import { isRefusedBy } from "../database.ts";
import type { Database } from "../database.ts";
import { queueLogEntry } from "../log/queries.ts";
import {
  heads,
  keyStatements,
  logQueue,
  plugins,
  publisherKeys,
  publishers,
  scopes,
} from "../schema.ts";
import type { AuditEntry, PublisherKey } from "../schema.ts";
import type { KeyChange, KeyFacts } from "./key-change.ts";

/** Everything about a publisher's keys, as of one moment. */
export async function loadKeys(db: Database, publisher: string) {
  const [owners, keys, statements, [head], [queue]] = await db.batch([
    db
      .select({ recovery: publishers.recoveryHash, revision: publishers.keysRevision })
      .from(publishers)
      .where(eq(publishers.name, publisher)),
    db
      .select()
      .from(publisherKeys)
      .where(eq(publisherKeys.publisher, publisher))
      .orderBy(asc(publisherKeys.createdAt), asc(publisherKeys.keyId)),
    db
      .select({ digest: keyStatements.digest, envelope: keyStatements.envelope })
      .from(keyStatements)
      .where(eq(keyStatements.publisher, publisher))
      .orderBy(asc(keyStatements.place)),
    db.select({ logSize: heads.logSize }).from(heads),
    db.select({ length: sql<number>`count(*)`.as("length") }).from(logQueue),
  ]);
  const nextIndex = (head?.logSize ?? 0) + (queue?.length ?? 0);
  return { owner: owners[0], keys, statements, nextIndex };
}

export type LoadedKeys = Awaited<ReturnType<typeof loadKeys>>;

/** The publisher whose key it is or was. */
export async function findKeyHolder(db: Database, keyId: string): Promise<string | null> {
  const row = await db
    .select({ publisher: publisherKeys.publisher })
    .from(publisherKeys)
    .where(eq(publisherKeys.keyId, keyId))
    .get();
  return row?.publisher ?? null;
}

/** Since when a key does not count; one that was revoked without a place never did. */
export function revokedFrom({ revokedAt, revokedFrom: from }: PublisherKey): number | undefined {
  return revokedAt === null ? undefined : (from ?? 0);
}

export function describeKeys(publisher: string, loaded: LoadedKeys): PublisherKeysAnswer {
  return {
    publisher,
    keys: loaded.keys.map((key) => ({
      keyId: key.keyId,
      publicKey: key.publicKey,
      enrolledAt: new Date(key.createdAt).toISOString(),
      ...(key.revokedAt === null ? {} : { revokedFrom: revokedFrom(key) }),
    })),
    recovery: loaded.owner?.recovery ?? null,
    statements: loaded.statements.map(({ envelope }) => envelope),
    nextIndex: loaded.nextIndex,
  };
}

/**
 * Stores a change whole, if the keys are still those that it was decided from. It changes the public
 * document of every plugin of the publisher. Says whether it is stored.
 */
export async function storeKeyChange(
  db: Database,
  { publisher, facts, change }: { publisher: string; facts: KeyFacts; change: KeyChange },
  entry: AuditEntry,
): Promise<boolean> {
  const { revision, nextIndex } = facts;
  const ids = change.added.map(({ keyId }) => keyId);
  const isCurrent = sql`EXISTS (SELECT 1 FROM publishers
      WHERE name = ${publisher} AND keys_revision = ${revision})
    AND NOT EXISTS (SELECT 1 FROM publisher_keys
      WHERE key_id IN (SELECT value FROM json_each(${JSON.stringify(ids)})) AND publisher <> ${publisher})`;
  const owned = db
    .select({ scope: scopes.scope })
    .from(scopes)
    .where(eq(scopes.publisher, publisher));
  const statements = [
    auditIf(db, entry, isCurrent),
    ...change.entries.map((logged) => queueLogEntry(db, logged, isCurrent)),
    ...(change.statement === null
      ? []
      : [insertStatement(db, { publisher, statement: change.statement, onlyIf: isCurrent })]),
    ...change.added.map((key) =>
      db
        .insert(publisherKeys)
        .select(
          sql`SELECT ${key.keyId}, ${publisher}, ${key.publicKey}, NULL, ${entry.at}, NULL, NULL
            WHERE ${isCurrent}`,
        )
        .onConflictDoNothing(),
    ),
    markRevoked(db, { change, at: entry.at, onlyIf: isCurrent }),
    db
      .update(plugins)
      .set({ revision: sql`${plugins.revision} + 1` })
      .where(and(inArray(plugins.scope, owned), isCurrent)),
    db
      .update(publishers)
      .set({ keysRevision: revision + 1, recoveryHash: change.recovery })
      .where(and(eq(publishers.name, publisher), isCurrent)),
  ] as const;
  try {
    const results = await db.batch(
      isFromNow(facts, change) ? [assertReaches(db, nextIndex), ...statements] : statements,
    );
    return (results.at(-1)?.meta.changes ?? 0) > 0;
  } catch (error) {
    if (isRefusedBy("heads_moved", error)) return false;
    throw error;
  }
}

function markRevoked(
  db: Database,
  { change, at, onlyIf }: { change: KeyChange; at: number; onlyIf: SQL },
) {
  const { revoked, fromIndex } = change;
  return db
    .update(publisherKeys)
    .set({
      revokedAt: sql`coalesce(${publisherKeys.revokedAt}, ${at})`,
      revokedFrom: sql`min(coalesce(${publisherKeys.revokedFrom}, ${fromIndex}), ${fromIndex})`,
    })
    .where(
      and(
        sql`${publisherKeys.keyId} IN (SELECT value FROM json_each(${JSON.stringify(revoked)}))`,
        onlyIf,
      ),
    );
}

/** Has the batch fail when the next entry gets another place: a trigger lets heads move by one alone. */
function assertReaches(db: Database, nextIndex: number) {
  const reached = sql`${heads.logSize} + (SELECT count(*) FROM log_queue)`;
  return db.update(heads).set({ revision: sql`${heads.revision} + (${reached} = ${nextIndex})` });
}

/** A revocation that nobody signed a place for: what has been let in until it is stored still counts. */
function isFromNow({ nextIndex }: KeyFacts, { statement, revoked, fromIndex }: KeyChange): boolean {
  return statement === null && revoked.length > 0 && fromIndex === nextIndex;
}

interface TakenStatement {
  readonly publisher: string;
  readonly statement: NonNullable<KeyChange["statement"]>;
  readonly onlyIf: SQL;
}

function insertStatement(db: Database, { publisher, statement, onlyIf }: TakenStatement) {
  const { digest, envelope } = statement;
  const place = sql`(SELECT count(*) FROM key_statements WHERE publisher = ${publisher})`;
  return db
    .insert(keyStatements)
    .select(
      sql`SELECT ${publisher}, ${place}, ${digest}, ${JSON.stringify(envelope)} WHERE ${onlyIf}`,
    );
}
