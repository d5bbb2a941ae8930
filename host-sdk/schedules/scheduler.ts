import { RbsmError, SCHEDULE_LIMITS } from "@rising-bsm/protocol";
import { type RunParts, runSchedule } from "./run-schedule.ts";
import { nextTurn } from "../runtime/event-loop-turns.ts";
import {
  readSchedule,
  type ScheduleKey,
  type ScheduleRow,
  type StoredSchedule,
  writeSchedule,
} from "./schedule-row.ts";
import { jitterOf, nextTick } from "./ticks.ts";

/** A schedule as its manifest declares it. */
export interface Schedule {
  readonly name: string;
  readonly cron: string;
  readonly catchUp: boolean;
}

/** An active plugin with its schedules. */
export interface ScheduledPlugin {
  readonly plugin: string;
  /** Since when it has been active in this form, ms since 1970: nothing was missed before. */
  readonly since: number;
  readonly schedules: readonly Schedule[];
}

/** What the scheduler works with. */
export interface SchedulerParts extends Omit<RunParts, "owner"> {
  /** The plugins whose schedules run now. */
  readonly active: () => readonly ScheduledPlugin[];
  readonly timezone: string;
  /** Makes the jitter of this host its own. */
  readonly instance: string;
}

/** A schedule and how it goes. */
export interface ScheduleInfo extends Schedule {
  /** ISO time of the next run, jitter included; null when the plugin is not active or no time fits. */
  readonly nextAt: string | null;
  /** ISO time of the last run. */
  readonly lastAt: string | null;
  readonly lastMs: number | null;
  /** `ok`, or the code of the failure. */
  readonly lastOutcome: string | null;
  readonly running: boolean;
  readonly runs: number;
  readonly failures: number;
  /** Planned runs that were left out: too late, or the one before had not ended. */
  readonly skipped: number;
}

/** Runs the schedules of the active plugins. */
export interface Scheduler {
  /** Plans anew; call it when plugins have changed. Nothing runs before the first call. */
  refresh(): void;
  /** Runs a schedule now; throws what the plugin threw, and `conflict_state` while it runs already. */
  runNow(key: ScheduleKey): Promise<void>;
  describe(plugin: string, schedules: readonly Schedule[]): Promise<ScheduleInfo[]>;
  /** Cancels what runs and waits until it has ended. */
  close(): Promise<void>;
}

interface Entry extends Schedule {
  readonly key: ScheduleKey;
  /** The planned time and when it is due with its jitter; null: none fits. */
  plan: { readonly tick: number; readonly dueAt: number } | null;
  /** Being planned, run or watched; nothing else may begin on it. */
  busy: boolean;
  /** Version of the row when another process was last seen at work on it. */
  watched: number | null;
  /** Waits for that process. */
  resting: boolean;
  stopWatching: () => void;
}

interface State {
  readonly parts: SchedulerParts & RunParts;
  readonly entries: Map<string, Entry>;
  readonly working: Set<Promise<void>>;
  /** Runs under way by id. */
  readonly running: Set<string>;
  readonly stop: AbortController;
  cancelTimer: () => void;
}

/** A scheduler over one store; several processes may have one each on the same store. */
export function createScheduler(parts: SchedulerParts): Scheduler {
  const state: State = {
    parts: { ...parts, owner: crypto.randomUUID() },
    entries: new Map(),
    working: new Set(),
    running: new Set(),
    stop: new AbortController(),
    cancelTimer: () => {},
  };
  return {
    refresh: () => refresh(state),
    async runNow(key) {
      const run = runNow(state, key);
      const settled = run.then(
        () => undefined,
        () => undefined,
      );
      state.working.add(settled);
      await settled;
      state.working.delete(settled);
      setTimer(state);
      return run;
    },
    describe: (plugin, schedules) =>
      Promise.all(schedules.map((schedule) => describe(state, plugin, schedule))),
    async close() {
      state.stop.abort();
      state.cancelTimer();
      for (const { stopWatching } of state.entries.values()) stopWatching();
      await Promise.all(state.working);
    },
  };
}

const idOf = ({ plugin, name }: ScheduleKey) => `${plugin} ${name}`;

function refresh(state: State): void {
  if (state.stop.signal.aborted) return;
  const wanted = new Set<string>();
  for (const { plugin, since, schedules } of state.parts.active()) {
    for (const schedule of schedules) {
      const key = { plugin, name: schedule.name };
      const id = idOf(key);
      wanted.add(id);
      const known = state.entries.get(id);
      if (known?.cron === schedule.cron && known.catchUp === schedule.catchUp) continue;
      const entry: Entry = {
        ...schedule,
        key,
        plan: null,
        busy: true,
        watched: null,
        resting: false,
        stopWatching: () => {},
      };
      state.entries.set(id, entry);
      work(state, entry, () => begin(state, entry, since));
    }
  }
  for (const id of state.entries.keys()) if (!wanted.has(id)) state.entries.delete(id);
}

