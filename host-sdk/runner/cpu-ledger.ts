/**
 * Who used the CPU. The kernel knows exactly what the process took, but not for whom; the runner
 * knows whose turns ran and for how long, but on a busy machine that is more than the CPU they got.
 * So what the process took, its own work for the plugins included, is divided among those who ran,
 * by the time for which they did.
 */
export interface CpuLedger {
  /** Somebody kept a thread for `ms` since they were last noted. */
  note(debtor: Debtor, ms: number): void;
  /** Divides what the process took since the last time. */
  settle(): void;
  /** {@link CpuLedger.settle}, but not more often than is worth its cost. */
  settleWhenDue(now: number): void;
}

/** Somebody who is charged. */
export interface Debtor {
  /** Charged so far, in ms. */
  cpuMs: number;
  /** Noted, but not divided yet: the best guess at what is still to be charged. */
  notedMs: number;
}

/** Asking the kernel takes about as long as a short call does. */
const DUE_MS = 1;

/** `processCpuMs` reads what the process has taken so far. */
export function createCpuLedger(processCpuMs: () => number): CpuLedger {
  const debtors = new Set<Debtor>();
  let lastMs = processCpuMs();
  let settledAt = 0;

  const settle = () => {
    const nowMs = processCpuMs();
    const spentMs = nowMs - lastMs;
    lastMs = nowMs;
    let notedMs = 0;
    for (const debtor of debtors) notedMs += debtor.notedMs;
    for (const debtor of debtors) {
      debtor.cpuMs += (spentMs * debtor.notedMs) / notedMs;
      debtor.notedMs = 0;
    }
    debtors.clear();
  };
  return {
    settle,
    note(debtor, ms) {
      debtor.notedMs += ms;
      if (debtor.notedMs > 0) debtors.add(debtor);
    },
    settleWhenDue(now) {
      if (now - settledAt < DUE_MS) return;
      settledAt = now;
      settle();
    },
  };
}

/** CPU of this process in ms. */
export function processCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
