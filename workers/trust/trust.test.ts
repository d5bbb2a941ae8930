import { env } from "cloudflare:workers";
import { base64, base64url, utf8 } from "@rising-bsm/protocol";
import { Metadata, MetadataKind } from "@tufjs/models";
import { beforeEach, describe, expect, test } from "vitest";
import { failingAt } from "../testing-bindings.ts";
import { call, refusal, resetMarketplace } from "../testing.ts";
import { offlineSigners, sampleCeremony, uploadTrust } from "./sample-ceremony.ts";
import type { CeremonyOptions } from "./sample-ceremony.ts";
import { isSignedBy } from "./tuf-metadata.ts";

const DAY_MS = 86_400_000;
const expires = new Date(Date.now() + 365 * DAY_MS);
const sample = (options: CeremonyOptions = {}) => sampleCeremony({ expires, ...options });
const strangers = offlineSigners.slice(3);

beforeEach(resetMarketplace);

async function recorded(): Promise<unknown[]> {
  return (await env.DB.prepare("SELECT action, subject, actor FROM audit").all()).results;
}

async function logged(): Promise<string[]> {
  const { results } = await env.DB.prepare(
    `SELECT entry FROM log_entries UNION ALL SELECT entry FROM log_queue`,
  ).all<{ entry: string }>();
  return results.map(({ entry }) => JSON.parse(entry).type);
}

async function readMetadata(path: string) {
  const response = await call(path);
  expect([path, response.status]).toEqual([path, 200]);
  return JSON.parse(await response.text());
}

async function keysInBucket(): Promise<string[]> {
  return (await env.BUNDLES.list({ prefix: "tuf/" })).objects.map(({ key }) => key);
}

describe("PUT /v1/trust", () => {
  test("puts root, targets, catalog, snapshot and timestamp in force, each verified by the root", async () => {
    expect((await uploadTrust(await sample())).status).toBe(200);
    const root = Metadata.fromJSON(MetadataKind.Root, await readMetadata("/tuf/1.root.json"));
    const timestamp = Metadata.fromJSON(
      MetadataKind.Timestamp,
      await readMetadata("/tuf/timestamp.json"),
    );
    expect(await isSignedBy(root, "timestamp", timestamp)).toBe(true);
    const { version } = timestamp.signed.snapshotMeta;
    expect(version).toBe(timestamp.signed.version);
    const snapshot = Metadata.fromJSON(
      MetadataKind.Snapshot,
      await readMetadata(`/tuf/${version}.snapshot.json`),
    );
    expect(await isSignedBy(root, "snapshot", snapshot)).toBe(true);
    expect(snapshot.signed.meta["targets.json"]?.version).toBe(1);
    const catalog = await readMetadata(
      `/tuf/${snapshot.signed.meta["catalog.json"]?.version}.catalog.json`,
    );
    expect(Object.keys(catalog.signed.targets)).toEqual(["catalog/advisories.json"]);
    const kept = await call("/tuf/1.root.json");
    expect(kept.headers.get("cache-control")).toContain("immutable");
    const pointer = await call("/tuf/timestamp.json");
    expect(pointer.headers.get("cache-control")).toContain("max-age=60");
  });

  const invalid = "trust_metadata_invalid";
  const otherKey = base64url(new Uint8Array(32).fill(9));
  const from = "2026-01-01T00:00:00Z";
  const bad: [string, () => Promise<object>, string][] = [
    [
      "one signature where two are needed",
      () => sample({ signers: offlineSigners.slice(0, 1) }),
      invalid,
    ],
    ["metadata that has expired", () => sample({ expires: new Date(0) }), "trust_metadata_expired"],
    [
      "service keys without the Worker's lease key",
      () => sample({ serviceKeys: { lease: [{ kid: "1", publicKey: otherKey, from }] } }),
      invalid,
    ],
    [
      "service keys that name the log differently",
      async () => {
        const log = [{ origin: "elsewhere", publicKey: otherKey, from }];
        return sample({ serviceKeys: { log } });
      },
      invalid,
    ],
    ["a snapshot key that is not the Worker's", () => sample({ root: { snapshot: [] } }), invalid],
    ["a catalog key that is not the Worker's", () => sample({ catalog: [] }), invalid],
    [
      "service keys that the targets do not list",
      async () => ({ ...(await sample()), serviceKeys: base64(utf8("{}")) }),
      invalid,
    ],
    [
      "revocations that the targets do not list",
      async () => {
        const { revocations } = await sample({ revocations: [disableEverything] });
        return { ...(await sample()), revocations };
      },
      invalid,
    ],
    [
      "a root that is no metadata",
      async () => ({ ...(await sample()), root: base64(utf8("{}")) }),
      invalid,
    ],
    [
      "a root that is no object",
      async () => ({ ...(await sample()), root: base64(utf8("[]")) }),
      invalid,
    ],
  ];
  test.each(bad)("refuses %s and stores nothing", async (_, make, code) => {
    expect(await refusal(await uploadTrust(await make()))).toEqual([422, code]);
    expect(await keysInBucket()).toEqual([]);
    expect(await recorded()).toEqual([]);
    expect(await logged()).toEqual([]);
  });
});

const disableEverything = {
  id: "RBSA-1",
  match: { plugin: "@acme/hello", versions: "*" },
  action: "disable" as const,
  reason: "it steals",
  issuedAt: "2026-11-23T00:00:00Z",
};
