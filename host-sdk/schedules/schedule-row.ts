import { type ErrorCode, isErrorCode } from "@rising-bsm/protocol";
import { z } from "zod";
import { type Change, type HostStore, tryCommit } from "../store/host-store.ts";

/*
 * schedule / <plugin> <schedule>   one row a schedule that has run; written by the scheduler alone.
 * `settled` says up to when (ms since 1970) every planned run is over: run, made up or left out.
 * `claim` names the process at work on a run. Every write is conditional, so of several processes
 * on one store one gets the run.
 */
const KIND = "schedule";

const outcome = z.union([z.literal("ok"), z.custom<ErrorCode>(isErrorCode)]);
const rowSchema = z.object({
  settled: z.number(),
  claim: z.object({ owner: z.string(), tick: z.number(), at: z.number() }).nullable(),
  last: z.object({ at: z.number(), ms: z.number(), outcome }).nullable(),
  runs: z.int(),
  failures: z.int(),
  skipped: z.int(),
});

/** What is stored of one schedule. */
export type ScheduleRow = z.output<typeof rowSchema>;

/** A schedule of a plugin by name. */
export interface ScheduleKey {
  readonly plugin: string;
  readonly name: string;
}

/** A row with the version that its next write has to name; null: there is none yet. */
export interface StoredSchedule {
  readonly row: ScheduleRow;
  readonly version: number | null;
}

/** The row of a schedule, or what a schedule that has never run begins with. */
export async function readSchedule(store: HostStore, key: ScheduleKey): Promise<StoredSchedule> {
  const stored = await store.get(KIND, keyOf(key));
  const parsed = rowSchema.safeParse(stored?.value);
  // A row that cannot be read says nothing about the past; the next run writes it anew.
  const row = parsed.data ?? {
    settled: 0,
    claim: null,
    last: null,
    runs: 0,
    failures: 0,
    skipped: 0,
  };
  return { row, version: stored?.version ?? null };
}

/** Stores the row over the version that was read; null when another process was faster. */
export async function writeSchedule(
  store: HostStore,
  key: ScheduleKey,
  { row, version }: StoredSchedule,
): Promise<StoredSchedule | null> {
  const change = { kind: KIND, key: keyOf(key), value: row, ifVersion: version };
  const next = await tryCommit(store, [change]);
  return next === null ? null : { row, version: next };
}

/** The changes that forget all schedules of a plugin. */
export async function forgetSchedules(store: HostStore, plugin: string): Promise<Change[]> {
  const rows = await store.list(KIND, { prefix: `${plugin} ` });
  return rows.map(({ key }) => ({ kind: KIND, key, value: null }));
}

function keyOf({ plugin, name }: ScheduleKey): string {
  return `${plugin} ${name}`;
}
