/** One line of the benchmark table. `ratio` is against the baseline of the same run. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly baseline: string;
  readonly ratio: string;
  readonly goal: string;
  /** "–" where no goal was set. */
  readonly met: "yes" | "no" | "–";
}

/** Milliseconds that each of `runs` calls took, after `warmUp` calls that do not count; sorted. */
export async function timings(work: () => unknown, runs: number, warmUp = 3): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < warmUp + runs; index += 1) {
    const startedAt = performance.now();
    await work();
    if (index >= warmUp) times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b);
}

/** The least of sorted `times` that the share `p` (0 to 1) of them does not exceed. */
export function percentile(times: readonly number[], p: number): number {
  return times[Math.max(0, Math.ceil(times.length * p) - 1)] ?? Number.NaN;
}

/** `p50 / p95 / p99 ms`. */
export function spread(times: readonly number[]): string {
  return `${[0.5, 0.95, 0.99].map((p) => percentile(times, p).toFixed(2)).join(" / ")} ms`;
}

/** `a` over `b`. */
export function ratio(a: number, b: number): string {
  return `${(a / b).toFixed(2)} ×`;
}

/** Whether a value is at most the goal, and the goal as it is printed. */
export function atMost(value: number, limit: number, unit: string): Pick<Figure, "goal" | "met"> {
  return { goal: `≤ ${limit} ${unit}`, met: value <= limit ? "yes" : "no" };
}

/** Of a figure without a goal. */
export const NO_GOAL = { goal: "–", met: "–" } as const;

/** Ends a benchmark program: its figures as one JSON line on stdout. */
export function report(figures: readonly Figure[]): never {
  console.log(JSON.stringify(figures));
  process.exit(0);
}
