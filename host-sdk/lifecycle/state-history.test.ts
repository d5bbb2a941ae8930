import { HISTORY_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { createMemoryStore } from "../store/memory-store.ts";
import type { StateEvent } from "./slots.ts";
import { createStateHistory } from "./state-history.ts";

const HELLO = "@acme/hello";
const logger = { warn: () => undefined };
const eventOf = (version: string, plugin = HELLO): StateEvent => ({
  plugin,
  version,
  state: "active",
  change: "updated",
  reason: null,
  at: "2026-01-01T00:00:00.000Z",
});
const versions = (events: StateEvent[]) => events.map(({ version }) => version);

test("changes are kept in order, each plugin's apart, beyond the process that wrote them", async () => {
  const store = createMemoryStore();
  const first = createStateHistory({ store, logger });
  for (const version of ["1", "2", "3"]) first.write(eventOf(version));
  first.write(eventOf("9", "@acme/hello2"));
  expect(versions(await first.read(HELLO))).toEqual(["1", "2", "3"]);
  const second = createStateHistory({ store, logger });
  second.write(eventOf("4"));
  expect(versions(await second.read(HELLO))).toEqual(["1", "2", "3", "4"]);
  expect(versions(await second.read("@acme/hello2"))).toEqual(["9"]);
});

test("two processes on one store lose nothing of each other", async () => {
  const store = createMemoryStore();
  const [a, b] = [createStateHistory({ store, logger }), createStateHistory({ store, logger })];
  for (let i = 0; i < 10; i += 1) {
    a.write(eventOf(`a${i}`));
    b.write(eventOf(`b${i}`));
    await Promise.all([a.flush(), b.flush()]);
  }
  expect(versions(await a.read(HELLO)).toSorted()).toHaveLength(20);
});

test("the oldest changes go when there are too many", async () => {
  const store = createMemoryStore();
  const history = createStateHistory({ store, logger });
  const { eventsPerPlugin } = HISTORY_LIMITS;
  for (let i = 0; i < eventsPerPlugin + 30; i += 1) history.write(eventOf(String(i)));
  const kept = versions(await history.read(HELLO));
  expect(kept).toHaveLength(eventsPerPlugin);
  expect(kept.at(-1)).toBe(String(eventsPerPlugin + 29));
  expect(await store.list("event")).toHaveLength(eventsPerPlugin);
});

test("a store that fails costs what was to be written and throws nothing", async () => {
  const working = createMemoryStore();
  let full = true;
  const warnings: string[] = [];
  const history = createStateHistory({
    store: {
      ...working,
      async commit(changes) {
        if (full) throw new RbsmError("disk_full");
        return working.commit(changes);
      },
    },
    logger: { warn: (message) => void warnings.push(message) },
  });
  history.write(eventOf("1"));
  await history.flush();
  expect(warnings).toHaveLength(1);
  full = false;
  history.write(eventOf("2"));
  expect(versions(await history.read(HELLO))).toEqual(["2"]);
});

test("a plugin's own words are cut", async () => {
  const history = createStateHistory({ store: createMemoryStore(), logger });
  history.write({
    ...eventOf("1"),
    change: "failed",
    reason: { code: "plugin_threw", message: "x".repeat(9_999) },
  });
  const [event] = await history.read(HELLO);
  expect(event?.reason?.message).toHaveLength(HISTORY_LIMITS.messageChars);
});
