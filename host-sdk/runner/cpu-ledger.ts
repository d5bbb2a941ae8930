/**
 * Who used the CPU. isolated-vm's own figure is the time an isolate held its thread, which on a busy
 * machine is more than the CPU it got; the kernel's figure is exact but for the whole process. So
 * the process's CPU, without the main thread's, pays for the times of the isolates that ran.
 */
export interface CpuLedger {
  /** Starts counting for an isolate; `heldMs` reads how long it has held a thread so far. */
  enter(heldMs: () => number): CpuMeter;
  /** Brings the figures of all meters up to date. */
  settle(): void;
}

export interface CpuMeter {
  /** CPU since `enter`, as of the last settling. */
  readonly cpuMs: () => number;
  /** Settles, stops counting and gives the final figure. */
  readonly leave: () => number;
}

interface Entry {
  readonly heldMs: () => number;
  seenMs: number;
  /** Held, but not yet paid for: the kernel's figure lags behind for threads that are running. */
  owedMs: number;
  paidMs: number;
}

/** CPU that nobody owes for is other work of the process: little of it is kept for the lag. */
const MAX_SURPLUS_MS = 5;

export function createCpuLedger(processCpuMs: () => number): CpuLedger {
  const entries = new Set<Entry>();
  let lastMs = processCpuMs();
  let surplusMs = 0;

  const settle = () => {
    const nowMs = processCpuMs();
    surplusMs += nowMs - lastMs;
    lastMs = nowMs;
    let owedMs = 0;
    for (const entry of entries) {
      const heldMs = entry.heldMs();
      entry.owedMs += Math.max(0, heldMs - entry.seenMs);
      entry.seenMs = heldMs;
      owedMs += entry.owedMs;
    }
    const share = owedMs === 0 ? 0 : Math.min(1, Math.max(0, surplusMs) / owedMs);
    for (const entry of entries) {
      entry.paidMs += entry.owedMs * share;
      entry.owedMs *= 1 - share;
    }
    surplusMs = Math.min(MAX_SURPLUS_MS, surplusMs - owedMs * share);
  };
  return {
    settle,
    enter(heldMs) {
      settle();
      if (entries.size === 0) surplusMs = 0;
      const entry: Entry = { heldMs, seenMs: heldMs(), owedMs: 0, paidMs: 0 };
      entries.add(entry);
      const leave = () => {
        if (entries.has(entry)) settle();
        entries.delete(entry);
        return entry.paidMs;
      };
      return { cpuMs: () => entry.paidMs, leave };
    },
  };
}

/** CPU of this process in ms, the main thread's left out. */
export function cpuBesideMainThread(): number {
  const all = process.cpuUsage();
  const main = process.threadCpuUsage();
  return (all.user + all.system - main.user - main.system) / 1_000;
}
