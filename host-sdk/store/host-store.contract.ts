import { expect, test } from "vitest";
import type { HostStore } from "./host-store.ts";

/** Declares the tests that every `HostStore` must pass; `open` gives a new, empty store. */
export function hostStoreContract(name: string, open: () => Promise<HostStore>): void {
  rowTests(name, open);
  rangeTests(name, open);
  commitTests(name, open);
  refusalTests(name, open);
}

function rowTests(name: string, open: () => Promise<HostStore>): void {
  test(`${name} gives back what was committed`, async () => {
    await using store = disposable(await open());
    const values = [0, "", false, [], {}, { a: [1, { b: "ü€😀" }], c: null }, "x".repeat(300_000)];
    for (const value of values) {
      const version = await store.commit([{ kind: "k", key: "a", value }]);
      expect(await store.get("k", "a")).toEqual({ key: "a", value, version });
    }
  });

  test(`${name} keeps kinds and keys apart`, async () => {
    await using store = disposable(await open());
    await store.commit([
      { kind: "k", key: "a", value: 1 },
      { kind: "k", key: "A", value: 2 },
      { kind: "l", key: "a", value: 3 },
    ]);
    expect((await store.get("k", "a"))?.value).toBe(1);
    expect((await store.get("k", "A"))?.value).toBe(2);
    expect((await store.get("l", "a"))?.value).toBe(3);
    expect(await store.get("l", "A")).toBeNull();
    expect(await store.get("m", "a")).toBeNull();
  });

  test(`${name} is not changed through a value that was written or read`, async () => {
    await using store = disposable(await open());
    const value = { list: [1] };
    await store.commit([{ kind: "k", key: "a", value }]);
    value.list.push(2);
    const row = await store.get("k", "a");
    expect(row?.value).toEqual({ list: [1] });
    Object.assign(row?.value ?? {}, { list: [3] });
    expect((await store.get("k", "a"))?.value).toEqual({ list: [1] });
  });

  test(`${name} deletes with null, also what is not there`, async () => {
    await using store = disposable(await open());
    await store.commit([{ kind: "k", key: "a", value: 1 }]);
    await store.commit([
      { kind: "k", key: "a", value: null },
      { kind: "k", key: "b", value: null },
    ]);
    expect(await store.get("k", "a")).toBeNull();
    expect(await store.list("k")).toEqual([]);
  });
}

function rangeTests(name: string, open: () => Promise<HostStore>): void {
  // U+E000 sorts before an emoji by bytes and after it by UTF-16 units.
  const keys = ["a", "a/1", "a/10", "a/2", "a0", "b", "\u{d7ff}", "\u{e000}", "😀", "\u{10ffff}x"];

  async function openFilled(): Promise<HostStore & AsyncDisposable> {
    const store = disposable(await open());
    await store.commit(keys.toReversed().map((key) => ({ kind: "k", key, value: key })));
    await store.commit([{ kind: "l", key: "a/3", value: 1 }]);
    return store;
  }

  test(`${name} lists by the bytes of the key`, async () => {
    await using store = await openFilled();
    const rows = await store.list("k");
    expect(rows.map((row) => row.key)).toEqual(keys);
    expect(rows.map((row) => row.value)).toEqual(keys);
  });

  test.each([
    { range: { prefix: "a" }, expected: ["a", "a/1", "a/10", "a/2", "a0"] },
    { range: { prefix: "a/" }, expected: ["a/1", "a/10", "a/2"] },
    { range: { prefix: "a/1", limit: 1 }, expected: ["a/1"] },
    { range: { prefix: "a/", after: "a/1" }, expected: ["a/10", "a/2"] },
    { range: { prefix: "a/", after: "a/2" }, expected: [] },
    { range: { after: "a0", limit: 2 }, expected: ["b", "\u{d7ff}"] },
    { range: { prefix: "\u{d7ff}" }, expected: ["\u{d7ff}"] },
    { range: { prefix: "\u{10ffff}" }, expected: ["\u{10ffff}x"] },
    { range: { prefix: "%" }, expected: [] },
    { range: { prefix: "", after: "😀" }, expected: ["\u{10ffff}x"] },
    { range: { limit: 0 }, expected: [] },
  ])(`${name} lists the range $range`, async ({ range, expected }) => {
    await using store = await openFilled();
    expect((await store.list("k", range)).map((row) => row.key)).toEqual(expected);
  });
}

