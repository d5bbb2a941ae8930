import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Check } from "./examine.ts";

/** Anybody but the owner. */
const OTHERS = 0o077;
/** Files of a data directory that hold secrets or decide what is trusted. */
const PRIVATE_FILES = ["host.sqlite", "instance.key", "secrets.key"];

/** Whether a host could work in the folder, and whether anybody else can look into it. */
export async function examineDataDir(dir: string): Promise<Check[]> {
  const name = "data directory";
  const info = await stat(dir).catch(() => null);
  if (info === null) {
    const fix = `mkdir -p -m 700 ${dir}`;
    return [{ name, state: "fails", detail: `${dir} is missing or out of reach`, fix }];
  }
  if (!info.isDirectory()) {
    return [{ name, state: "fails", detail: `${dir} is no folder`, fix: "name a folder" }];
  }
  const isOurs = await access(dir, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isOurs) {
    const fix = `give it to the user that runs the host: chown ${userName()} ${dir}`;
    return [{ name, state: "fails", detail: `${dir} cannot be read and written`, fix }];
  }
  const open = await openTo(dir);
  if (open.length === 0) return [{ name, state: "ok", detail: dir }];
  const detail = `other users can get at ${open.join(", ")}`;
  return [{ name, state: "weak", detail, fix: `chmod -R go= ${dir}` }];
}

/** What other users may read or write: the folder, and in an open folder the private files. */
async function openTo(dir: string): Promise<string[]> {
  if (process.platform === "win32" || !(await isOpen(dir))) return [];
  const files = PRIVATE_FILES.map((file) => join(dir, file));
  const open = await Promise.all(files.map(isOpen));
  return [dir, ...files.filter((_, index) => open[index])];
}

async function isOpen(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && (info.mode & OTHERS) !== 0;
}

function userName(): string {
  return process.env["USER"] ?? String(process.getuid?.() ?? "");
}
