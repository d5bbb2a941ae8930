import type { Socket } from "node:net";
import { encodeFrame, type Frame } from "../runtime/frames.ts";

/** Frames on their way to the supervisor. One write for many: a write costs more than a call does. */
export interface Outbox {
  put(frame: Frame): void;
  /** Now: nothing more is about to follow. */
  flush(): void;
  /** In this round of the event loop, with whatever else it brings. */
  flushSoon(): void;
}

export function createOutbox(socket: Socket): Outbox {
  let waiting: Buffer[] = [];
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    const [first] = waiting;
    if (first === undefined) return;
    socket.write(waiting.length === 1 ? first : Buffer.concat(waiting));
    waiting = [];
  };
  return {
    put: (frame) => void waiting.push(encodeFrame(frame)),
    flush,
    flushSoon() {
      if (!scheduled) setImmediate(flush);
      scheduled = true;
    },
  };
}
