import { join } from "node:path";
import { sha256Hex, utf8 } from "@rising-bsm/protocol";
import { jsonField } from "../json-field.ts";
import { damaged, readStateFile } from "../state-file.ts";
import { writeFileAtomic } from "../write-file.ts";
import type { Namespace } from "./namespace.ts";
import { nobodyOwns, type Ownership } from "./ownership.ts";

/** How far a namespace was watched, and who owned what there. */
export interface WatchPlace {
  readonly size: number;
  readonly ownership: Ownership;
}

/** Where the last watch of the namespace ended; the beginning before the first one. */
export async function readWatchPlace(stateDir: string, namespace: Namespace): Promise<WatchPlace> {
  const file = await fileOf(stateDir, namespace);
  const stored = await readStateFile(file);
  const ownership = nobodyOwns();
  if (stored === undefined) return { size: 0, ownership };
  const [size, owners] = [jsonField(stored, "size"), jsonField(stored, "owners")];
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || !isObject(owners))
    throw damaged(file);
  for (const [scope, publisher] of Object.entries(owners))
    ownership.owners.set(scope, String(publisher));
  return { size, ownership };
}

/** Remembers it. */
export async function writeWatchPlace(
  stateDir: string,
  namespace: Namespace,
  { size, ownership }: WatchPlace,
): Promise<void> {
  const file = await fileOf(stateDir, namespace);
  const owners = Object.fromEntries(ownership.owners);
  await writeFileAtomic(file, `${JSON.stringify({ ...namespace, size, owners })}\n`);
}

async function fileOf(stateDir: string, { kind, name }: Namespace): Promise<string> {
  return join(stateDir, `watch-${(await sha256Hex(utf8(`${kind} ${name}`))).slice(0, 16)}.json`);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
