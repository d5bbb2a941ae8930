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

/** Finds them once. Throws `unavailable` with what to install when one is missing. */
export function findRunnerProgram(): RunnerProgram {
  found ??= { node: findNode(), runner: findRunner(), addon: findAddon() };
  return found;
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
  const path = fileURLToPath(new URL("../builtin/runner.mjs", import.meta.url));
  if (!existsSync(path))
    throw missing(
      "The runner program is missing",
      "Keep host-sdk out of bundles, or ship host-sdk/builtin with it",
    );
  return realpathSync(path);
}

function findAddon(): string {
  const libc = process.platform === "linux" ? `.${isGlibc() ? "glibc" : "musl"}` : "";
  const platform = `${process.platform}-${process.arch}`;
  const path = packageFile(
    "isolated-vm",
    `prebuilds/${platform}/isolated-vm.abi${NODE_ABI}${libc}.node`,
  );
  if (path !== undefined) return path;
  throw missing(
    `isolated-vm has no binary for ${platform}${libc}`,
    "Install isolated-vm 7 on a platform that it supports",
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
function isGlibc(): boolean {
  return JSON.stringify(process.report.getReport()).includes('"glibcVersionRuntime"');
}

function missing(message: string, fix: string): RbsmError {
  return new RbsmError("unavailable", message, { fix });
}
