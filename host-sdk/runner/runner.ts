import { Socket } from "node:net";
import { createFrameReader } from "../runtime/frames.ts";
import { createOutbox } from "./outbox.ts";
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
const READ_BYTES = 64 * 1024;

function main(settings: RunnerSettings): void {
  const read = createFrameReader(MAX_FRAME_BYTES);
  const socket = openPipe((chunk) => {
    for (const frame of read(chunk)) table.handle(frame);
  });
  const outbox = createOutbox(socket);
  const makeIsolate = createIsolateMaker(loadAddon(settings.addon), PRELUDE, settings.limits);
  const table = createPluginTable({
    settings,
    makeIsolate,
    outbox,
    die: () => {
      outbox.put({ type: "dying", id: 0, head: {}, body: "" });
      outbox.flush();
      dieAfterFlush(socket);
    },
  });

  for (const event of ["end", "close", "error"]) socket.on(event, dieNow);
  process.on("uncaughtException", (error) => {
    process.stderr.write(`runner: ${String(error.stack)}\n`);
    // Not SIGKILL: that would look as if somebody else had done it.
    process.kill(process.pid, "SIGTERM");
  });

  setInterval(() => table.check(performance.now(), process.memoryUsage.rss() / 1e6), TICK_MS);
  outbox.put({ type: "ready", id: 0, head: { node: process.version }, body: "" });
  outbox.flush();
}

/** Reads into one buffer: what a stream does for every chunk costs as much as a small call. */
function openPipe(onBytes: (chunk: Buffer) => void): Socket {
  const callback = (length: number, buffer: Uint8Array) => {
    onBytes(Buffer.from(buffer.buffer, buffer.byteOffset, length));
    return true;
  };
  const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback };
  return new Socket({ fd: FD, readable: true, writable: true, onread });
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
