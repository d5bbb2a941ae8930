import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Duplex } from "node:stream";
import { CALL_LIMITS, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import type { RunnerSettings } from "../runner/settings.ts";
import { createFrameReader, encodeFrame, type Frame } from "./frames.ts";
import type { RuntimeLogger } from "./plugin-runtime.ts";
import { findRunnerProgram, type RunnerProgram } from "./runner-program.ts";

/** A child process that holds isolates. */
export interface RunnerProcess {
  readonly pid: number | undefined;
  send(frame: Frame): void;
  kill(): void;
  /** Whether the child keeps the host process running. */
  hold(on: boolean): void;
  /** Settles when the process is gone. */
  readonly ended: Promise<void>;
}

export interface RunnerOptions {
  readonly rssCapMb: number;
  readonly logger: RuntimeLogger;
  onFrame(frame: Frame): void;
  onEnd(): void;
}

const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const FD = 3;

/** Starts a child. It fails like a crash: `onEnd` is called, once, also when it never started. */
export function startRunner(options: RunnerOptions): RunnerProcess {
  const { command, args } = commandLine(findRunnerProgram(), options.rssCapMb);
  const child = spawn(command, args, {
    cwd: "/",
    env: {},
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    windowsHide: true,
  });
  const pipe = duplexOf(child.stdio[FD]);
  const read = createFrameReader(MAX_FRAME_BYTES);
  const kill = () => void child.kill("SIGKILL");
  let missedPongs = 0;

  pipe.on("data", (chunk: Buffer) => {
    try {
      for (const frame of read(chunk)) {
        if (frame.type === "pong") missedPongs = 0;
        else options.onFrame(frame);
      }
    } catch (error) {
      options.logger.warn("A plugin process sent a frame that is not valid", { error });
      kill();
    }
  });
  pipe.on("error", kill);
  child.stderr?.on("data", (chunk: Buffer) =>
    options.logger.warn("plugin process", { stderr: chunk.toString("utf8").slice(0, 2_000) }),
  );

  const heartbeat = setInterval(() => {
    missedPongs += 1;
    if (missedPongs > RUNTIME_LIMITS.missedPongs) kill();
    else pipe.write(encodeFrame({ type: "ping", id: 0, head: {}, body: "" }));
    void killAboveMemory(child.pid, options.rssCapMb + RUNTIME_LIMITS.rssGraceMb, kill);
  }, RUNTIME_LIMITS.heartbeatMs);

  const ended = new Promise<void>((resolve) => {
    const end = () => {
      clearInterval(heartbeat);
      pipe.destroy();
      resolve();
    };
    child.once("error", end);
    child.once("exit", end);
  });
  void ended.then(() => options.onEnd());

  const holders = [child, pipe, child.stderr, heartbeat];
  const hold = (on: boolean) => {
    for (const holder of holders) setHolding(holder, on);
  };
  hold(false);
  return {
    pid: child.pid,
    send: (frame) => void pipe.write(encodeFrame(frame)),
    kill,
    hold,
    ended,
  };
}

function setHolding(holder: unknown, on: boolean): void {
  const change: unknown = Reflect.get(Object(holder), on ? "ref" : "unref");
  if (typeof change === "function") Reflect.apply(change, holder, []);
}

function duplexOf(stream: unknown): Duplex {
  if (isDuplex(stream)) return stream;
  throw new Error("The child process has no fd 3");
}

function isDuplex(stream: unknown): stream is Duplex {
  return typeof stream === "object" && stream !== null && "write" in stream && "read" in stream;
}

/** Second line behind the child's own check, which needs the child's event loop. Linux only. */
async function killAboveMemory(
  pid: number | undefined,
  capMb: number,
  kill: () => void,
): Promise<void> {
  if (process.platform !== "linux" || pid === undefined) return;
  const statm = await readFile(`/proc/${pid}/statm`, "utf8").catch(() => "");
  const pages = Number(statm.split(" ")[1] ?? 0);
  if ((pages * PAGE_BYTES) / 1e6 > capMb) kill();
}

/** Not 4 KiB everywhere, but never smaller: on other machines the check comes later. */
const PAGE_BYTES = 4_096;

function commandLine(
  program: RunnerProgram,
  rssCapMb: number,
): { command: string; args: string[] } {
  const settings: RunnerSettings = {
    addon: program.addon,
    rssCapMb,
    spareMemoryMb: CALL_LIMITS.memoryMb,
    limits: {
      callsInFlight: CALL_LIMITS.callsInFlight,
      payloadBytes: CALL_LIMITS.payloadBytes,
      messageBytes: CALL_LIMITS.messageBytes,
      logLines: CALL_LIMITS.logLines,
      logBytes: CALL_LIMITS.logBytes,
    },
  };
  const node = [
    program.node,
    "--jitless",
    "--no-node-snapshot",
    // Garbage collection on the isolate's own thread: its CPU is counted.
    "--single-threaded-gc",
    "--permission",
    "--allow-addons",
    "--disable-warning=PERM0001",
    `--allow-fs-read=${program.runner}`,
    `--allow-fs-read=${program.addon}`,
    program.runner,
    JSON.stringify(settings),
  ];
  if (process.platform === "win32") return { command: program.node, args: node.slice(1) };
  const dataKb = (rssCapMb + RUNTIME_LIMITS.dataAboveRssMb) * 1_024;
  return { command: "/bin/sh", args: ["-c", CONTAIN, "sh", String(dataKb), ...node] };
}

/**
 * Every layer is used where it works here: a limit on memory the child can write to, death with the
 * parent even if the child hangs, and no network interface.
 */
const CONTAIN = `
ulimit -d "$1" 2>/dev/null; shift
if setpriv --pdeathsig KILL true 2>/dev/null; then set -- setpriv --pdeathsig KILL "$@"; fi
if unshare -n true 2>/dev/null; then set -- unshare -n "$@"; fi
exec "$@"`;
