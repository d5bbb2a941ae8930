import { Socket } from "node:net";
import { encodeFrame, createFrameReader, type Frame } from "../runtime/frames.ts";
import { loadAddon } from "./load-addon.ts";
import { createIsolateMaker } from "./blank-isolate.ts";
import { createPluginTable } from "./plugin-table.ts";
import type { RunnerSettings } from "./settings.ts";

/**
 * The child program: holds plugins in isolates and answers frames on fd 3. It ends only by SIGKILL,
 * from the supervisor or by its own hand: after isolated-vm lost a thread, process.exit() hangs.
 */
declare const PRELUDE: string;

const FD = 3;
const MAX_FRAME_BYTES = 128 * 1024 * 1024;
const TICK_MS = 20;
const FLUSH_MS = 50;

function main(settings: RunnerSettings): void {
  const socket = new Socket({ fd: FD, readable: true, writable: true });
  const outbox = createOutbox(socket);
  const send = (frame: Frame) => outbox.put(encodeFrame(frame));
  const makeIsolate = createIsolateMaker(loadAddon(settings.addon), PRELUDE, settings.limits);
  const table = createPluginTable({
    settings,
    makeIsolate,
    send,
    die: () => {
      send({ type: "dying", id: 0, head: {}, body: "" });
      outbox.flush();
      dieAfterFlush(socket);
    },
  });

  const read = createFrameReader(MAX_FRAME_BYTES);
  socket.on("data", (chunk: Buffer) => {
    for (const frame of read(chunk)) table.handle(frame);
  });
  for (const event of ["end", "close", "error"]) socket.on(event, dieNow);
  process.on("uncaughtException", (error) => {
    process.stderr.write(`runner: ${String(error.stack)}\n`);
    dieNow();
  });

  setInterval(() => table.check(performance.now(), process.memoryUsage.rss() / 1e6), TICK_MS);
  send({ type: "ready", id: 0, head: { node: process.version }, body: "" });
}

/** Frames of one round of the event loop leave in one write: a write costs more than a call does. */
function createOutbox(socket: Socket): { put(bytes: Buffer): void; flush(): void } {
  let waiting: Buffer[] = [];
  const flush = () => {
    const [first] = waiting;
    if (first !== undefined) socket.write(waiting.length === 1 ? first : Buffer.concat(waiting));
    waiting = [];
  };
  return {
    flush,
    put(bytes) {
      if (waiting.push(bytes) === 1) setImmediate(flush);
    },
  };
}

function dieNow(): void {
  process.kill(process.pid, "SIGKILL");
}

/** What was said about the cause has to reach the supervisor first. */
function dieAfterFlush(socket: Socket): void {
  setTimeout(dieNow, FLUSH_MS);
  socket.write("", dieNow);
}

main(JSON.parse(process.argv[2] ?? "{}"));
