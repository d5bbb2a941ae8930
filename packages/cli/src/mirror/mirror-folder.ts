import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import { jsonField } from "../json-field.ts";
import { systemCode } from "../read-file.ts";
import { damaged, readStateFile } from "../state-file.ts";
import { unwritable, writeFileAtomic } from "../write-file.ts";
import { POINTERS } from "./copying-send.ts";

/** Folders below a mirror that hold its files; nothing else in it is touched. */
const FOLDERS = ["b", "index", "log", "tuf"];

/** Names of the plugins that the mirror is for, so that the next run brings all of them up to date. */
const REQUESTS = "mirror.json";

const STAGING = /^\.new-(\d+)$/;

/** Makes the folder if it is missing. Throws `usage` for one that is no mirror and not empty. */
export async function openMirrorFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    const names = await readdir(folder);
    await Promise.all(names.map((name) => removeLeftover(folder, name)));
    const isMirror = names.includes(REQUESTS) || names.every((name) => STAGING.test(name));
    if (isMirror) return;
  } catch (error) {
    throw unwritable(folder, error);
  }
  throw new RbsmError("usage", `${folder} holds other things than a mirror`, {
    fix: "name an empty folder, or one that this command has written",
  });
}

/** What a run that was killed has left. */
async function removeLeftover(folder: string, name: string): Promise<void> {
  const pid = Number(STAGING.exec(name)?.[1] ?? process.pid);
  if (pid === process.pid || isAlive(pid)) return;
  await rm(join(folder, name), { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

/** Does `work` with an empty folder on the mirror's own file system, and removes it. */
export async function withStaging<T>(
  folder: string,
  work: (staging: string) => Promise<T>,
): Promise<T> {
  const staging = join(folder, `.new-${process.pid}`);
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging);
  try {
    return await work(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Version of the timestamp that the mirror has; 0 without one. */
export async function timestampVersion(folder: string): Promise<number> {
  const timestamp = await readStateFile(join(folder, "tuf", "timestamp.json"));
  const version = jsonField(jsonField(timestamp, "signed"), "version");
  return typeof version === "number" ? version : 0;
}

/** What the mirror was asked for, by name of the plugin; null is whatever version is installed. */
export async function readRequests(folder: string): Promise<Map<string, string | null>> {
  const file = join(folder, REQUESTS);
  const plugins = jsonField(await readStateFile(file), "plugins");
  if (plugins === undefined) return new Map();
  if (typeof plugins !== "object" || plugins === null) throw damaged(file);
  const read = ([name, version]: [string, unknown]): [string, string | null] => [
    name,
    typeof version === "string" ? version : null,
  ];
  return new Map(Object.entries(plugins).map(read));
}

/** Remembers it. */
export async function writeRequests(
  folder: string,
  requests: ReadonlyMap<string, string | null>,
): Promise<void> {
  const plugins = Object.fromEntries(requests);
  await writeFileAtomic(join(folder, REQUESTS), `${JSON.stringify({ plugins }, null, 2)}\n`);
}

/**
 * Moves files from the staging folder to their places. What readers begin with comes last: until then
 * they find the old mirror whole.
 */
export async function placeFiles(
  folder: string,
  staging: string,
  paths: readonly string[],
): Promise<void> {
  const isPointer = (path: string) => POINTERS.includes(path);
  const ordered = [...paths.filter((path) => !isPointer(path)), ...paths.filter(isPointer)];
  try {
    for (const path of ordered) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await rename(join(staging, path), join(folder, path));
    }
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** Removes the mirror's files outside `keep`; how many. */
export async function removeOthers(
  folder: string,
  keep: ReadonlyMap<string, unknown>,
): Promise<number> {
  const all = await Promise.all(FOLDERS.map((name) => filesBelow(folder, name)));
  const others = all.flat().filter((path) => !keep.has(path));
  for (const path of others) await rm(join(folder, path), { force: true });
  return others.length;
}

async function filesBelow(folder: string, name: string): Promise<string[]> {
  const entries = await readdir(join(folder, name), { withFileTypes: true, recursive: true }).catch(
    (error: unknown) => {
      if (systemCode(error) === "ENOENT") return [];
      throw unwritable(folder, error);
    },
  );
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replaceAll("\\", "/"));
}

/** Bytes of the mirror's files at these paths. */
export async function sizeOf(folder: string, paths: Iterable<string>): Promise<number> {
  let size = 0;
  for (const path of paths) size += (await stat(join(folder, path))).size;
  return size;
}
