import { RbsmError, type Json } from "@rising-bsm/protocol";

/** A row as it is stored. */
export interface Row {
  readonly key: string;
  readonly value: Json;
  /** Changes with every write of the row and never comes back, not even after a delete. */
  readonly version: number;
}

/** One write of a commit: a value replaces the row, `null` deletes it. */
export interface Change {
  readonly kind: string;
  readonly key: string;
  readonly value: Json;
  /** Version the row must have; `null`: it must not exist; left out: any. */
  readonly ifVersion?: number | null;
}

/** Part of a kind: keys that start with `prefix`, come after `after`, at most `limit` of them. */
export interface Range {
  readonly prefix?: string;
  readonly after?: string;
  readonly limit?: number;
}

/**
 * Where a host keeps its state: a keyed table of JSON documents with atomic, conditional writes.
 * The installer, the licenses and every plugin's storage write here; large files do not belong here.
 *
 * What every implementation promises (`hostStoreContract` checks it):
 * - `get` and `list` see every commit that was answered before, also one of another process;
 * - `list` is ordered by the UTF-8 bytes of the key;
 * - `commit` stores all changes or none. When an `ifVersion` does not hold it stores nothing and
 *   throws `conflict_row_version`. Conditions are checked against the state before the commit.
 *   It answers the version that every row it wrote has now;
 * - an answered commit survives a crash of the process and of the machine;
 * - a full disk throws `disk_full`, a database locked by another process `conflict_locked`;
 * - kinds and keys are 1 to 1,024 characters without NUL or lone surrogates, and no two changes of a
 *   commit name the same row (`request_invalid`). A value of `null` cannot be stored.
 */
export interface HostStore {
  get(kind: string, key: string): Promise<Row | null>;
  list(kind: string, range?: Range): Promise<Row[]>;
  commit(changes: readonly Change[]): Promise<number>;
  close(): Promise<void>;
}

const NAME_LENGTH = 1_024;

/** Throws `request_invalid` for a commit that breaks the rules of names. */
export function checkChanges(changes: readonly Change[]): void {
  const seen = new Set<string>();
  for (const { kind, key } of changes) {
    checkName(kind);
    checkName(key);
    const row = `${kind}\0${key}`;
    if (seen.has(row)) {
      throw new RbsmError("request_invalid", `The commit names the row ${kind}/${key} twice`);
    }
    seen.add(row);
  }
}

function checkName(name: string): void {
  if (name === "" || name.length > NAME_LENGTH || name.includes("\0") || !name.isWellFormed()) {
    throw new RbsmError(
      "request_invalid",
      `A kind or key must be 1 to ${NAME_LENGTH} characters without NUL or lone surrogates`,
    );
  }
}

/** Whether a row that is stored (or not) may be changed on this condition. */
export function conditionHolds(stored: number | undefined, change: Change): boolean {
  if (change.ifVersion === undefined) return true;
  return change.ifVersion === null ? stored === undefined : stored === change.ifVersion;
}

/** The commit's version, or null when a condition did not hold: another write got in its way. */
export async function tryCommit(
  store: HostStore,
  changes: readonly Change[],
): Promise<number | null> {
  try {
    return await store.commit(changes);
  } catch (error) {
    if (error instanceof RbsmError && error.code === "conflict_row_version") return null;
    throw error;
  }
}

/** The refusal of a commit whose condition does not hold. */
export function rowVersionConflict(change: Change): RbsmError {
  return new RbsmError(
    "conflict_row_version",
    `The row ${change.kind}/${change.key} was changed by someone else`,
  );
}
