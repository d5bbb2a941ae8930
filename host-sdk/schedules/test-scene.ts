/** For the tests of the scheduler: hosts, a store and a clock that a test moves. */
import { setImmediate as turn } from "node:timers/promises";
import { RbsmError } from "@rising-bsm/protocol";
import type { HostStore } from "../store/host-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import {
  createScheduler,
  type Schedule,
  type ScheduledPlugin,
  type Scheduler,
} from "./scheduler.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const START = Date.parse("2026-03-02T00:00:00Z");
export const HELLO = "@acme/hello";
export const HOURLY: Schedule = { name: "hourly", cron: "0 * * * *", catchUp: false };

/** Time that passes only when a test says so; timers fire in order on the way. */
function createTestClock() {
  let now = START;
  const timers = new Set<{ readonly at: number; readonly work: () => void }>();
  const idle = async () => {
    for (let i = 0; i < 20; i += 1) await turn();
  };
  return {
    now: () => now,
    setTimer(work: () => void, ms: number) {
      const timer = { at: now + ms, work };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    timers: () => timers.size,
    idle,
    /** The machine sleeps or its clock is set: time is another, timers have not fired. */
    jump: (ms: number) => void (now += ms),
    async pass(ms: number) {
      const end = now + ms;
      for (;;) {
        await idle();
        const [next] = [...timers].sort((a, b) => a.at - b.at);
        if (next === undefined || next.at > end) break;
        now = Math.max(now, next.at);
        // Whatever is due in one moment begins before any of it gets on.
        for (const timer of [...timers].filter(({ at }) => at <= next.at)) {
          timers.delete(timer);
          timer.work();
        }
      }
      now = end;
    },
  };
}

/** A host that only runs schedules. */
export interface TestHost {
  readonly scheduler: Scheduler;
  plugins: ScheduledPlugin[];
  /** What the plugin does; at once by default. */
  work: (signal: AbortSignal) => Promise<unknown>;
  /** Its process is gone: nothing of it writes any more. */
  kill(): void;
  /** Its process stands still, and goes on where it was. */
  freeze(): () => void;
}

/** Hosts on one store, their time, and what ran where. */
export interface Scene {
  store: HostStore;
  readonly clock: ReturnType<typeof createTestClock>;
  readonly runs: { readonly host: string; readonly name: string; readonly at: string }[];
  /** Starts a host with one plugin; on the store as it is then. */
  readonly startHost: (host: string, ...schedules: Schedule[]) => TestHost;
  /** Times of day of the runs. */
  readonly times: () => string[];
}

/** A night without hosts. */
export function createScene(): Scene {
  const clock = createTestClock();
  const runs: { host: string; name: string; at: string }[] = [];
  function startHost(host: string, ...schedules: Schedule[]): TestHost {
    const { store } = scene;
    let dead = false;
    let frozen: (() => void)[] | null = null;
    const fire = (work: () => void) => {
      if (frozen === null) work();
      else frozen.push(work);
    };
    const own: HostStore = {
      ...store,
      commit: (changes) => (dead ? new Promise(() => undefined) : store.commit(changes)),
    };
    const scheduler = createScheduler({
      store: own,
      clock: {
        now: clock.now,
        setTimer: (work, ms) => clock.setTimer(() => dead || fire(work), ms),
      },
      timezone: "UTC",
      instance: host,
      logger: { warn: () => undefined },
      active: () => made.plugins,
      run(key, signal) {
        runs.push({ host, name: key.name, at: new Date(clock.now()).toISOString().slice(0, 16) });
        return made.work(signal);
      },
    });
    const made: TestHost = {
      scheduler,
      plugins: [{ plugin: HELLO, since: clock.now(), schedules }],
      work: async () => undefined,
      kill: () => (dead = true),
      freeze() {
        const waiting: (() => void)[] = (frozen = []);
        return () => {
          frozen = null;
          for (const work of waiting) work();
        };
      },
    };
    scheduler.refresh();
    return made;
  }
  const scene: Scene = {
    store: createMemoryStore(),
    clock,
    runs,
    startHost,
    times: () => runs.map(({ at }) => at.slice(11)),
  };
  return scene;
}

/** Work that ends only when it is cancelled. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new RbsmError("cancelled")));
  });
}
