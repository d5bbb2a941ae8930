import { setImmediate } from "node:timers/promises";
import { RbsmError, STORAGE_LIMITS, utf8, type Json } from "@rising-bsm/protocol";
import { z } from "zod";
import { nextTurn } from "../runtime/event-loop-turns.ts";
import { type Change, type HostStore, type Row, tryCommit } from "../store/host-store.ts";
import { isTrialWrite, readUndo, undoChange, undoKindOf } from "./undo-log.ts";

/*
 * plugin-storage:<plugin> / <key>   {value, bytes, expiresAt?}   one row a value
 * plugin-storage / <plugin>         {bytes, keys}                what all of them use
 * Both change in one commit, so the usage is exact; values that expired count until somebody needs
 * their room. `bytes` is the UTF-8 size of the value's JSON.
 */
const USAGE_KIND = "plugin-storage";

const usageSchema = z.object({ bytes: z.int(), keys: z.int() });
const entrySchema = z.object({
  value: z.custom<Json>((value) => value !== undefined),
  bytes: z.int(),
  expiresAt: z.int().optional(),
});

type Usage = z.output<typeof usageSchema>;

interface Entry extends z.output<typeof entrySchema> {
  readonly version: number;
}

/** One plugin's key-value storage and the clock that values expire by. */
export interface Shelf {
  readonly store: HostStore;
  readonly plugin: string;
  readonly now: number;
  /** The plugin's version is on trial: what it writes can be taken back. */
  readonly onTrial?: boolean;
  /** What all values together may have; left out: the default of STORAGE_LIMITS. */
  readonly maxBytes?: number;
}

export interface SetOptions {
  readonly ttlSeconds?: number | null | undefined;
  /** The version the key must have; 0: the key must not exist. */
  readonly ifVersion?: number | null | undefined;
}

/** The value of a key, or null. */
export async function getValue(shelf: Shelf, key: string): Promise<Json> {
  return (await liveEntry(shelf, key))?.value ?? null;
}

/**
 * Stores a value and answers its version. Throws `conflict_row_version` when `ifVersion` does not
 * hold and `limit_storage` when the value does not fit.
 */
export async function setValue(
  shelf: Shelf,
  item: { key: string; value: Json },
  options: SetOptions,
): Promise<{ version: number }> {
  const bytes = utf8(JSON.stringify(item.value)).length;
  if (bytes > STORAGE_LIMITS.valueBytes) {
    throw limitReached(
      `A value may have ${STORAGE_LIMITS.valueBytes} bytes, this one has ${bytes}`,
    );
  }
  const expiry =
    typeof options.ttlSeconds === "number"
      ? { expiresAt: shelf.now + options.ttlSeconds * 1_000 }
      : {};
  const entry = { value: item.value, bytes, ...expiry };
  return inLine(shelf, async () => {
    const stored = await readEntry(shelf, item.key);
    checkVersion(shelf, stored, options.ifVersion);
    const version = await replaceEntry(shelf, item.key, { stored, entry });
    return version === null ? null : { version };
  });
}

/** Removes a key; false when there was none. */
export async function deleteValue(shelf: Shelf, key: string): Promise<boolean> {
  return inLine(shelf, async () => {
    const stored = await readEntry(shelf, key);
    if (stored === null) return false;
    const version = await replaceEntry(shelf, key, { stored, entry: null });
    return version === null ? null : isLive(shelf, stored);
  });
}

/** Keys in order, and the cursor that continues when there are more. */
export async function listKeys(
  shelf: Shelf,
  range: { prefix: string; limit: number; cursor?: string | null | undefined },
): Promise<{ keys: string[]; cursor?: string }> {
  const after = typeof range.cursor === "string" ? { after: range.cursor } : {};
  const keys: string[] = [];
  for await (const row of rowsOf(shelf.store, kindOf(shelf.plugin), { ...range, ...after })) {
    if (isLive(shelf, toEntry(row))) keys.push(row.key);
    if (keys.length > range.limit) break;
  }
  const page = keys.slice(0, range.limit);
  const last = page.at(-1);
  return keys.length > page.length && last !== undefined
    ? { keys: page, cursor: last }
    : { keys: page };
}

