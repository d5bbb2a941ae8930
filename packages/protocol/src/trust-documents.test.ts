import { describe, expect, test } from "vitest";
import { sha256Hex, utf8 } from "./encoding.ts";
import {
  advisoriesSchema,
  catalogShardSchema,
  policySchema,
  revocationsOf,
  revocationsSchema,
  shardTarget,
  targetPath,
  type RevocableRelease,
  type Revocation,
} from "./trust-documents.ts";

const sha256 = "ab".repeat(32);

test("a plugin's shard is the first byte of its name's SHA-256", async () => {
  const digest = await sha256Hex(utf8("@acme/hello"));
  expect(await shardTarget("@acme/hello")).toBe(`catalog/${digest.slice(0, 2)}.json`);
});

test("a target's path has its digest before the last part of its name", () => {
  expect(targetPath("policy.json", sha256)).toBe(`/tuf/targets/${sha256}.policy.json`);
  expect(targetPath("catalog/ab.json", sha256)).toBe(`/tuf/targets/catalog/${sha256}.ab.json`);
});

const issued = { id: "RBSA-2026-0001", reason: "It leaks", issuedAt: "2026-01-02T03:04:05Z" };
const revocation: Revocation = {
  ...issued,
  match: { plugin: "@acme/hello", versions: "<1.2.3" },
  action: "disable",
  advisory: "https://example.com/a",
};
const revocations = (entry: object) => ({
  type: "https://rising-bsm.com/revocations/v1",
  entries: [{ ...revocation, ...entry }],
});

test("a list of revocations parses", () => {
  expect(revocationsSchema.parse(revocations({}))).toEqual(revocations({}));
  const localized = { reason: { en: "It leaks", de: "Es leckt" } };
  expect(revocationsSchema.parse(revocations(localized))).toEqual(revocations(localized));
});

test.each([
  ["an unknown action", { action: "delete" }],
  ["an unknown member", { note: "x" }],
  ["nothing that it speaks of", { match: {} }],
  ["two things that it speaks of", { match: { sha256, plugin: "@acme/hello", versions: "*" } }],
  ["a range that would match nothing", { match: { plugin: "@acme/hello", versions: "< one" } }],
  [
    "an empty range, which would match everything",
    { match: { plugin: "@acme/hello", versions: "" } },
  ],
  ["a key without a place", { match: { publisherKeyId: sha256 } }],
  ["no reason", { reason: "" }],
  ["a reason in one language of two", { reason: { en: "It leaks" } }],
  ["an address that a browser would run", { advisory: "javascript:alert(1)" }],
  ["an id with markup", { id: "<b>" }],
  ["no time", { issuedAt: "now" }],
])("a revocation with %s is refused", (_, entry) => {
  expect(revocationsSchema.safeParse(revocations(entry)).success).toBe(false);
});

test("the online list warns and blocks, and cannot disable", () => {
  const advisories = (action: string) => ({
    type: "https://rising-bsm.com/advisories/v1",
    entries: [{ ...revocation, action }],
  });
  expect(advisoriesSchema.safeParse(advisories("warn")).success).toBe(true);
  expect(advisoriesSchema.safeParse(advisories("block-install")).success).toBe(true);
  expect(advisoriesSchema.safeParse(advisories("disable")).success).toBe(false);
  expect(advisoriesSchema.safeParse(revocations({})).success).toBe(false);
});

test("a shard lists documents by name, a policy keys by publisher", () => {
  const shard = { type: "https://rising-bsm.com/catalog-shard/v1", plugins: {} };
  const plugins = { "@acme/hello": sha256 };
  expect(catalogShardSchema.parse({ ...shard, plugins })).toEqual({ ...shard, plugins });
  expect(catalogShardSchema.safeParse({ ...shard, plugins: { hello: sha256 } }).success).toBe(
    false,
  );
  expect(catalogShardSchema.safeParse({ ...shard, plugins: { "@a/b": "x" } }).success).toBe(false);
  const key = { publisher: "acme", keyId: sha256, publicKey: "A".repeat(43), reason: "Lost" };
  const policy = { type: "https://rising-bsm.com/policy/v1", publisherKeys: [key] };
  expect(policySchema.parse(policy)).toEqual(policy);
  const displayed = { ...policy, publisherKeys: [{ ...key, publisher: "Acme Ltd" }] };
  expect(policySchema.safeParse(displayed).success).toBe(false);
});

const release: RevocableRelease = {
  plugin: "@acme/hello",
  version: "1.2.3",
  sha256,
  publisherKeyId: "cd".repeat(32),
  logIndex: 40,
};
const revokes = (match: Revocation["match"], change: Partial<RevocableRelease> = {}) =>
  revocationsOf({ ...release, ...change }, [{ ...revocation, match }]).length === 1;

describe("revocationsOf()", () => {
  test("finds a bundle by its digest, under whatever name", () => {
    expect(revokes({ sha256 })).toBe(true);
    expect(revokes({ sha256 }, { plugin: "@other/name", version: "9.9.9" })).toBe(true);
    expect(revokes({ sha256: "ef".repeat(32) })).toBe(false);
  });

  test.each([
    ["<1.2.4", "1.2.3", true],
    ["<1.2.3", "1.2.3", false],
    ["<=1.2.3", "1.2.3", true],
    ["*", "0.0.0-alpha", true],
    ["*", "7.0.0+build.5", true],
    ["<1.2.3", "1.2.3-rc.1", true],
    ["<=1.2.3", "1.2.3-rc.1", true],
    [">=1.2.3", "1.2.3-rc.1", false],
    [">=1.2.3-rc.1", "1.2.3-rc.2", true],
    [">=1.0.0 <2.0.0", "1.5.0-beta", true],
    [">=1.0.0 <2.0.0", "2.0.0-beta", true],
    ["1.2.3", "1.2.3+build.5", true],
    ["1.2.3+other", "1.2.3+build.5", true],
    ["1.2.3", "1.2.3-rc.1", false],
    ["1.2.3-rc.1", "1.2.3-rc.1+build", true],
    ["1.x || 3.x", "3.0.1", true],
    ["1.x || 3.x", "2.0.1", false],
  ])("the range %s speaks of %s: %s", (versions, version, verdict) => {
    expect(revokes({ plugin: "@acme/hello", versions }, { version })).toBe(verdict);
    expect(revokes({ plugin: "@acme/other", versions }, { version })).toBe(false);
  });

  test("finds what a key signed from a place in the log on", () => {
    const match = { publisherKeyId: release.publisherKeyId, fromIndex: 40 };
    expect(revokes(match)).toBe(true);
    expect(revokes(match, { logIndex: 39 })).toBe(false);
    expect(revokes(match, { logIndex: 41 })).toBe(true);
    expect(revokes({ ...match, publisherKeyId: sha256 })).toBe(false);
  });

  test("takes a release whose place is not known for a new one", () => {
    const match = { publisherKeyId: release.publisherKeyId, fromIndex: 1_000_000 };
    expect(revokes(match, { logIndex: null })).toBe(true);
  });

  test("puts the strictest entry first and leaves equals in order", () => {
    const [warn, block, disable, again] = (
      ["warn", "block-install", "disable", "warn"] as const
    ).map((action, at): Revocation => ({
      ...revocation,
      id: `A-${at}`,
      match: { sha256 },
      action,
    }));
    const unrelated = { ...revocation, match: { sha256: "00".repeat(32) } };
    const found = revocationsOf(release, [warn, block, unrelated, disable, again]);
    expect(found).toEqual([disable, block, warn, again]);
  });
});
