import * as fc from "fast-check";
import { manifestSchema } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { compareVersionRows } from "./compare-versions.ts";

const smallest = { permissions: [], dependencies: {}, engines: {}, network: [] };

function row(version: string, manifest: Record<string, unknown>, more = {}) {
  return {
    version,
    manifest: JSON.stringify({ ...smallest, ...manifest }),
    sha256: "0".repeat(64),
    size: 1_000,
    publisherKeyId: "1".repeat(64),
    publisher: "acme",
    publishedAt: 0,
    createdAt: 0,
    ...more,
  };
}

test("everything that somebody has to know before an update is named", () => {
  const before = row("1.0.0", {
    permissions: [
      { code: "customers.view", optional: true },
      { code: "storage", optional: false },
      { code: "customers.delete", optional: false },
    ],
    network: ["a.example.com"],
    hooks: ["customers.created"],
    schedules: [
      { name: "daily", cron: "0 7 * * *" },
      { name: "weekly", cron: "0 7 * * 1" },
    ],
    dependencies: { "@acme/base": "^1.0.0" },
    engines: { "rising-bsm": "^2" },
    limits: { memoryMb: 64 },
  });
  const after = row(
    "2.0.0",
    {
      permissions: [
        { code: "customers.view", optional: false },
        { code: "storage", optional: true },
        { code: "requests.view", optional: true, reason: "To count them" },
      ],
      network: ["a.example.com", "b.example.com"],
      routes: [
        { method: "POST", path: "/hook", public: true },
        { method: "GET", path: "/report" },
      ],
      secrets: [{ name: "apiKey" }],
      schedules: [{ name: "daily", cron: "0 8 * * *" }],
      dependencies: { "@acme/base": "^2.0.0", "@acme/mail": "*" },
      engines: { "rising-bsm": "^3" },
      limits: { memoryMb: 256, storageMb: 100 },
    },
    { size: 1_500, publisherKeyId: "2".repeat(64), publisher: "globex" },
  );
  expect(compareVersionRows(before, after)).toMatchObject({
    permissions: {
      added: [{ code: "requests.view", optional: true, reason: "To count them" }],
      removed: ["customers.delete"],
      madeOptional: ["storage"],
      madeRequired: ["customers.view"],
    },
    network: { added: ["b.example.com"], removed: [] },
    publicRoutes: { added: ["POST /hook"], removed: [] },
    hooks: { added: [], removed: ["customers.created"] },
    secrets: { added: ["apiKey"], removed: [] },
    schedules: {
      added: {},
      removed: { weekly: "0 7 * * 1" },
      changed: { daily: { from: "0 7 * * *", to: "0 8 * * *" } },
    },
    dependencies: {
      added: { "@acme/mail": "*" },
      removed: {},
      changed: { "@acme/base": { from: "^1.0.0", to: "^2.0.0" } },
    },
    engines: { added: {}, removed: {}, changed: { "rising-bsm": { from: "^2", to: "^3" } } },
    limits: {
      added: { storageMb: "100" },
      removed: {},
      changed: { memoryMb: { from: "64", to: "256" } },
    },
    sizeChange: 500,
    publisherKeyChanged: true,
    from: { publisher: "acme" },
    to: { publisher: "globex" },
  });
});

const word = fc.constantFrom("a", "b", "c", "d");
const words = fc.array(word, { maxLength: 5 });
const values = fc.dictionary(word, fc.constantFrom("1", "2"));
const manifest = fc
  .record({
    permissions: fc.uniqueArray(fc.record({ code: word, optional: fc.boolean() }), {
      selector: ({ code }) => code,
    }),
    network: words,
    hooks: words,
    dependencies: values,
    limits: values,
    schedules: values.map((all) => Object.entries(all).map(([name, cron]) => ({ name, cron }))),
    routes: fc.array(fc.record({ method: fc.constant("GET"), path: word, public: fc.boolean() })),
  })
  .map((parts) => row("1.0.0", parts));

test("the other way round is the mirror image, and nothing changes from a version to itself", () => {
  fc.assert(
    fc.property(manifest, manifest, (one, other) => {
      const there = compareVersionRows(one, other);
      const back = compareVersionRows(other, one);
      for (const key of ["network", "hooks", "publicRoutes"] as const) {
        expect(there[key].added).toEqual(back[key].removed);
      }
      for (const key of ["dependencies", "schedules", "limits"] as const) {
        expect(there[key].added).toEqual(back[key].removed);
        const swapped = Object.entries(back[key].changed).map(
          ([name, { from, to }]) => [name, { from: to, to: from }] as const,
        );
        expect(there[key].changed).toEqual(Object.fromEntries(swapped));
      }
      const { permissions } = there;
      expect(permissions.added.map(({ code }) => code)).toEqual(back.permissions.removed);
      expect(new Set(permissions.madeOptional)).toEqual(new Set(back.permissions.madeRequired));
      const same = compareVersionRows(one, one);
      const { from, to, sizeChange, publisherKeyChanged, ...changes } = same;
      expect([from, sizeChange, publisherKeyChanged]).toEqual([to, 0, false]);
      expect(leaves(changes)).toEqual([]);
    }),
  );
});

/** What is not asked of the administrator, or, as pages, settings and plans, has its own place. */
const NOT_COMPARED =
  "name version main displayName description author homepage repository license icon screenshots readme changelog categories keywords ui config idempotent pricing visibility type";

test("every key of the manifest is compared, or known not to be", () => {
  const compared = {
    permissions: [{ code: "a" }],
    dependencies: { a: "1" },
    engines: { "rising-bsm": "1" },
    network: ["a"],
    secrets: [{ name: "a" }],
    hooks: ["a"],
    routes: [{ method: "GET", path: "/", public: true }],
    schedules: [{ name: "a", cron: "0 7 * * *" }],
    limits: { memoryMb: 64 },
  };
  expect([...Object.keys(compared), ...NOT_COMPARED.split(" ")].toSorted()).toEqual(
    Object.keys(manifestSchema.shape).toSorted(),
  );
  for (const [key, value] of Object.entries(compared)) {
    const { from, to, ...changes } = compareVersionRows(
      row("1.0.0", {}),
      row("1.0.0", { [key]: value }),
    );
    expect(from).toEqual(to);
    expect([key, leaves(changes).length]).not.toEqual([key, 2]);
  }
});

/** Every value inside of objects and lists. */
function leaves(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [value];
  return Object.values(value).flatMap(leaves);
}
