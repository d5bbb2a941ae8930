/**
 * How long one turn of this process's event loop works, in ms of its thread's CPU: on a busy machine
 * the loop also waits for its turn, and that says nothing about who held it up.
 */
export interface StallMeter {
  /** The longest since the last call. */
  take(): number;
  stop(): void;
}

const TICK_MS = 2;

/** A timer fires once a turn, so between two fires lies one turn and at most a tick of others. */
export function startStallMeter(): StallMeter {
  let longest = 0;
  let before = process.threadCpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1_000);
    before = process.threadCpuUsage();
  }, TICK_MS);
  return {
    take() {
      const taken = longest;
      longest = 0;
      return taken;
    },
    stop: () => clearInterval(timer),
  };
}
