/** So many late pages at once are no slow query but a database that stalls. */
const MOST_LATE = 3;
/** The platform ends what is under way after this long, without a word. */
const ENDED_MS = 30_000;

/** Which pages of this isolate are late now: what stalls is not asked for more that a copy can answer. */
export interface Stall {
  isOn(now: number): boolean;
  /** Adds a page that was asked for at `at` and is late. */
  add(at: number, page: Promise<unknown>): void;
}

export function watchStall(): Stall {
  const late = new Map<Promise<unknown>, number>();
  return {
    isOn: (now) => [...late.values()].filter((at) => at > now - ENDED_MS).length >= MOST_LATE,
    add(at, page) {
      for (const [known, since] of late) if (since <= at - ENDED_MS) late.delete(known);
      late.set(page, at);
      const forget = () => late.delete(page);
      page.then(forget, forget);
    },
  };
}
