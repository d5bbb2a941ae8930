import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QUIET_ENV } from "../../scripts/processes.ts";

/** One place to start in: a state directory and two ports that nothing else uses. */
export interface Place {
  readonly stateDir: string;
  readonly marketplacePort: number;
  readonly hostPort: number;
}

export async function newPlace(): Promise<Place> {
  const stateDir = join(await mkdtemp(join(tmpdir(), "rbsm-e2e-")), "state");
  return { stateDir, marketplacePort: await freePort(), hostPort: await freePort() };
}

/** A port of loopback that nothing listens on, below those that systems give to whoever asks for any. */
export function freePort(): Promise<number> {
  const port = randomInt(20_000, 32_000);
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(freePort()));
    probe.listen(port, "127.0.0.1", () => void probe.close(() => resolve(port)));
  });
}

/** A running `npm start`; `ended` resolves with its exit code and what it printed. */
export interface StartProcess {
  readonly pid: number;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Resolves once its progress holds `text`, or when it ends. */
  saw(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts scripts/start.ts as `npm start` does. */
export function start(place: Place, args: readonly string[]): StartProcess {
  const child = spawn("node", ["scripts/start.ts", ...args], {
    env: {
      ...QUIET_ENV,
      RBSM_STATE_DIR: place.stateDir,
      MARKETPLACE_PORT: String(place.marketplacePort),
      HOST_PORT: String(place.hostPort),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const watcher of watchers) watcher();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    saw: (wanted) =>
      Promise.race([
        ended.then(() => undefined),
        new Promise<void>((resolve) => {
          const watcher = () => {
            if (!(stdout + stderr).includes(wanted)) return;
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
          watcher();
        }),
      ]),
  };
}
