import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { RbsmError } from "@rising-bsm/protocol";
import { QUIET_ENV } from "../processes.ts";

/**
 * Long-running programs of one start, each in a process group of its own. A watcher shell holds the
 * read end of a pipe from this process: however this process ends, SIGKILL included, the pipe
 * closes and the watcher ends every group. So a killed start never leaves a marketplace behind that
 * holds the port or the database.
 */
export class Services {
  readonly #watcher = spawn(
    "/bin/sh",
    [
      "-c",
      'while read -r group; do groups="$groups $group"; done; for group in $groups; do kill -s KILL -- "-$group"; done',
    ],
    { detached: true, stdio: ["pipe", "ignore", "ignore"] },
  );
  readonly #children: ChildProcess[] = [];

  constructor() {
    this.#watcher.unref();
  }

  /** Starts a program whose output goes to `logFile`; rejects later waits when it ends early. */
  start(
    command: string,
    args: readonly string[],
    options: { logFile: string; env?: NodeJS.ProcessEnv },
  ): ChildProcess {
    const child = spawn(command, args, {
      detached: true,
      env: { ...QUIET_ENV, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const log = createWriteStream(options.logFile, { flags: "a", mode: 0o600 });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#watcher.stdin?.write(`${child.pid}\n`);
    this.#children.push(child);
    return child;
  }

  /** Ends every service: politely first, for good after two seconds. */
  async close(): Promise<void> {
    for (const child of this.#children) signalGroup(child, "SIGTERM");
    const gone = Promise.all(this.#children.map((child) => ended(child)));
    await Promise.race([gone, sleep(2_000)]);
    for (const child of this.#children) signalGroup(child, "SIGKILL");
    this.#watcher.stdin?.end();
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // ESRCH: the group has ended already.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Waits until `url` answers 2xx; fails when the service ends first or 60 s pass. */
export async function untilReady(
  url: string,
  service: ChildProcess,
  logFile: string,
): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (service.exitCode !== null || service.signalCode !== null)
      throw new RbsmError("internal", `The service at "${url}" ended before it was ready`, {
        fix: `Read "${logFile}"`,
      });
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    await sleep(100);
  }
  throw new RbsmError("network_timeout", `The service at "${url}" was not ready within 60 s`, {
    fix: `Read "${logFile}"`,
  });
}

/**
 * Fails with `network_port_in_use` when something listens on the port. Waits two seconds first: the
 * watcher of a start that was killed a moment ago may still be at work.
 */
export async function requireFreePort(port: number, variable: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (await isFree(port)) return;
    await sleep(100);
  }
  throw new RbsmError("network_port_in_use", `Port ${port} is in use`, {
    fix: `Stop what listens on it, or choose another with ${variable}=${port + 100}`,
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
