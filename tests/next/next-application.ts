import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { run } from "../../scripts/processes.ts";
import { freePort } from "../e2e/start-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NEXT = join(ROOT, "node_modules/next/dist/bin/next");

/** Whether Next.js is installed. */
export const HAS_NEXT = existsSync(NEXT);

/** A Next.js application inside this project, with host-sdk as it would be published. */
export interface NextApplication {
  readonly dir: string;
  /** The published form of host-sdk, outside of the application. */
  readonly hostSdk: string;
  /** Builds it and copies the standalone server out of the project, where it finds nothing else. */
  build(options: { bundled: boolean }): Promise<string>;
  /** Takes the packages away from where it was built, as on another machine. */
  removePackages(): Promise<void>;
  remove(): Promise<void>;
}

/** Writes the application and packs what it depends on. */
export async function createNextApplication(): Promise<NextApplication> {
  await mkdir(join(ROOT, ".rbsm"), { recursive: true });
  const dir = await mkdtemp(join(ROOT, ".rbsm/next-"));
  const outside = await mkdtemp(join(tmpdir(), "rbsm-next-"));
  await cp(fileURLToPath(new URL("app", import.meta.url)), dir, { recursive: true });
  const packed = join(outside, "packed");
  await must(process.execPath, ["scripts/package.ts", "--out", packed]);
  const modules = join(dir, "node_modules");
  for (const name of ["host-sdk", "protocol"])
    await cp(join(packed, name), join(modules, "@rising-bsm", name), { recursive: true });
  await cp(join(ROOT, "node_modules/isolated-vm"), join(modules, "isolated-vm"), {
    recursive: true,
  });
  return {
    dir,
    hostSdk: join(packed, "host-sdk"),
    removePackages: () => rm(modules, { recursive: true }),
    async build({ bundled }) {
      const name = bundled ? "bundled" : "external";
      await must(process.execPath, [NEXT, "build", dir], {
        ...process.env,
        NODE_ENV: "production",
        NEXT_TELEMETRY_DISABLED: "1",
        // It would ask the registry for binaries of other platforms.
        NEXT_IGNORE_INCORRECT_LOCKFILE: "1",
        TRACING_ROOT: ROOT,
        DIST_DIR: `.next-${name}`,
        BUNDLED: bundled ? "1" : "0",
      });
      const copy = join(outside, name);
      await cp(join(dir, `.next-${name}/standalone`), copy, { recursive: true });
      return join(copy, ".rbsm", basename(dir), "server.js");
    },
    async remove() {
      await rm(dir, { recursive: true, force: true });
      await rm(outside, { recursive: true, force: true });
    },
  };
}

async function must(command: string, args: string[], env = process.env): Promise<void> {
  const { code, output } = await run(command, args, env);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}\n${output}`);
}

/** A server that answers. */
export interface NextServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a standalone server with nothing in its environment but this. */
export async function startNextServer(
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<NextServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [file], {
    env: {
      PATH: process.env["PATH"],
      NODE_ENV: "production",
      HOSTNAME: "127.0.0.1",
      PORT: String(port),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  for (let tries = 0; tries < 300; tries += 1) {
    const answer = await fetch(url).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true)
      return {
        url,
        async stop() {
          child.kill("SIGKILL");
          await ended;
        },
      };
    await pause(100);
  }
  child.kill("SIGKILL");
  throw new Error(`The server did not answer:\n${output}`);
}
