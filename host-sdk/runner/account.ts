/** One call, or the load, of a plugin: what it may use and what it has used. */
export interface Account {
  readonly id: number;
  /** The load of the plugin: an error that nobody handles fails it. */
  readonly isLoad: boolean;
  readonly cpuLimitMs: number;
  /** How many bytes of JSON the result may have. */
  readonly resultBytes: number;
  /** On the clock of performance.now(). */
  readonly deadline: number;
  cpuMs: number;
  /** See the CPU ledger: not charged yet. */
  notedMs: number;
  servedMs: number;
  peakRssMb: number;
  /** Somebody still waits for the outcome. */
  open: boolean;
  /** Known, but not reported before the turn that made it has ended and its CPU is counted. */
  outcome: Outcome | undefined;
  hostCalls: number;
  readonly timers: Map<number, NodeJS.Timeout>;
}

export type Outcome =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly error: Failure };

export interface Failure {
  readonly code?: string | undefined;
  readonly name?: string;
  readonly message: string;
  readonly stack?: string;
  readonly collateral?: boolean;
  /** No code of the plugin has seen the call. */
  readonly notStarted?: boolean;
}

interface Budget {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly isLoad: boolean;
  readonly resultBytes: number;
}

export function openAccount(id: number, budget: Budget): Account {
  return {
    id,
    isLoad: budget.isLoad,
    resultBytes: budget.resultBytes,
    cpuLimitMs: budget.cpuMs,
    deadline: performance.now() + budget.wallMs,
    cpuMs: 0,
    notedMs: 0,
    servedMs: 0,
    peakRssMb: 0,
    open: true,
    outcome: undefined,
    hostCalls: 0,
    timers: new Map(),
  };
}
