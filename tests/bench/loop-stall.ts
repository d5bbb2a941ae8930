/** How long single iterations of this process's event loop keep it busy. */
export interface StallWatch {
  /** Since the last time it was asked, in ms: CPU of the main thread, and time by the clock. */
  take(): Stall;
  stop(): void;
}

export interface Stall {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/**
 * Looks every millisecond what was used since: one iteration, or a few short ones, so the most that
 * is seen is at least the longest iteration. On a machine that is shared the time by the clock also
 * holds the turns of others; CPU does not.
 */
export function watchStalls(): StallWatch {
  let most = { cpuMs: 0, wallMs: 0 };
  let cpu = process.threadCpuUsage();
  let busy = performance.eventLoopUtilization();
  const look = () => {
    const { user, system } = process.threadCpuUsage(cpu);
    const { active } = performance.eventLoopUtilization(busy);
    cpu = process.threadCpuUsage();
    busy = performance.eventLoopUtilization();
    most = {
      cpuMs: Math.max(most.cpuMs, (user + system) / 1_000),
      wallMs: Math.max(most.wallMs, active),
    };
  };
  const timer = setInterval(look, 1);
  return {
    take() {
      const taken = most;
      most = { cpuMs: 0, wallMs: 0 };
      cpu = process.threadCpuUsage();
      busy = performance.eventLoopUtilization();
      return taken;
    },
    stop: () => clearInterval(timer),
  };
}