/** Work on one entry; when it ends the entry is free again and the timer set. */
function work(state: State, entry: Entry, job: () => Promise<void>): void {
  entry.busy = true;
  entry.resting = false;
  const done = job()
    .catch((error: unknown) => {
      state.parts.logger.warn("A schedule could not be run", { ...entry.key, error });
      planAfter(state, entry, Math.max(state.parts.clock.now(), entry.plan?.tick ?? 0));
    })
    .finally(() => {
      state.working.delete(done);
      entry.busy = entry.resting;
      setTimer(state);
    });
  state.working.add(done);
}

/** Where the last process on this store left off, or where the plugin's time began. */
async function begin(state: State, entry: Entry, since: number): Promise<void> {
  const { row, version } = await readSchedule(state.parts.store, entry.key);
  // To find that a time never comes takes some ms, and a plugin may have a hundred such schedules.
  await nextTurn();
  planAfter(state, entry, Math.max(since, believable(row.settled, state.parts.clock.now())));
  if (isClaimed(state, entry.key, row)) watch(state, entry, version);
}

/** A clock that was far ahead for a while must not stop a schedule for as long. */
function believable(settled: number, now: number): number {
  return settled > now + 24 * 3_600_000 ? 0 : settled;
}

function planAfter(state: State, entry: Entry, after: number): void {
  const { timezone, instance } = state.parts;
  const tick = nextTick(entry.cron, timezone, after);
  if (tick === null) {
    entry.plan = null;
    return;
  }
  const interval = (nextTick(entry.cron, timezone, tick) ?? Infinity) - tick;
  const jitter = jitterOf(`${instance} ${idOf(entry.key)}`, interval);
  entry.plan = { tick, dueAt: tick + jitter };
}

function setTimer(state: State): void {
  const { clock } = state.parts;
  state.cancelTimer();
  if (state.stop.signal.aborted) return;
  const now = clock.now();
  const due = waiting(state)[0]?.plan?.dueAt ?? Infinity;
  const full = state.running.size >= SCHEDULE_LIMITS.running;
  const wait = full ? SCHEDULE_LIMITS.wakeMs : Math.max(0, due - now);
  state.cancelTimer = clock.setTimer(() => runDue(state), Math.min(wait, SCHEDULE_LIMITS.wakeMs));
}

/** Entries that nothing is at work on, the next due first. */
function waiting(state: State): Entry[] {
  const dueAt = ({ plan }: Entry) => plan?.dueAt ?? Infinity;
  return [...state.entries.values()]
    .filter(({ busy }) => !busy)
    .sort((a, b) => dueAt(a) - dueAt(b));
}

function runDue(state: State): void {
  const now = state.parts.clock.now();
  const due = waiting(state).filter(({ plan }) => plan !== null && plan.dueAt <= now);
  const room = Math.max(0, SCHEDULE_LIMITS.running - state.running.size);
  for (const entry of due.slice(0, room)) work(state, entry, () => settle(state, entry));
  setTimer(state);
}

/** A planned time has come: run it, unless it is over or somebody is at work on it. */
async function settle(state: State, entry: Entry): Promise<void> {
  const { plan } = entry;
  if (state.entries.get(idOf(entry.key)) !== entry) return;
  const stored = await readSchedule(state.parts.store, entry.key);
  const { row, version } = stored;
  if (plan !== null && believable(row.settled, state.parts.clock.now()) >= plan.tick)
    return planAfter(state, entry, row.settled);
  const interrupted = isClaimed(state, entry.key, row);
  if (interrupted && entry.watched !== version) return watch(state, entry, version);
  if (interrupted && isByHand(row, plan)) return releaseClaim(state, entry, stored);
  return plan === null ? undefined : runPlanned(state, entry, { stored, plan, interrupted });
}

/** A run by hand settles no time that is still to come. */
function isByHand({ claim }: ScheduleRow, plan: Entry["plan"]): boolean {
  return plan === null || (claim?.tick ?? 0) < plan.tick;
}

/** A claim of this process that no run stands behind was left by a store that failed. */
function isClaimed(state: State, key: ScheduleKey, { claim }: ScheduleRow): boolean {
  if (claim === null) return false;
  return claim.owner !== state.parts.owner || state.running.has(idOf(key));
}

