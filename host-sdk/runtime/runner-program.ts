import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { RbsmError } from "@rising-bsm/protocol";

/** The files a runner child is started from. */
export interface RunnerProgram {
  readonly node: string;
  readonly runner: string;
  readonly addon: string;
}

/** isolated-vm's binaries are made for one ABI of Node: this is the one of Node 24. */
const NODE_MAJOR = 24;
const NODE_ABI = "137";

let found: RunnerProgram | undefined;

/**
 * Finds them once. Throws `unavailable` with what to install when one is missing. Where they do not
 * lie beside this file, as in an application that was bundled, the environment says where they are.
 */
export function findRunnerProgram(): RunnerProgram {
  found ??= {
    node: named("RISING_BSM_NODE") ?? findNode(),
    runner: named("RISING_BSM_RUNNER") ?? findRunner(),
    addon: named("RISING_BSM_ADDON") ?? findAddon(),
  };
  return found;
}

/** The file that a variable of the environment names. */
function named(variable: string): string | undefined {
  const path = process.env[variable];
  if (path === undefined) return undefined;
  if (existsSync(path)) return realpathSync(path);
  throw missing(`${variable} names no file: ${path}`, `Correct ${variable}, or leave it out`);
}

function findNode(): string {
  if (process.versions.modules === NODE_ABI) return process.execPath;
  const path = packageFile(`node-${process.platform}-${process.arch}`, "bin/node");
  if (path !== undefined) return path;
  throw missing(
    `Node ${NODE_MAJOR} is needed to run plugins`,
    `Run the host with Node ${NODE_MAJOR}, or install node-${process.platform}-${process.arch}`,
  );
}

function findRunner(): string {
  const path = besideThisFile("../builtin/runner.mjs");
  if (path === undefined || !existsSync(path))
    throw missing(
      "The runner program is missing",
      "Keep host-sdk out of bundles (in Next.js: serverExternalPackages), or set RISING_BSM_RUNNER and RISING_BSM_ADDON",
    );
  return realpathSync(path);
}

/** In a bundle this file may have no place on the disk. */
function besideThisFile(path: string): string | undefined {
  try {
    return fileURLToPath(new URL(path, import.meta.url).href);
  } catch {
    return undefined;
  }
}

function findAddon(): string {
  const libc = libcName() === null ? "" : `.${libcName()}`;
  const platform = `${process.platform}-${process.arch}`;
  const file = `prebuilds/${platform}/isolated-vm.abi${NODE_ABI}${libc}.node`;
  const path = packageFile("isolated-vm", file);
  if (path !== undefined) return path;
  if (packageFile("isolated-vm", "package.json") === undefined)
    throw missing("isolated-vm is not installed", "Install isolated-vm 7, or set RISING_BSM_ADDON");
  throw missing(
    `isolated-vm has no ${file}`,
    "Install isolated-vm 7 on a platform that it supports, and ship all of its prebuilds folder",
  );
}

function packageFile(name: string, path: string): string | undefined {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return realpathSync(`${folder}/${path}`);
  } catch {
    return undefined;
  }
}

/** Hardened Alpine images lack /etc/alpine-release, so the C library is asked for, not guessed. */
export function libcName(): "glibc" | "musl" | null {
  if (process.platform !== "linux") return null;
  libc ??= reportText().includes('"glibcVersionRuntime"') ? "glibc" : "musl";
  return libc;
}

let libc: "glibc" | "musl" | undefined;

/** Without the network: it would wait for the name of every peer of the host's open connections. */
function reportText(): string {
  const { report } = process;
  // The type declarations leave this property out.
  const before: unknown = Reflect.get(report, "excludeNetwork");
  Reflect.set(report, "excludeNetwork", true);
  try {
    return JSON.stringify(report.getReport());
  } finally {
    Reflect.set(report, "excludeNetwork", before);
  }
}

function missing(message: string, fix: string): RbsmError {
  return new RbsmError("unavailable", message, { fix });
}
