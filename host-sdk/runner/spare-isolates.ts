import type { BlankIsolate, MakeIsolate } from "./blank-isolate.ts";

/** Isolates of the usual size that are ready before a plugin needs one. */
export interface SpareIsolates {
  take(memoryMb: number): Promise<BlankIsolate>;
}

interface SpareOptions {
  readonly makeIsolate: MakeIsolate;
  readonly memoryMb: number;
  /** Whether a call waits: making an isolate would take its CPU. */
  readonly isBusy: () => boolean;
}

/** One for a plugin that is loaded, one for the next version of another beside it. */
const SPARES = 2;
/** Long enough for the plugin that took the spare to load and answer first. */
const REFILL_MS = 250;
/** On a plugin that never rests, the next load is worth more than a few milliseconds of a call. */
const PATIENCE_MS = 2_000;

/** Making an isolate takes longer than loading a small plugin. */
export function createSpares({ makeIsolate, memoryMb, isBusy }: SpareOptions): SpareIsolates {
  const spares: Promise<BlankIsolate>[] = [];
  let timer: NodeJS.Timeout | undefined;
  let waitedMs = 0;

  const refill = () => {
    timer = undefined;
    waitedMs += REFILL_MS;
    if (!isBusy() || waitedMs >= PATIENCE_MS) {
      waitedMs = 0;
      spares.push(makeIsolate(memoryMb));
    }
    if (spares.length < SPARES) refillLater();
  };
  const refillLater = () => {
    timer ??= setTimeout(refill, REFILL_MS);
  };
  spares.push(makeIsolate(memoryMb));
  refillLater();
  return {
    async take(size) {
      const spare = size === memoryMb ? spares.shift() : undefined;
      refillLater();
      return spare ?? makeIsolate(size);
    },
  };
}
