import { env } from "cloudflare:workers";
import { base64, base64url, signingKeyFromSeed, utf8 } from "@rising-bsm/protocol";
import { Metadata, MetadataKind } from "@tufjs/models";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { advance } from "../log/advance.ts";
import { failingAt } from "../testing-bindings.ts";
import { call, refusal, resetMarketplace } from "../testing.ts";
import { onlineSigners } from "./online-keys.ts";
import { reportExpiry } from "./report-expiry.ts";
import { offlineSigners, sampleCeremony, uploadTrust } from "./sample-ceremony.ts";
import type { CeremonyOptions } from "./sample-ceremony.ts";
import { readPublished } from "./sample-client.ts";
import { isSignedBy, tufKeyId } from "./tuf-metadata.ts";

const DAY_MS = 86_400_000;
const expires = new Date(Date.now() + 365 * DAY_MS);
const sample = (options: CeremonyOptions = {}) => sampleCeremony({ expires, ...options });

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

  test("is in audit and log once for what it put in force", async () => {
    const body = await sample();
    for (let i = 0; i < 2; i++) expect((await uploadTrust(body)).status).toBe(200);
    expect(await recorded()).toEqual([
      { action: "trust.accept", subject: "root 1, targets 1", actor: "admin" },
    ]);
    expect(await logged()).toEqual(["root", "revocations"]);
    const next = await sample({ targetsVersion: 2, revocations: [disableEverything] });
    expect(await (await uploadTrust(next)).json()).toEqual({ rootVersion: 1, targetsVersion: 2 });
    expect(await logged()).toEqual(["root", "revocations", "revocations"]);
    const later = await sample({ targetsVersion: 3, revocations: [disableEverything] });
    expect((await uploadTrust(later)).status).toBe(200);
    expect(await logged()).toHaveLength(3);
    const { snapshot } = await readPublished();
    expect(snapshot.meta["targets.json"]?.version).toBe(3);
  });

  test("may be longer than other requests, up to its own limit", async () => {
    const entries = Array.from({ length: 300 }, (_, i) => ({
      ...disableEverything,
      id: `RBSA-${i}`,
      reason: "x".repeat(300),
    }));
    expect((await uploadTrust(await sample({ revocations: entries }))).status).toBe(200);
    const long = { ...(await sample()), policy: "A".repeat(1_100_000) };
    expect(await refusal(await uploadTrust(long))).toEqual([413, "limit_body"]);
  });

  for (const fault of ["failed", "failed but stored"] as const) {
    test(`a write that ${fault} is finished by the same upload again`, async () => {
      for (let nth = 1; ; nth++) {
        await resetMarketplace();
        const body = await sample();
        const { bindings, hit } = failingAt({ ...env }, nth, fault);
        const first = await uploadTrust(body, { ...env, ...bindings });
        if (!hit()) return expect(nth).toBeGreaterThan(10);
        if (first.status !== 200) expect((await uploadTrust(body)).status).toBe(200);
        const { snapshot } = await readPublished();
        expect([nth, snapshot.meta["targets.json"]?.version]).toEqual([nth, 1]);
        expect([nth, (await call("/tuf/1.root.json")).status]).toEqual([nth, 200]);
        expect([nth, await recorded()]).toMatchObject([nth, [{ action: "trust.accept" }]]);
        expect([nth, await logged()]).toEqual([nth, ["root", "revocations"]]);
      }
    }, 300_000);
  }
});

