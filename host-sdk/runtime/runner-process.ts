import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Duplex } from "node:stream";
import { CALL_LIMITS, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { createFrameReader, encodeFrame, encodeFrameStart, type Frame } from "./frames.ts";
import type { RuntimeLogger } from "./plugin-runtime.ts";
import { readInSlices } from "./read-in-slices.ts";
import { runnerCommand } from "./runner-command.ts";
import type { RunnerProgram } from "./runner-program.ts";

/** A child process that holds isolates. */
export interface RunnerProcess {
  readonly pid: number | undefined;
  /** `onTaken` is called once: when the child has taken the frame, or is gone. */
  send(frame: Frame, onTaken?: () => void): void;
  /** Sends a file of the plugin that is about to be loaded; its bytes must not change any more. */
  sendFile(loadId: number, path: string, bytes: Uint8Array): void;
  kill(): void;
  /** Whether the child keeps the host process running. */
  hold(on: boolean): void;
  /** Bytes that were sent and that the child has not taken yet. */
  unread(): number;
  /** Its memory as of the last heartbeat, in MB. */
  rssMb(): number;
  /**
   * Whether somebody else ended it: an administrator, or the kernel for want of memory. What a child
   * does to itself ends with another signal, or it says so before.
   */
  endedFromOutside(): boolean;
  /** Settles when the process is gone. */
  readonly ended: Promise<void>;
}

export interface RunnerOptions {
  readonly program: RunnerProgram;
  readonly rssCapMb: number;
  readonly logger: RuntimeLogger;
  /** What it throws ends the child: it has said what a child of ours never says. */
  onFrame(frame: Frame): void;
  /** Called once every heartbeat. */
  onBeat(): void;
  onEnd(): void;
}

/** A message and the line before it. */
const MAX_FRAME_BYTES = CALL_LIMITS.messageBytes + 256 * 1_024;
const FRAMES_FD = 3;
const WATCHER_FD = 4;
const MAX_STDERR = 16_384;

/** Starts a child. It fails like a crash: `onEnd` is called, once, also when it never started. */
export function startRunner(options: RunnerOptions): RunnerProcess {
  const { rssCapMb, logger } = options;
  const child = startProcess(options);
  const pipe = pipeOf(child, FRAMES_FD);
  let killed = false;
  const kill = () => void (killed = child.kill("SIGKILL") || killed);
  const endedFromOutside = () => child.signalCode === "SIGKILL" && !killed;
  const life = createLife(options, kill);

  if (pipe !== undefined)
    readFrames(
      pipe,
      (frame) => life.take(frame),
      (error) => {
        logger.warn("A plugin process sent a frame that is not valid", { error });
        kill();
      },
    );
  // It also breaks when the child is gone, which is not our doing then.
  pipe?.on("error", () => child.kill("SIGKILL"));
  logStderr(child, logger);

  const { send, sendFile, unread } = createSender(pipe, kill);
  let rssMb = 0;
  let gone = false;
  const heartbeat = setInterval(async () => {
    life.beat(send);
    rssMb = (await rssOf(child.pid)) ?? life.rssMb();
    if (rssMb > rssCapMb + RUNTIME_LIMITS.rssGraceMb) kill();
  }, RUNTIME_LIMITS.heartbeatMs);

  const ended = new Promise<void>((resolve) => {
    const end = () => {
      gone = true;
      clearInterval(heartbeat);
      life.end();
      for (const stream of child.stdio ?? []) stream?.destroy();
      resolve();
    };
    child.once("error", (error) => {
      logger.warn("A plugin process could not be started", { error });
      end();
    });
    child.once("exit", end);
  });
  void ended.then(() => options.onEnd());

  const hold = (on: boolean) => {
    if (gone) return;
    for (const holder of [child, ...(child.stdio ?? []), heartbeat]) setHolding(holder, on);
  };
  hold(false);
  return {
    pid: child.pid,
    send,
    sendFile,
    kill,
    hold,
    unread,
    rssMb: () => rssMb,
    endedFromOutside,
    ended,
  };
}

/** Passes on frames until one is not valid or not acceptable. */
function readFrames(
  pipe: Duplex,
  take: (frame: Frame) => void,
  onViolation: (error: unknown) => void,
): void {
  const read = createFrameReader(MAX_FRAME_BYTES);
  readInSlices(pipe, (bytes) => {
    try {
      for (const frame of read(bytes)) take(frame);
      return true;
    } catch (error) {
      onViolation(error);
      return false;
    }
  });
}

/** Writes frames to a child; one that does not read them is ended when they become too many. */
function createSender(pipe: Duplex | undefined, kill: () => void) {
  // Files wait where the host has them anyway: they cost no memory.
  let fileBytes = 0;
  const unread = () => (pipe?.writableLength ?? 0) - fileBytes;
  const send = (frame: Frame, onTaken: () => void = () => undefined) => {
    if (pipe === undefined || pipe.destroyed) return onTaken();
    pipe.write(encodeFrame(frame), onTaken);
    if (unread() > RUNTIME_LIMITS.pipeMaxBytes) kill();
  };
  const sendFile = (loadId: number, path: string, bytes: Uint8Array) => {
    if (pipe === undefined || pipe.destroyed) return;
    fileBytes += bytes.length;
    pipe.write(encodeFrameStart({ type: "file", id: loadId, head: { path } }, bytes.length));
    pipe.write(bytes, () => (fileBytes -= bytes.length));
  };
  return { send, sendFile, unread };
}

/** An empty environment: nothing that the host was told reaches the child. */
function startProcess({ program, rssCapMb }: RunnerOptions): ChildProcess {
  const { command, args } = runnerCommand(program, rssCapMb);
  return spawn(command, args, {
    cwd: "/",
    env: {},
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
    windowsHide: true,
  });
}

/** Whether the child still answers: it has to become ready in time, and then to answer pings. */
function createLife(options: RunnerOptions, kill: () => void) {
  const tooLate = setTimeout(kill, RUNTIME_LIMITS.startMs).unref();
  let unanswered = 0;
  let rssMb = 0;
  return {
    take(frame: Frame): void {
      if (frame.type === "ready") clearTimeout(tooLate);
      if (frame.type !== "pong") return options.onFrame(frame);
      if (unanswered === 0) throw new Error("An answer to a ping that was not sent");
      unanswered -= 1;
      rssMb = Number(frame.head["rssMb"]) || 0;
    },
    beat(send: (frame: Frame) => void): void {
      options.onBeat();
      unanswered += 1;
      if (unanswered > RUNTIME_LIMITS.missedPongs) kill();
      else send({ type: "ping", id: 0, head: {}, body: "" });
    },
    rssMb: () => rssMb,
    end: () => clearTimeout(tooLate),
  };
}

/** What a child writes there is for whoever looks for a fault, and not without end. */
function logStderr(child: ChildProcess, logger: RuntimeLogger): void {
  let left = MAX_STDERR;
  child.stderr?.on("data", (chunk: Buffer) => {
    if (left <= 0) return;
    logger.warn("plugin process", { stderr: chunk.toString("utf8", 0, Math.min(left, 2_000)) });
    left -= chunk.length;
  });
  child.stderr?.on("error", () => undefined);
  pipeOf(child, WATCHER_FD)?.on("error", () => undefined);
}

function setHolding(holder: unknown, on: boolean): void {
  // A stream that the child has closed would remember each time until it is opened again.
  if (Reflect.get(Object(holder), "destroyed") === true) return;
  const change: unknown = Reflect.get(Object(holder), on ? "ref" : "unref");
  if (typeof change === "function") Reflect.apply(change, holder, []);
}

/** A process that could not be made for want of file descriptors has no pipes. */
function pipeOf(child: ChildProcess, fd: number): Duplex | undefined {
  const stream: unknown = Reflect.get(Object(child.stdio), fd);
  return isDuplex(stream) ? stream : undefined;
}

function isDuplex(stream: unknown): stream is Duplex {
  return typeof stream === "object" && stream !== null && "write" in stream && "read" in stream;
}

/** Second line behind the child's own check, which needs the child's event loop. Linux only. */
async function rssOf(pid: number | undefined): Promise<number | undefined> {
  if (process.platform !== "linux" || pid === undefined) return undefined;
  const statm = await readFile(`/proc/${pid}/statm`, "utf8").catch(() => "");
  return (Number(statm.split(" ")[1] ?? 0) * PAGE_BYTES) / 1e6;
}

/** Not 4 KiB everywhere, but never smaller: on other machines the check comes later. */
const PAGE_BYTES = 4_096;
