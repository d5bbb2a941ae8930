import { type LogEntry, splitPluginName } from "@rising-bsm/protocol";

/** Whom scopes and keys belong to, as far as the log was read; grows with publishers, not with releases. */
export interface Ownership {
  /** Publisher by scope, `@acme`. */
  readonly owners: Map<string, string>;
  readonly keys: Map<string, LoggedKey>;
}

/** A publisher's key; `revoked` once the log said so. */
export interface LoggedKey {
  readonly publisher: string;
  readonly revoked?: { readonly at: number; readonly fromIndex: number };
}

/** Before the first entry. */
export function nobodyOwns(): Ownership {
  return { owners: new Map(), keys: new Map() };
}

/** Takes over what the entry at `index` changes. */
export function followOwnership({ owners, keys }: Ownership, entry: LogEntry, index: number): void {
  if (entry.type === "owner") owners.set(entry.scope, entry.to);
  if (entry.type === "key-add") keys.set(entry.keyId, { publisher: entry.publisher });
  if (entry.type === "key-revoke") {
    const before = keys.get(entry.keyId)?.revoked?.fromIndex ?? Infinity;
    const fromIndex = Math.min(before, entry.fromIndex);
    keys.set(entry.keyId, { publisher: entry.publisher, revoked: { at: index, fromIndex } });
  }
}

/** The publisher that a plugin belongs to; undefined when the log does not say. */
export function ownerOf({ owners }: Ownership, plugin: string): string | undefined {
  return owners.get(splitPluginName(plugin).scope);
}
