import { HISTORY_LIMITS, type Json } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Change, HostStore } from "../store/host-store.ts";
import type { StateEvent } from "./slots.ts";

/*
 * event / <plugin> <number>   one row a state change; written here alone, in the order of events.
 * A plugin's rows outlive its uninstall, and the oldest go when there are too many.
 */
const KIND = "event";
const DIGITS = 12;
/** Events that come together share a commit. */
const TOGETHER_MS = 50;
/** Fewer than are kept, so that no commit both writes and removes a row. */
const COMMIT_EVENTS = 100;

const eventSchema = z.custom<StateEvent>(
  (value) => typeof value === "object" && value !== null && "change" in value,
);

/** What happened to each plugin, kept in the store. */
export interface StateHistory {
  /** Never throws: what cannot be stored is logged. */
  write(event: StateEvent): void;
  /** The newest changes of a plugin, oldest first. */
  read(plugin: string): Promise<StateEvent[]>;
  /** Stores what is waiting. */
  flush(): Promise<void>;
}

/** What the history is kept with. */
export interface HistoryParts {
  readonly store: HostStore;
  readonly logger: { warn(message: string, fields?: Record<string, unknown>): void };
}

/** Numbers of a plugin's rows: the oldest that may be there, and the next. */
interface Numbers {
  oldest: number;
  next: number;
}

/** The history of one host. */
export function createStateHistory({ store, logger }: HistoryParts): StateHistory {
  const numbers = new Map<string, Numbers>();
  let waiting: StateEvent[] = [];
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();

  const append = async (events: readonly StateEvent[]) => {
    for (let from = 0; from < events.length; from += COMMIT_EVENTS) {
      const some = events.slice(from, from + COMMIT_EVENTS);
      const commit = async () => store.commit(await changesFor(store, numbers, some));
      await commit().catch(async () => {
        // Another process on this store has used the numbers.
        numbers.clear();
        await commit();
      });
    }
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const events = waiting;
    waiting = [];
    if (events.length > 0)
      last = last
        .then(() => append(events))
        .catch((error: unknown) => {
          numbers.clear();
          logger.warn("The states of plugins could not be recorded", { error });
        });
    return last;
  };
  return {
    write(event) {
      waiting.push(event);
      timer ??= setTimeout(flush, TOGETHER_MS).unref();
    },
    async read(plugin) {
      await flush();
      const rows = await store.list(KIND, { prefix: `${plugin} ` });
      return rows
        .slice(-HISTORY_LIMITS.eventsPerPlugin)
        .flatMap(({ value }) => eventSchema.safeParse(value).data ?? []);
    },
    flush,
  };
}

async function changesFor(
  store: HostStore,
  numbers: Map<string, Numbers>,
  events: readonly StateEvent[],
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const event of events) {
    const { plugin } = event;
    const known = numbers.get(plugin) ?? (await readNumbers(store, plugin));
    numbers.set(plugin, known);
    const key = keyOf(plugin, known.next++);
    changes.push({ kind: KIND, key, value: jsonOf(event), ifVersion: null });
    if (known.next - known.oldest <= HISTORY_LIMITS.eventsPerPlugin) continue;
    changes.push({ kind: KIND, key: keyOf(plugin, known.oldest++), value: null });
  }
  return changes;
}

async function readNumbers(store: HostStore, plugin: string): Promise<Numbers> {
  const rows = await store.list(KIND, { prefix: `${plugin} ` });
  const numberOf = (key: string | undefined) => Number(key?.slice(-DIGITS) ?? 0);
  const next = numberOf(rows.at(-1)?.key) + 1;
  return { oldest: rows.length === 0 ? next : numberOf(rows[0]?.key), next };
}

function keyOf(plugin: string, number: number): string {
  return `${plugin} ${String(number).padStart(DIGITS, "0")}`;
}

/** A plugin's own words may be long. */
function jsonOf({ reason, ...event }: StateEvent): Json {
  if (reason === null) return { ...event, reason };
  const { code, message } = reason;
  return {
    ...event,
    reason: { code, message: message.slice(0, HISTORY_LIMITS.messageChars).toWellFormed() },
  };
}
