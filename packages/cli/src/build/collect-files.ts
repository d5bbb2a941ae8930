import { lstat, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BUNDLE_LIMITS } from "@rising-bsm/protocol";
import { isKeyFile } from "../keys/key-file.ts";
import { unreadable } from "../read-file.ts";
import type { LocatedFinding } from "../report.ts";
import { type Exclusions, isExcluded, looksSecret } from "./excluded.ts";

/** The files of a plugin folder that belong into its bundle, and what must not be there. */
export interface Collected {
  readonly files: Map<string, Uint8Array>;
  readonly findings: LocatedFinding[];
}

/** Reads the files of a plugin folder by the rules of `excluded.ts`, in byte order of their paths. */
export async function collectFiles(folder: string, rules: Exclusions): Promise<Collected> {
  const collected: Collected = { files: new Map(), findings: [] };
  await collectFolder({ folder, rules, collected }, "");
  return collected;
}

interface Walk {
  readonly folder: string;
  readonly rules: Exclusions;
  readonly collected: Collected;
}

async function collectFolder(walk: Walk, prefix: string): Promise<void> {
  const folder = resolve(walk.folder, prefix);
  const names = await readdir(folder).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  for (const name of names.sort()) await collectPath(walk, prefix + name);
}

async function collectPath(walk: Walk, path: string): Promise<void> {
  const { findings, files } = walk.collected;
  // Before the exclusions: a secret that is left out today is packed after the next rename.
  if (looksSecret(path)) return void findings.push(secretFinding(path));
  if (isExcluded(path, walk.rules)) return;
  const file = join(walk.folder, path);
  const fail = (error: unknown): never => {
    throw unreadable(file, error);
  };
  const info = await lstat(file).catch(fail);
  if (info.isDirectory()) return await collectFolder(walk, `${path}/`);
  const refused = info.isFile()
    ? sizeFinding(path, info.size)
    : kindFinding(path, info.isSymbolicLink());
  if (refused !== null) return void findings.push(refused);
  if (files.size >= BUNDLE_LIMITS.entries) return pushCountFinding(findings);
  const bytes = new Uint8Array(await readFile(file).catch(fail));
  if (isKeyFile(bytes)) return void findings.push(secretFinding(path));
  files.set(path, bytes);
}

function secretFinding(path: string): LocatedFinding {
  return {
    rule: "bundle_secret",
    path: "",
    file: path,
    message: "looks like a secret and must not stand in a plugin folder",
    fix: "move it out of the folder; declare `secrets` in the manifest for values that an administrator enters",
  };
}

function sizeFinding(path: string, size: number): LocatedFinding | null {
  if (size <= BUNDLE_LIMITS.entryBytes) return null;
  return {
    rule: "bundle_too_large",
    path: "",
    file: path,
    message: `has ${size} bytes; ${BUNDLE_LIMITS.entryBytes} are allowed`,
  };
}

function kindFinding(path: string, isLink: boolean): LocatedFinding {
  return {
    rule: "bundle_structure",
    path: "",
    file: path,
    message: isLink ? "is a symbolic link" : "is neither a file nor a folder",
    fix: "a bundle holds regular files only: replace it with the file it points to",
  };
}

function pushCountFinding(findings: LocatedFinding[]): void {
  const message = `more than ${BUNDLE_LIMITS.entries} files`;
  if (findings.some((finding) => finding.message === message)) return;
  findings.push({ rule: "bundle_too_large", path: "", message });
}
