import type { Frame } from "./frames.ts";

/**
 * The answers to one plugin's host calls. In the pipe they would be before everything that others
 * are sent, and a child that is behind is ended with all its plugins: so most of them wait here.
 */
export interface AnswerLane {
  /** Undefined when the plugin may ask for more; else settles when it may. */
  room(): Promise<void> | undefined;
  /** Sends a frame after those before it. */
  send(frame: Frame): void;
}

/** `write` calls `onTaken` once. */
export type WriteFrame = (frame: Frame, onTaken: () => void) => void;

/** Of the text of answers: a single one may be longer. */
const IN_PIPE_CHARS = 1_048_576;
const KEPT_CHARS = 4 * IN_PIPE_CHARS;
/** What a frame takes beside its text. */
const FRAME_CHARS = 256;

export function createAnswerLane(write: WriteFrame): AnswerLane {
  const waiting: Frame[] = [];
  const asking: (() => void)[] = [];
  let inPipe = 0;
  let kept = 0;

  const pump = () => {
    while (inPipe < IN_PIPE_CHARS) {
      const next = waiting.shift();
      if (next === undefined) break;
      const size = sizeOf(next);
      inPipe += size;
      write(next, () => {
        inPipe -= size;
        kept -= size;
        pump();
      });
    }
    if (kept < KEPT_CHARS) for (const goOn of asking.splice(0)) goOn();
  };
  return {
    room: () =>
      kept < KEPT_CHARS ? undefined : new Promise((resolve) => void asking.push(resolve)),
    send(frame) {
      kept += sizeOf(frame);
      waiting.push(frame);
      pump();
    },
  };
}

function sizeOf({ body }: Frame): number {
  return body.length + FRAME_CHARS;
}
