import type { Readable } from "node:stream";
import { SLICE_MS } from "./event-loop-turns.ts";

const SLICE_BYTES = 8 * 1_024;
/** Chunks that take less are not worth a measurement. */
const SHORT_MS = 0.2;

/**
 * Hands the bytes of a stream to `take` in pieces, and lets the event loop go on in between when
 * they take long: a child may send as many small frames as it likes. It ends when `take` says false.
 */
export function readInSlices(stream: Readable, take: (bytes: Buffer) => boolean): void {
  let spentMs = 0;
  let waiting: Buffer | undefined;
  let restScheduled = false;

  const work = (chunk: Buffer) => {
    const startedAt = performance.now();
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      if (spentMs + performance.now() - startedAt > SLICE_MS) {
        waiting = chunk.subarray(at);
        break;
      }
      if (!take(chunk.subarray(at, at + SLICE_BYTES))) {
        stream.destroy();
        return;
      }
    }
    const tookMs = performance.now() - startedAt;
    if (tookMs < SHORT_MS) return;
    spentMs += tookMs;
    if (spentMs > SLICE_MS) stream.pause();
    if (restScheduled) return;
    restScheduled = true;
    setImmediate(goOn);
  };
  const goOn = () => {
    restScheduled = false;
    spentMs = 0;
    if (stream.destroyed) return;
    const chunk = waiting;
    waiting = undefined;
    if (chunk !== undefined) work(chunk);
    if (waiting === undefined && spentMs <= SLICE_MS) stream.resume();
  };
  stream.on("data", (chunk: Buffer) => {
    // More may arrive before the pause takes effect.
    if (waiting !== undefined) waiting = Buffer.concat([waiting, chunk]);
    else work(chunk);
  });
}