/** Another process is at work: look again when its claim is as old as that of one that has died. */
function watch(state: State, entry: Entry, version: number | null): void {
  entry.watched = version;
  entry.resting = true;
  const again = () => {
    if (!state.stop.signal.aborted) work(state, entry, () => settle(state, entry));
  };
  entry.stopWatching = state.parts.clock.setTimer(again, SCHEDULE_LIMITS.claimMs);
}

interface DueRun {
  readonly stored: StoredSchedule;
  readonly plan: NonNullable<Entry["plan"]>;
  /** The process that was at work on it has died. */
  readonly interrupted: boolean;
}

async function runPlanned(state: State, entry: Entry, due: DueRun): Promise<void> {
  const { stored, plan, interrupted } = due;
  const now = state.parts.clock.now();
  const late = interrupted || now - plan.dueAt > SCHEDULE_LIMITS.lateMs;
  if (late && !entry.catchUp) return leaveOut(state, entry, { stored, now, interrupted });
  const tick = late ? Math.max(now, plan.tick) : plan.tick;
  const { claimed } = await makeRun(state, entry.key, { stored, tick });
  if (!claimed) return watch(state, entry, null);
  return planNext(state, entry, tick);
}

/** What was missed without `catchUp`; a run that its host did not end is a failed one. */
async function leaveOut(
  state: State,
  entry: Entry,
  { stored, now, interrupted }: { stored: StoredSchedule; now: number; interrupted: boolean },
): Promise<void> {
  const { row } = stored;
  const ended = interrupted ? cancelled(row) : { ...row, skipped: row.skipped + 1 };
  const over = { ...ended, settled: now, claim: null };
  await writeSchedule(state.parts.store, entry.key, { ...stored, row: over });
  planAfter(state, entry, now);
}

/** A run by hand that its host did not end; the planned time is still to come. */
async function releaseClaim(state: State, entry: Entry, stored: StoredSchedule): Promise<void> {
  const row = { ...cancelled(stored.row), claim: null };
  await writeSchedule(state.parts.store, entry.key, { ...stored, row });
}

function cancelled(row: ScheduleRow): ScheduleRow {
  const last = { at: row.claim?.at ?? row.settled, ms: 0, outcome: "cancelled" } as const;
  return { ...row, runs: row.runs + 1, failures: row.failures + 1, last };
}

async function makeRun(
  state: State,
  key: ScheduleKey,
  { stored, tick }: { stored: StoredSchedule; tick: number },
) {
  const id = idOf(key);
  state.running.add(id);
  try {
    return await runSchedule(state.parts, { key, tick, stored, signal: state.stop.signal });
  } finally {
    state.running.delete(id);
  }
}

/** Planned times that passed while the run took its time are left out, and counted as one. */
async function planNext(state: State, entry: Entry, tick: number): Promise<void> {
  const { store, clock } = state.parts;
  const now = Math.max(tick, clock.now());
  planAfter(state, entry, tick);
  if (entry.plan === null || entry.plan.tick > now) return;
  const { row, version } = await readSchedule(store, entry.key);
  const skipped = { ...row, settled: now, skipped: row.skipped + 1 };
  if (version !== null) await writeSchedule(store, entry.key, { row: skipped, version });
  planAfter(state, entry, now);
}

async function runNow(state: State, key: ScheduleKey): Promise<void> {
  const stored = await readSchedule(state.parts.store, key);
  const busy = state.running.has(idOf(key)) || isClaimed(state, key, stored.row);
  const { settled } = stored.row;
  const made = busy ? { claimed: false } : await makeRun(state, key, { stored, tick: settled });
  if (!made.claimed)
    throw new RbsmError("conflict_state", `${key.name} of ${key.plugin} is running already`, {
      fix: "Wait until it has ended.",
    });
  if (made.error !== undefined) throw made.error;
}

async function describe(state: State, plugin: string, schedule: Schedule): Promise<ScheduleInfo> {
  const key = { plugin, name: schedule.name };
  const { row } = await readSchedule(state.parts.store, key);
  const { last, runs, failures, skipped } = row;
  const { name, cron, catchUp } = schedule;
  const planned = state.entries.get(idOf(key))?.plan ?? null;
  return {
    name,
    cron,
    catchUp,
    nextAt: planned === null ? null : new Date(planned.dueAt).toISOString(),
    lastAt: last === null ? null : new Date(last.at).toISOString(),
    lastMs: last?.ms ?? null,
    lastOutcome: last?.outcome ?? null,
    running: isClaimed(state, key, row),
    runs,
    failures,
    skipped,
  };
}
