import { setTimeout as wait } from "node:timers/promises";

/** Does `work` again and again, `ms` after it has ended, until it is stopped; an error ends it and is thrown there. */
export function repeatEvery(ms: number, work: () => unknown): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const working = (async () => {
    for (;;) {
      await wait(ms, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await work();
    }
  })();
  working.catch(() => undefined);
  return {
    stop() {
      stopping.abort();
      return working;
    },
  };
}
