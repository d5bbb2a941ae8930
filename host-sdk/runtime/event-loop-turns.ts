/** How long one piece of long work may hold the host's event loop, in ms. */
export const SLICE_MS = 2;

const waiting: (() => void)[] = [];
let scheduled = false;

/**
 * Settles when it is the caller's turn again. One piece of work goes on in each turn of the event
 * loop, however many there are: what others wait for comes in between.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    schedule();
  });
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    waiting.shift()?.();
    if (waiting.length > 0) schedule();
  });
}

/** Undefined when the caller may begin now; else settles when it may. */
export type Gate = () => Promise<void> | undefined;

/** Lets so many short pieces of work begin in each turn of the event loop; the others wait in order. */
export function createGate(perTurn: number): Gate {
  const queue: (() => void)[] = [];
  let begun = 0;
  const renew = () => {
    begun = 0;
    for (const begin of queue.splice(0, perTurn)) {
      begun += 1;
      begin();
    }
    if (begun > 0) setImmediate(renew);
  };
  return () => {
    if (begun === 0) setImmediate(renew);
    if (begun >= perTurn) return new Promise((resolve) => queue.push(resolve));
    begun += 1;
    return undefined;
  };
}

/** Says when work has held the event loop long enough; after a turn it starts anew. */
export function createSlice(): { isOver(): boolean; begin(): void } {
  let startedAt = performance.now();
  return {
    isOver: () => performance.now() - startedAt > SLICE_MS,
    begin: () => void (startedAt = performance.now()),
  };
}