describe("the next ceremony", () => {
  const newSigners = offlineSigners.slice(1, 4);
  const offline = newSigners.map((key) => key.publicKey);

  beforeEach(async () => {
    expect((await uploadTrust(await sample())).status).toBe(200);
  });

  test("adds a signer, by the thresholds of the old and of the new root", async () => {
    const next = await sample({
      rootVersion: 2,
      targetsVersion: 2,
      root: { offline },
      signers: offlineSigners,
    });
    expect(await (await uploadTrust(next)).json()).toEqual({ rootVersion: 2, targetsVersion: 2 });
    expect(await logged()).toEqual(["root", "revocations", "root"]);
    expect((await call("/tuf/2.root.json")).status).toBe(200);
  });

  test("is refused when only the new root's signers made it", async () => {
    const next = await sample({
      rootVersion: 2,
      root: { offline },
      signers: offlineSigners.slice(2, 4),
    });
    expect(await refusal(await uploadTrust(next))).toEqual([422, "trust_metadata_invalid"]);
    expect((await call("/tuf/2.root.json")).status).toBe(404);
  });

  test("is refused when only the old root's signers made it", async () => {
    const next = await sample({
      rootVersion: 2,
      root: { offline, threshold: 3 },
      signers: offlineSigners.slice(0, 3),
    });
    expect(await refusal(await uploadTrust(next))).toEqual([422, "trust_metadata_invalid"]);
  });

  test("cannot skip a root, but several may come at once", async () => {
    const second = await sample({ rootVersion: 2 });
    const third = await sample({ rootVersion: 3, targetsVersion: 2 });
    expect(await refusal(await uploadTrust(third))).toEqual([422, "trust_metadata_invalid"]);
    const chain = { ...third, roots: [second.root] };
    expect((await uploadTrust(chain)).status).toBe(200);
    expect((await uploadTrust(chain)).status).toBe(200);
    expect(await logged()).toEqual(["root", "revocations", "root", "root"]);
    for (const version of [2, 3]) {
      expect((await call(`/tuf/${version}.root.json`)).status).toBe(200);
    }
  });

  test("cannot go back: an older root, older targets, or other bytes under a number", async () => {
    const second = await sample({ rootVersion: 2, targetsVersion: 2 });
    expect((await uploadTrust(second)).status).toBe(200);
    const older = [
      await sample(),
      { ...second, targets: (await sample()).targets },
      { ...second, root: (await sample()).root },
      await sample({ rootVersion: 2, targetsVersion: 2, revocations: [disableEverything] }),
      await sample({ rootVersion: 2, targetsVersion: 2, signers: offlineSigners.slice(0, 2) }),
    ];
    for (const body of older) {
      expect(await refusal(await uploadTrust(body))).toEqual([422, "trust_metadata_invalid"]);
    }
    expect((await readPublished()).snapshot.meta["targets.json"]?.version).toBe(2);
  });

  test("is one of two: other bytes for the same version at the same time are refused", async () => {
    const uploads = [
      await sample({ targetsVersion: 2 }),
      await sample({ targetsVersion: 2, revocations: [disableEverything] }),
    ];
    const answers = await Promise.all(uploads.map((body) => uploadTrust(body)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409 || status === 422)).toHaveLength(1);
    expect(await recorded()).toHaveLength(2);
  });

  test("gives no number that is published other bytes, after the database was set back", async () => {
    expect((await uploadTrust(await sample({ targetsVersion: 2 }))).status).toBe(200);
    await env.DB.exec("DELETE FROM trust_files WHERE key = 'tuf/2.targets.json'");
    await env.DB.exec("DELETE FROM trust_roles WHERE role = 'targets'");
    const other = await sample({ targetsVersion: 2, revocations: [disableEverything] });
    expect(await refusal(await uploadTrust(other))).toEqual([409, "conflict_exists"]);
    expect(await recorded()).toHaveLength(2);
  });

  test("can name a new online key beside the Worker's: nothing is refused in between", async () => {
    const fresh = await signingKeyFromSeed(new Uint8Array(32).fill(77));
    const own = await onlineSigners(env);
    const both = await sample({
      rootVersion: 2,
      targetsVersion: 2,
      root: { timestamp: [own.timestamp.publicKey, fresh.publicKey] },
      catalog: [own.catalog.publicKey, fresh.publicKey],
    });
    expect((await uploadTrust(both)).status).toBe(200);
    const before = (await readPublished()).timestamp.version;
    const seed = base64url(new Uint8Array(32).fill(77));
    const changed = { ...env, TIMESTAMP_KEY: seed, CATALOG_KEY: seed };
    await advance(changed, new Date());
    const after = await readPublished();
    expect(after.timestamp.version).toBe(before + 1);
    expect(after.catalog.version).toBe(before + 1);
    const root = Metadata.fromJSON(MetadataKind.Root, await readMetadata("/tuf/2.root.json"));
    const timestamp = Metadata.fromJSON(
      MetadataKind.Timestamp,
      await readMetadata("/tuf/timestamp.json"),
    );
    expect(Object.keys(timestamp.signatures)).toEqual([await tufKeyId(fresh.publicKey)]);
    expect(await isSignedBy(root, "timestamp", timestamp)).toBe(true);
    await advance(env, new Date());
    await advance(changed, new Date());
  });

  test("comes first: a Worker with a key that none has named publishes nothing", async () => {
    const before = await readPublished();
    const seed = base64url(new Uint8Array(32).fill(77));
    await advance({ ...env, TIMESTAMP_KEY: seed }, new Date(Date.now() + 2 * DAY_MS));
    expect(await readPublished()).toEqual(before);
  });

  test("is shown by GET /v1/trust with what is in force and until when", async () => {
    const state = await (await call("/v1/trust")).json();
    expect(state).toEqual({
      roles: {
        root: { version: 1, sha256: expect.any(String), expiresAt: expect.any(String) },
        targets: { version: 1, sha256: expect.any(String), expiresAt: expect.any(String) },
        catalog: { version: 1, sha256: expect.any(String), expiresAt: expect.any(String) },
        timestamp: { version: 1, sha256: expect.any(String), expiresAt: expect.any(String) },
      },
      logSize: 2,
    });
  });

  test("is asked for in the Worker's log 45 days before root and targets expire", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    await reportExpiry(env, new Date(expires.getTime() - 46 * DAY_MS));
    expect(said).not.toHaveBeenCalled();
    await reportExpiry(env, new Date(expires.getTime() - 44 * DAY_MS));
    const roles = said.mock.calls.map(([line]: { role?: string }[]) => line?.role);
    expect(new Set(roles)).toEqual(new Set(["root", "targets"]));
    said.mockRestore();
  });
});

const disableEverything = {
  id: "RBSA-1",
  match: { plugin: "@acme/hello", versions: "*" },
  action: "disable" as const,
  reason: "it steals",
  issuedAt: "2026-11-23T00:00:00Z",
};
