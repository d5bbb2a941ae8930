/**
 * Who used the CPU. The kernel knows exactly what the process took, but not for whom; the runner
 * knows whose turns ran and for how long, but on a busy machine that is more than the CPU they got.
 * So what the process took is divided: what this thread took among those it worked for, by how long
 * about it did, and the rest among those who ran, by the time for which they did. Otherwise who waits
 * for this thread would pay for whoever keeps it busy.
 */
export interface CpuLedger {
  /** The clock for {@link CpuLedger.note}, in ms: it stands still during errands. */
  now(): number;
  /** Somebody kept a thread of their own for `ms` since they were last noted. */
  note(debtor: Debtor, ms: number): void;
  /** This thread worked for somebody for about `ms`. */
  serve(debtor: Debtor, ms: number): void;
  /** This thread did an errand of `ms`; nothing that any turn said was heard meanwhile. */
  doErrand(debtor: Debtor | undefined, ms: number): void;
  /** Divides what the process took since the last time. */
  settle(): void;
  /** {@link CpuLedger.settle}, but not more often than is worth its cost. */
  settleWhenDue(now: number): void;
}

/** Somebody who is charged. */
export interface Debtor {
  /** Charged so far, in ms. */
  cpuMs: number;
  /** Noted, but not divided yet: with the next the best guess at what is still to be charged. */
  notedMs: number;
  /** What this thread did for them. */
  servedMs: number;
}

/** Asking the kernel takes about as long as a short call does. */
const DUE_MS = 1;

/** CPU taken so far, in ms. */
export interface CpuTaken {
  readonly process: number;
  /** Of this, the thread that asks. */
  readonly thread: number;
}

/** `read` asks the kernel. */
export function createCpuLedger(read: () => CpuTaken): CpuLedger {
  const debtors = new Set<Debtor>();
  let last = read();
  let settledAt = 0;
  let errandMs = 0;

  const settle = () => {
    const taken = read();
    const threadMs = taken.thread - last.thread;
    const othersMs = Math.max(0, taken.process - last.process - threadMs);
    last = taken;
    let notedMs = 0;
    let servedMs = 0;
    for (const debtor of debtors) {
      notedMs += debtor.notedMs;
      servedMs += debtor.servedMs;
    }
    for (const debtor of debtors) {
      debtor.cpuMs += shareOf(othersMs, debtor.notedMs / notedMs);
      debtor.cpuMs += shareOf(threadMs, debtor.servedMs / servedMs);
      debtor.notedMs = 0;
      debtor.servedMs = 0;
    }
    debtors.clear();
  };
  const serve = (debtor: Debtor, ms: number) => {
    debtor.servedMs += ms;
    debtors.add(debtor);
  };
  return {
    settle,
    serve,
    now: () => performance.now() - errandMs,
    note(debtor, ms) {
      debtor.notedMs += ms;
      debtors.add(debtor);
    },
    doErrand(debtor, ms) {
      errandMs += ms;
      if (debtor !== undefined) serve(debtor, ms);
    },
    settleWhenDue(now) {
      if (now - settledAt < DUE_MS) return;
      settledAt = now;
      settle();
    },
  };
}

/** Nothing of nothing is no number. */
function shareOf(ms: number, part: number): number {
  return part > 0 ? ms * part : 0;
}

/** CPU of this process and of the thread that calls. */
export function readCpu(): CpuTaken {
  return { process: inMs(process.cpuUsage()), thread: inMs(process.threadCpuUsage()) };
}

function inMs({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000;
}
