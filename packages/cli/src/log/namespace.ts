import {
  type LogEntry,
  pluginNameSchema,
  publisherNameSchema,
  RbsmError,
  scopeSchema,
} from "@rising-bsm/protocol";
import { ownerOf, type Ownership } from "./ownership.ts";

/** A part of the log to watch. */
export interface Namespace {
  readonly kind: "publisher" | "plugin" | "scope";
  readonly name: string;
}

const SCHEMAS = { publisher: publisherNameSchema, plugin: pluginNameSchema, scope: scopeSchema };

/** The one that the options name. Throws `usage` for none, several, or a name that is none. */
export function namespaceOf(options: {
  readonly publisher?: string;
  readonly plugin?: string;
  readonly scope?: string;
}): Namespace {
  const { publisher, plugin, scope } = options;
  const named = Object.entries({ publisher, plugin, scope }).flatMap(([kind, name]) =>
    name === undefined ? [] : [{ kind, name }],
  );
  const [only, ...others] = named;
  if (only === undefined || others.length > 0) {
    throw new RbsmError("usage", "name one of --publisher, --plugin and --scope");
  }
  const kind = only.kind === "publisher" || only.kind === "plugin" ? only.kind : "scope";
  if (SCHEMAS[kind].safeParse(only.name).success) return { kind, name: only.name };
  throw new RbsmError("usage", `"${only.name}" is no name of a ${kind}`);
}

/** Whether the entry is about it, as scopes and keys are owned now. */
export function isAbout({ kind, name }: Namespace, entry: LogEntry, known: Ownership): boolean {
  if ("plugin" in entry) {
    if (kind === "plugin") return entry.plugin === name;
    if (kind === "scope") return entry.plugin.startsWith(`${name}/`);
    return ownerOf(known, entry.plugin) === name;
  }
  if (entry.type === "owner") {
    if (kind === "publisher") return entry.from === name || entry.to === name;
    return entry.scope === scopeOf({ kind, name });
  }
  if ("publisher" in entry) return entry.publisher === publisherOf({ kind, name }, known);
  return false;
}

function scopeOf({ name }: Namespace): string {
  return name.split("/")[0] ?? name;
}

/** Keys speak for the plugins of all of their publisher's scopes. */
function publisherOf(namespace: Namespace, { owners }: Ownership): string | undefined {
  return namespace.kind === "publisher" ? namespace.name : owners.get(scopeOf(namespace));
}