/** Forgets everything a plugin stored, as an uninstallation that keeps no data does. */
export async function deletePluginStorage(store: HostStore, plugin: string): Promise<void> {
  const rows: Change[] = [];
  for (const kind of [kindOf(plugin), undoKindOf(plugin)])
    for await (const { key } of rowsOf(store, kind)) rows.push({ kind, key, value: null });
  await store.commit([...rows, { kind: USAGE_KIND, key: plugin, value: null }]);
}

const ROWS_AT_ONCE = 4;

/** A plugin's storage is too large to be read in one turn of the host's event loop. */
async function* rowsOf(
  store: HostStore,
  kind: string,
  { prefix = "", after }: { prefix?: string; after?: string } = {},
): AsyncGenerator<Row> {
  for (let last = after; ;) {
    const from = last === undefined ? {} : { after: last };
    const rows = await store.list(kind, { prefix, ...from, limit: ROWS_AT_ONCE });
    yield* rows;
    if (rows.length < ROWS_AT_ONCE) return;
    last = rows.at(-1)?.key;
    await setImmediate();
  }
}

/** Bytes and keys that a plugin uses now. */
export async function storageUsage(store: HostStore, plugin: string): Promise<Usage> {
  return (await readUsage(store, plugin)).usage;
}

function kindOf(plugin: string): string {
  return `${USAGE_KIND}:${plugin}`;
}

async function readEntry({ store, plugin }: Shelf, key: string): Promise<Entry | null> {
  const row = await store.get(kindOf(plugin), key);
  return row === null ? null : toEntry(row);
}

function toEntry(row: Row): Entry {
  return { ...entrySchema.parse(row.value), version: row.version };
}

async function liveEntry(shelf: Shelf, key: string): Promise<Entry | null> {
  const entry = await readEntry(shelf, key);
  return isLive(shelf, entry) ? entry : null;
}

function isLive(shelf: Shelf, entry: Entry | null): boolean {
  return entry !== null && (entry.expiresAt === undefined || entry.expiresAt > shelf.now);
}

async function readUsage(
  store: HostStore,
  plugin: string,
): Promise<{ usage: Usage; version: number | null }> {
  const row = await store.get(USAGE_KIND, plugin);
  if (row === null) return { usage: { bytes: 0, keys: 0 }, version: null };
  return { usage: usageSchema.parse(row.value), version: row.version };
}

function checkVersion(
  shelf: Shelf,
  stored: Entry | null,
  ifVersion: number | null | undefined,
): void {
  if (typeof ifVersion !== "number") return;
  const version = isLive(shelf, stored) ? (stored?.version ?? 0) : 0;
  if (version === ifVersion) return;
  throw new RbsmError(
    "conflict_row_version",
    `The value has version ${version}, not ${ifVersion}: someone else changed it`,
    { fix: "Read the value again, apply the change to what it is now, and set it once more." },
  );
}

/** Value and usage in one commit. Answers the version, null when either changed meanwhile. */
async function replaceEntry(
  shelf: Shelf,
  key: string,
  change: { stored: Entry | null; entry: z.output<typeof entrySchema> | null },
): Promise<number | null> {
  const { store, plugin } = shelf;
  const { stored, entry } = change;
  const { usage, version } = await readUsage(store, plugin);
  const next = usageAfter(usage, stored, entry);
  const { maxBytes = STORAGE_LIMITS.totalBytes } = shelf;
  if (entry !== null && (next.bytes > maxBytes || next.keys > STORAGE_LIMITS.keys)) {
    if (await sweepExpired(shelf, key)) return null;
    throw limitReached(describeLimit(next, maxBytes));
  }
  return tryCommit(store, [
    { kind: kindOf(plugin), key, value: toRowValue(entry), ifVersion: stored?.version ?? null },
    { kind: USAGE_KIND, key: plugin, value: next, ifVersion: version },
    ...(shelf.onTrial === true ? [await undoOf(shelf, key, change)] : []),
  ]);
}

type Size = { readonly bytes: number } | null;

/** What all keys use when `after` has taken the place of `before`. */
function usageAfter(usage: Usage, before: Size, after: Size): Usage {
  return {
    bytes: usage.bytes - (before?.bytes ?? 0) + (after?.bytes ?? 0),
    keys: usage.keys - Number(before !== null) + Number(after !== null),
  };
}