function commitTests(name: string, open: () => Promise<HostStore>): void {
  test(`${name} stores a commit whose conditions hold`, async () => {
    await using store = disposable(await open());
    const first = await store.commit([{ kind: "k", key: "a", value: 1, ifVersion: null }]);
    const second = await store.commit([{ kind: "k", key: "a", value: 2, ifVersion: first }]);
    expect(second).toBeGreaterThan(first);
    expect(await store.get("k", "a")).toEqual({ key: "a", value: 2, version: second });
    await store.commit([{ kind: "k", key: "a", value: null, ifVersion: second }]);
    expect(await store.get("k", "a")).toBeNull();
  });

  test.each([
    { condition: "of a missing row that exists", key: "a", ifVersion: null },
    { condition: "of another version", key: "a", ifVersion: 99_999 },
    { condition: "of a version of a missing row", key: "none", ifVersion: 1 },
  ])(`${name} stores nothing on a condition $condition`, async ({ key, ifVersion }) => {
    await using store = disposable(await open());
    await store.commit([{ kind: "k", key: "a", value: "old" }]);
    const before = await store.list("k");
    const refused = store.commit([
      { kind: "k", key: "first", value: 1 },
      { kind: "k", key, value: "new", ifVersion },
      { kind: "k", key: "last", value: 1 },
    ]);
    await expect(refused).rejects.toMatchObject({ code: "conflict_row_version" });
    expect(await store.list("k")).toEqual(before);
    await store.commit([{ kind: "k", key: "b", value: 1, ifVersion: null }]);
  });

  test(`${name} never gives a re-created row an old version`, async () => {
    await using store = disposable(await open());
    const version = await store.commit([{ kind: "k", key: "a", value: 1 }]);
    await store.commit([{ kind: "k", key: "a", value: null }]);
    await store.commit([{ kind: "k", key: "a", value: 1 }]);
    await expect(
      store.commit([{ kind: "k", key: "a", value: 2, ifVersion: version }]),
    ).rejects.toMatchObject({ code: "conflict_row_version" });
  });

  test(`${name} lets exactly one of many racing commits win`, async () => {
    await using store = disposable(await open());
    const attempts = Array.from({ length: 20 }, (_, value) =>
      store.commit([{ kind: "k", key: "a", value, ifVersion: null }]),
    );
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter((result) => result.status === "fulfilled")).toHaveLength(1);
  });
}

function refusalTests(name: string, open: () => Promise<HostStore>): void {
  test.each(["", "a\0b", "\u{d800}", "x".repeat(1_025)])(
    `${name} refuses the name %j`,
    async (bad) => {
      await using store = disposable(await open());
      const asKey = store.commit([{ kind: "k", key: bad, value: 1 }]);
      await expect(asKey).rejects.toMatchObject({ code: "request_invalid" });
      const asKind = store.commit([{ kind: bad, key: "a", value: 1 }]);
      await expect(asKind).rejects.toMatchObject({ code: "request_invalid" });
      expect(await store.list("k")).toEqual([]);
    },
  );

  test(`${name} refuses a commit that names a row twice`, async () => {
    await using store = disposable(await open());
    const twice = store.commit([
      { kind: "k", key: "a", value: 1 },
      { kind: "k", key: "a", value: 2 },
    ]);
    await expect(twice).rejects.toMatchObject({ code: "request_invalid" });
    expect(await store.get("k", "a")).toBeNull();
  });

  test(`${name} hides its own rows`, async () => {
    await using store = disposable(await open());
    await store.commit([{ kind: "k", key: "a", value: 1 }]);
    expect(await store.get("", "")).toBeNull();
    expect(await store.list("")).toEqual([]);
  });
}

function disposable(store: HostStore): HostStore & AsyncDisposable {
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}
