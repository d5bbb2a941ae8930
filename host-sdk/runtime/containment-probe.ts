import { type ChildProcess, spawn } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { z } from "zod";
import { createFrameReader } from "./frames.ts";
import { runnerCommand } from "./runner-command.ts";
import type { RunnerProgram } from "./runner-program.ts";

/**
 * What a child can do that was started like every other; `addonError` says why the isolated-vm
 * binary cannot be loaded there.
 */
export interface InsideFacts extends z.output<typeof insideSchema> {
  readonly addonError: string | null;
}

/** What is seen of a child from outside. */
export interface OutsideFacts {
  /** From starting it to its first frame. */
  readonly startMs: number;
  readonly dataLimited: boolean;
  readonly ownNetwork: boolean;
  readonly diesWithParent: boolean;
}

/** How many MB the probed child may have: the number is not what is probed. */
const PROBE_MB = 256;
const MAX_FRAME_BYTES = 64 * 1_024;
/** A child that lives so long after its parent does not die with it. */
const DEATH_MS = 1_000;
const POLL_MS = 10;

/** In place of the runner: tries what the permission model forbids, then loads the addon. */
const INSIDE = `
const tries = (work) => { try { work(); return true; } catch { return false; } };
const say = (facts) => console.log(JSON.stringify(facts));
say({
  readsFiles: tries(() => require("node:fs").readdirSync("/")),
  startsProcesses: tries(() => require("node:child_process").spawnSync("/bin/true")),
  compiles: typeof WebAssembly !== "undefined",
});
try { process.dlopen({ exports: {} }, process.argv[1]); say(null); } catch (error) { say(String(error.message)); }`;

const insideSchema = z.object({
  readsFiles: z.boolean(),
  startsProcesses: z.boolean(),
  compiles: z.boolean(),
});

/** Starts a child with the command line of every other, but with a program that looks around. */
export async function probeInside(program: RunnerProgram): Promise<InsideFacts> {
  const { command, args } = runnerCommand(program, PROBE_MB);
  // Last come the runner and its settings.
  const child = start(command, [...args.slice(0, -2), "-e", INSIDE, program.addon]);
  const [said, errors] = [collect(child.stdout), collect(child.stderr)];
  try {
    await over(child);
    const [facts, addon] = said().split("\n");
    const ending = `${lastWords(errors())} ${child.signalCode ?? ""}`.trim();
    if (facts === undefined || facts === "") throw new Error(`A child ended: ${ending}`);
    const addonError =
      addon === undefined || addon === "" ? `it ended the process: ${ending}` : JSON.parse(addon);
    return {
      ...insideSchema.parse(JSON.parse(facts)),
      addonError: z.string().nullable().parse(addonError),
    };
  } finally {
    close(child);
  }
}

/**
 * Starts the runner below a shell, looks at it from outside, then kills the shell: whoever dies with
 * its parent has to die now, although the pipes to this process stay open.
 */
export async function probeOutside(program: RunnerProgram): Promise<OutsideFacts> {
  const startedAt = performance.now();
  const { command, args } = runnerCommand(program, PROBE_MB);
  const shell = start("/bin/sh", ["-c", '"$@" & echo $!; wait', "sh", command, ...args]);
  const [said, errors] = [collect(shell.stdout), collect(shell.stderr)];
  try {
    const outcome = await Promise.race([ready(shell), ended(shell), tooLate()]);
    if (outcome !== "ready") throw new Error(`The runner ${outcome}: ${lastWords(errors())}`);
    const startMs = performance.now() - startedAt;
    const pid = Number(said());
    const limits = await readFile(`/proc/${pid}/limits`, "utf8").catch(() => "");
    const [own, ours] = await Promise.all(
      [pid, process.pid].map((id) => readlink(`/proc/${id}/ns/net`).catch(() => "")),
    );
    shell.kill("SIGKILL");
    return {
      startMs,
      dataLimited: /^Max data size\s+\d+/m.test(limits),
      ownNetwork: own !== "" && own !== ours,
      diesWithParent: await endsSoon(pid),
    };
  } finally {
    endProcess(Number(said()));
    close(shell);
  }
}

function start(command: string, args: readonly string[]): ChildProcess {
  const stdio = ["ignore", "pipe", "pipe", "pipe", "pipe"] as const;
  return spawn(command, args, { cwd: "/", env: {}, stdio: [...stdio] });
}

/** Ends it; whatever waits for the end of its pipes ends too. */
function close(child: ChildProcess): void {
  child.kill("SIGKILL");
  for (const stream of child.stdio ?? []) stream?.destroy();
}

function ready(shell: ChildProcess): Promise<"ready"> {
  const read = createFrameReader(MAX_FRAME_BYTES);
  return new Promise((resolve, reject) => {
    shell.stdio[3]?.on("data", (chunk: Buffer) => {
      try {
        if ([...read(chunk)].some(({ type }) => type === "ready")) resolve("ready");
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

async function ended(child: ChildProcess): Promise<"ended"> {
  await over(child);
  return "ended";
}

function tooLate(): Promise<"was not ready in time"> {
  return pause(RUNTIME_LIMITS.startMs, "was not ready in time", { ref: false });
}

/** Not "close" of the process: what it leaves behind may wait for the end of its other pipes. */
async function over(child: ChildProcess): Promise<void> {
  const output = [child.stdout, child.stderr].map(
    (stream) => new Promise((resolve) => stream?.once("close", resolve)),
  );
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => resolve());
    child.once("error", reject);
  });
  await Promise.all(output);
}

function collect(stream: Readable | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8").trim();
}

/** Of what Node prints when it fails, the line that says why. */
function lastWords(text: string): string {
  const line = text.split("\n").find((line) => /^\w*Error\b/.test(line)) ?? text;
  return line.slice(0, 500);
}

async function endsSoon(pid: number): Promise<boolean> {
  for (let waited = 0; waited < DEATH_MS; waited += POLL_MS) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    // Where nobody waits for orphans they stay as zombies.
    if (status === "" || /^State:\s+[ZX]/m.test(status)) return true;
    await pause(POLL_MS);
  }
  return false;
}

function endProcess(pid: number): void {
  if (!(pid > 0)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