function undoOf(
  { store, plugin }: Shelf,
  key: string,
  { stored, entry }: { stored: Entry | null; entry: object | null },
): Promise<Change> {
  const before = stored === null ? null : { value: toRowValue(stored), version: stored.version };
  return undoChange(store, plugin, { key, stored: before, gone: entry === null });
}

/**
 * Takes back what a version on trial has written and nobody has written since. Safe to repeat: each
 * key goes in one commit with its entry.
 */
export async function undoTrialWrites(store: HostStore, plugin: string): Promise<void> {
  for (const { key } of await store.list(undoKindOf(plugin)))
    await untilStored(() => undoTrialWrite(store, plugin, key));
}

async function undoTrialWrite(
  store: HostStore,
  plugin: string,
  key: string,
): Promise<number | null> {
  const undo = await readUndo(store, plugin, key);
  if (undo === null) return 0;
  const done = { kind: undoKindOf(plugin), key, value: null, ifVersion: undo.version };
  const stored = await readEntry({ store, plugin, now: 0 }, key);
  if (!isTrialWrite(undo, stored?.version)) return tryCommit(store, [done]);
  const before = undo.before === null ? null : entrySchema.parse(undo.before);
  const { usage, version } = await readUsage(store, plugin);
  const next = usageAfter(usage, stored, before);
  return tryCommit(store, [
    { kind: kindOf(plugin), key, value: toRowValue(before), ifVersion: stored?.version ?? null },
    { kind: USAGE_KIND, key: plugin, value: next, ifVersion: version },
    done,
  ]);
}

function toRowValue(entry: z.output<typeof entrySchema> | null): Json {
  if (entry === null) return null;
  const { value, bytes, expiresAt } = entry;
  return expiresAt === undefined ? { value, bytes } : { value, bytes, expiresAt };
}

function describeLimit(usage: Usage, maxBytes: number): string {
  return usage.keys > STORAGE_LIMITS.keys
    ? `A plugin may keep ${STORAGE_LIMITS.keys} keys`
    : `The plugin may keep ${maxBytes} bytes, this would make it ${usage.bytes}`;
}

function limitReached(message: string): RbsmError {
  return new RbsmError("limit_storage", message, {
    fix: "Delete keys that are no longer needed, or set them with ttlSeconds.",
  });
}

/** Deletes what expired, all but the key that is being written; false when nothing did. */
async function sweepExpired(shelf: Shelf, except: string): Promise<boolean> {
  const { store, plugin } = shelf;
  const kind = kindOf(plugin);
  const { usage, version } = await readUsage(store, plugin);
  const expired: { key: string; bytes: number; version: number }[] = [];
  for await (const row of rowsOf(store, kind)) {
    const { bytes, version, expiresAt } = toEntry(row);
    const isOver = expiresAt !== undefined && expiresAt <= shelf.now;
    if (isOver && row.key !== except) expired.push({ key: row.key, bytes, version });
  }
  if (expired.length === 0) return false;
  const bytes = expired.reduce((sum, entry) => sum + entry.bytes, 0);
  const left = { bytes: usage.bytes - bytes, keys: usage.keys - expired.length };
  await tryCommit(store, [
    ...expired.map((entry) => ({ kind, key: entry.key, value: null, ifVersion: entry.version })),
    { kind: USAGE_KIND, key: plugin, value: left, ifVersion: version },
  ]);
  return true;
}

const lines = new WeakMap<HostStore, Map<string, Promise<unknown>>>();

/**
 * Writes of one plugin follow one another, each in a turn of its own: all of them change its usage,
 * so of many at once every one but the first would fail and try again, over and over.
 */
async function inLine<T>({ store, plugin }: Shelf, write: () => Promise<T | null>): Promise<T> {
  const line = lines.get(store) ?? new Map<string, Promise<unknown>>();
  lines.set(store, line);
  const before = line.get(plugin);
  const done = before === undefined ? untilStored(write) : afterwards(before, write);
  const settled = done.catch(() => undefined);
  line.set(plugin, settled);
  try {
    return await done;
  } finally {
    if (line.get(plugin) === settled) line.delete(plugin);
  }
}

async function afterwards<T>(before: Promise<unknown>, write: () => Promise<T | null>): Promise<T> {
  await before;
  await nextTurn();
  return untilStored(write);
}

/** Repeats a write that answers null. It ends: each time, the write in its way was stored. */
async function untilStored<T>(write: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const result = await write();
    if (result !== null) return result;
  }
}
