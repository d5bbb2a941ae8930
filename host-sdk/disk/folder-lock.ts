import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { diskError, readFileIfPresent } from "./durable-file.ts";

const holderSchema = z.object({ pid: z.int().positive(), startTime: z.string() });
type Holder = z.output<typeof holderSchema>;

/** A folder that belongs to this process until it lets go of it. */
export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Takes a data directory for this process; `conflict_locked` when a living one holds it. A lock of
 * a process that is gone is taken over: the start time tells a reused process id from its owner.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, "lock");
  const own = JSON.stringify({ pid: process.pid, startTime: await startTimeOf(process.pid) });
  const draft = `${path}.${process.pid}.${crypto.randomUUID()}`;
  await writeDraft(folder, draft, own);
  try {
    // A hard link appears whole or not at all, so nobody reads a half-written lock.
    while (!(await linked(draft, path))) await clearIfStale(path, draft);
  } finally {
    await rm(draft, { force: true });
  }
  let held = true;
  return {
    async release() {
      if (held) await rm(path, { force: true });
      held = false;
    },
  };
}

async function writeDraft(folder: string, draft: string, own: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, own, { mode: 0o600 });
  } catch (error) {
    const known = diskError(error);
    if (known instanceof RbsmError) throw known;
    const why = error instanceof Error ? error.message : String(error);
    throw new RbsmError(
      "usage",
      `The data directory cannot be used: ${why}`,
      { folder, fix: "Give the host a folder that it may write to." },
      error,
    );
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function clearIfStale(path: string, draft: string): Promise<void> {
  const seen = await readFileIfPresent(path);
  if (seen === null) return;
  const holder = parseHolder(seen);
  if (holder !== null && (await startTimeOf(holder.pid)) === holder.startTime)
    throw locked(path, holder);
  // Two processes may clear one stale lock: whoever moves a fresh one away by mistake puts it back.
  const aside = `${draft}.stale`;
  if (!(await movedAway(path, aside))) return;
  const moved = await readFile(aside);
  if (!moved.equals(seen)) await linked(aside, path);
  await rm(aside, { force: true });
}

async function movedAway(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

function parseHolder(bytes: Uint8Array): Holder | null {
  const text = new TextDecoder().decode(bytes);
  const parsed = z.string().transform(readJsonOrNull).pipe(holderSchema).safeParse(text);
  return parsed.success ? parsed.data : null;
}

/** A lock cut short by a power failure is not JSON: nobody holds it. */
function readJsonOrNull(text: string): unknown {
  return text.endsWith("}") ? JSON.parse(text) : null;
}

function locked(path: string, holder: Holder): RbsmError {
  return new RbsmError("conflict_locked", `Process ${holder.pid} works on this data directory`, {
    path,
    pid: holder.pid,
    fix: "Stop that process, or give this host another data directory.",
  });
}

/** When a process began, as the kernel counts; "alive" where /proc does not tell, "" when it is gone. */
async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFileIfPresent(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may hold spaces itself.
  const [state = "", ...fields] =
    stat === null
      ? []
      : new TextDecoder()
          .decode(stat)
          .replace(/^.*\) /s, "")
          .split(" ");
  // A zombie waits for its parent to notice; it holds nothing any more.
  if (stat !== null) return state === "Z" ? "" : (fields[18] ?? "");
  return process.platform !== "linux" && isAlive(pid) ? "alive" : "";
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
