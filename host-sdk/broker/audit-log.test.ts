import { AUDIT_LIMITS } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import type { HostStore } from "../store/host-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { type AuditLog, createAuditLog } from "./audit-log.ts";
import type { AuditRow } from "./broker.ts";

let store: HostStore;
let log: AuditLog;
let errors: string[];
let commits: number;

beforeEach(() => {
  errors = [];
  commits = 0;
  const memory = createMemoryStore();
  store = {
    ...memory,
    commit: async (changes) => {
      commits += 1;
      return memory.commit(changes);
    },
  };
  log = createAuditLog(store, { error: (message) => errors.push(message) });
});

function row(at: number, plugin = "@acme/a"): AuditRow {
  return { at, plugin, actor: 7, method: "storage.get", permission: null, outcome: "ok", ms: 1 };
}

function writeRows(count: number, plugin = "@acme/a"): void {
  for (let at = 1; at <= count; at += 1) log.write(row(at, plugin));
}

test("rows come back newest first, of one plugin or of all", async () => {
  log.write(row(1));
  log.write(row(2, "@acme/b"));
  log.write(row(3));
  expect((await log.read({})).map(({ at }) => at)).toEqual([3, 2, 1]);
  expect(await log.read({ plugin: "@acme/a", limit: 1 })).toEqual([row(3)]);
  expect(await log.read({ plugin: "@acme" })).toEqual([]);
});

test("rows outlive the process that wrote them, and new ones follow", async () => {
  writeRows(3);
  await log.close();
  log = createAuditLog(store, { error: (message) => errors.push(message) });
  log.write(row(4));
  expect((await log.read({})).map(({ at }) => at)).toEqual([4, 3, 2, 1]);
});

test("many rows are one commit, made within a second", async () => {
  writeRows(1_200);
  await expect.poll(() => commits, { timeout: 5_000 }).toBe(1);
  expect(await store.list("audit")).toHaveLength(3);
});

test("of each plugin the last rows are kept, whatever another one does", async () => {
  log.write(row(5, "@acme/quiet"));
  for (let round = 0; round < 4; round += 1) {
    writeRows(900, "@acme/loud");
    await log.close();
  }
  expect(await log.read({ plugin: "@acme/quiet" })).toHaveLength(1);
  const documents = await store.list("audit", { prefix: "@acme/loud/" });
  const kept = documents.flatMap(({ value }) => Object(value).rows).length;
  // Whole documents go: at least what is promised stays, and less than one document more.
  expect(kept).toBeGreaterThanOrEqual(AUDIT_LIMITS.rowsPerPlugin);
  expect(kept).toBeLessThan(AUDIT_LIMITS.rowsPerPlugin + AUDIT_LIMITS.rowsPerDocument);
});

test("one answer has 100 rows, as many as asked for, or 1,000", async () => {
  writeRows(AUDIT_LIMITS.rowsPerPage + 1);
  expect(await log.read({})).toHaveLength(100);
  expect(await log.read({ limit: 7 })).toHaveLength(7);
  expect(await log.read({ limit: 5_000 })).toHaveLength(AUDIT_LIMITS.rowsPerPage);
});

test("what a store did not take is stored when it works again", async () => {
  let failing = true;
  const memory = createMemoryStore();
  const commit: HostStore["commit"] = async (changes) => {
    if (failing) throw new Error("disk full");
    return memory.commit(changes);
  };
  log = createAuditLog({ ...memory, commit }, { error: (message) => errors.push(message) });
  writeRows(2);
  expect(await log.read({})).toEqual([]);
  expect(errors).toEqual(["Audit rows could not be stored"]);
  failing = false;
  log.write(row(3));
  expect((await log.read({})).map(({ at }) => at)).toEqual([3, 2, 1]);
});

test("a store that takes nothing costs no more memory than the rows that are kept", async () => {
  const commit = (): Promise<never> => Promise.reject(new Error("disk full"));
  const memory = createMemoryStore();
  log = createAuditLog({ ...memory, commit }, { error: () => undefined });
  for (let round = 0; round < 3; round += 1) {
    writeRows(3 * AUDIT_LIMITS.rowsPerPlugin);
    await log.close();
  }
  log = createAuditLog(memory, { error: () => undefined });
  writeRows(3 * AUDIT_LIMITS.rowsPerPlugin);
  await log.close();
  const documents = await memory.list("audit");
  expect(documents.flatMap(({ value }) => Object(value).rows)).toHaveLength(
    AUDIT_LIMITS.rowsPerPlugin,
  );
});

test("several hosts on one store keep each other's rows", async () => {
  const other = createAuditLog(store, { error: (message) => errors.push(message) });
  for (let at = 1; at <= 6; at += 1) {
    const one = at % 2 === 0 ? other : log;
    one.write(row(at));
    await one.close();
  }
  expect((await log.read({})).map(({ at }) => at)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(errors).toEqual([]);
});

test("rows that were stored although the store failed are there once", async () => {
  const working = store;
  let fails = true;
  const broken: HostStore = {
    ...working,
    async commit(changes) {
      const version = await working.commit(changes);
      if (fails) throw new Error("disk full");
      return version;
    },
  };
  log = createAuditLog(broken, { error: (message) => errors.push(message) });
  log.write(row(1));
  await log.close();
  fails = false;
  log.write(row(2));
  expect((await log.read({})).map(({ at }) => at)).toEqual([2, 1]);
});

test("the rows of many plugins are written and read in turns", async () => {
  for (let i = 0; i < 20; i += 1) writeRows(AUDIT_LIMITS.rowsPerPlugin, `@acme/p${i}`);
  let turns = 0;
  const count = () => {
    turns += 1;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  await log.close();
  expect(turns).toBeGreaterThanOrEqual(20);
  turns = 0;
  expect(await log.read({ limit: 10 })).toHaveLength(10);
  clearImmediate(counting);
  expect(turns).toBeGreaterThanOrEqual(80);
});
