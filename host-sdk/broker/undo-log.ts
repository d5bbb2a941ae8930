import type { Json } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Change, HostStore } from "../store/host-store.ts";

/*
 * plugin-storage-undo:<plugin> / <key>   {before, gone}
 * What a key held before a version on trial first wrote it (null: nothing), and whether that
 * version's last write removed it. The row is written in the commit of the value, so both have the
 * same version for as long as nobody else writes the key.
 */
const undoSchema = z.object({ before: z.json(), gone: z.boolean() });

interface Undo extends z.output<typeof undoSchema> {
  readonly version: number;
}

/** Kind of the rows of one plugin. */
export function undoKindOf(plugin: string): string {
  return `plugin-storage-undo:${plugin}`;
}

/** The entry of a key; null when no version on trial has written it. */
export async function readUndo(
  store: HostStore,
  plugin: string,
  key: string,
): Promise<Undo | null> {
  const row = await store.get(undoKindOf(plugin), key);
  return row === null ? null : { ...undoSchema.parse(row.value), version: row.version };
}

/** Whether what is stored now, of this version, was written by the version on trial. */
export function isTrialWrite({ gone, version }: Undo, stored: number | undefined): boolean {
  return stored === undefined ? gone : stored === version;
}

/** One write of a version on trial: what is there, and whether it removes the key. */
export interface TrialWrite {
  readonly key: string;
  readonly stored: { readonly value: Json; readonly version: number } | null;
  readonly gone: boolean;
}

/** The change that belongs into the commit of such a write. */
export async function undoChange(
  store: HostStore,
  plugin: string,
  { key, stored, gone }: TrialWrite,
): Promise<Change> {
  const undo = await readUndo(store, plugin, key);
  const own = undo !== null && isTrialWrite(undo, stored?.version);
  const before = own ? undo.before : (stored?.value ?? null);
  return {
    kind: undoKindOf(plugin),
    key,
    value: { before, gone },
    ifVersion: undo?.version ?? null,
  };
}

/** Forgets the entries of a version that stays. */
export async function forgetUndo(store: HostStore, plugin: string): Promise<void> {
  const kind = undoKindOf(plugin);
  const rows = await store.list(kind);
  if (rows.length === 0) return;
  await store.commit(rows.map(({ key }) => ({ kind, key, value: null })));
}
