import { env } from "cloudflare:workers";
import { base64, base64url, sha256Hex, signingKeyFromSeed, utf8 } from "@rising-bsm/protocol";
import { Metadata, MetadataKind } from "@tufjs/models";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { signingKey } from "../env.ts";
import { failingAt } from "../testing-bindings.ts";
import { call, refusal, resetMarketplace, send } from "../testing.ts";
import { createRoot, createTargets } from "./ceremony-metadata.ts";
import { refreshHeads } from "./publish-heads.ts";
import { isSignedBy, signMetadata } from "./tuf-metadata.ts";

const DAY_MS = 86_400_000;
const expires = new Date(Date.now() + 365 * DAY_MS);
const offline = await Promise.all(
  [1, 2, 3].map((byte) => signingKeyFromSeed(new Uint8Array(32).fill(100 + byte))),
);

/** What a ceremony would make for the secrets of this test run. */
async function ceremony(options: { expires?: Date; signers?: number; lease?: string } = {}) {
  const publicKey = async (name: Parameters<typeof signingKey>[1]) =>
    (await signingKey(env, name)).publicKey;
  const end = options.expires ?? expires;
  const root = await createRoot({
    expires: end,
    threshold: 2,
    offline: offline.map((key) => key.publicKey),
    snapshot: await publicKey("SNAPSHOT_KEY"),
    timestamp: await publicKey("TIMESTAMP_KEY"),
  });
  const [release, lease] = [await publicKey("RELEASE_KEY"), await publicKey("LEASE_KEY")];
  const from = "2026-01-01T00:00:00Z";
  const serviceKeys = utf8(
    JSON.stringify({
      release: [{ keyId: await sha256Hex(release), publicKey: base64url(release), from }],
      lease: [{ kid: "1", publicKey: options.lease ?? base64url(lease), from }],
    }),
  );
  const { length } = serviceKeys;
  const listed = { length, sha256: await sha256Hex(serviceKeys) };
  const targets = createTargets({ expires: end, serviceKeys: listed });
  const keys = offline.slice(0, options.signers ?? 3);
  return {
    root: base64(await signMetadata(root, keys)),
    targets: base64(await signMetadata(targets, keys)),
    serviceKeys: base64(serviceKeys),
  };
}

const upload = (body: object, bindings = env as Parameters<typeof call>[2]) =>
  send("PUT", "/v1/trust", bindings === undefined ? { body } : { body, bindings });

beforeAll(resetMarketplace);
beforeEach(async () => {
  await forget();
});

async function forget(): Promise<void> {
  const { objects } = await env.BUNDLES.list();
  await env.BUNDLES.delete(objects.map(({ key }) => key));
  await env.DB.exec("DELETE FROM audit");
}

async function recorded(): Promise<unknown[]> {
  return (await env.DB.prepare("SELECT action, subject, actor FROM audit").all()).results;
}

async function readMetadata(path: string) {
  const response = await call(path);
  expect(response.status).toBe(200);
  return JSON.parse(await response.text());
}

describe("PUT /v1/trust", () => {
  test("puts root, targets, snapshot and timestamp in force, each verified by the root", async () => {
    expect((await upload(await ceremony())).status).toBe(200);
    const root = Metadata.fromJSON(MetadataKind.Root, await readMetadata("/tuf/1.root.json"));
    const timestamp = Metadata.fromJSON(
      MetadataKind.Timestamp,
      await readMetadata("/tuf/timestamp.json"),
    );
    expect(await isSignedBy(root, "timestamp", timestamp)).toBe(true);
    const { version } = timestamp.signed.snapshotMeta;
    const snapshot = Metadata.fromJSON(
      MetadataKind.Snapshot,
      await readMetadata(`/tuf/${version}.snapshot.json`),
    );
    expect(await isSignedBy(root, "snapshot", snapshot)).toBe(true);
    expect(snapshot.signed.meta["targets.json"]?.version).toBe(1);
    const kept = await call("/tuf/1.root.json");
    expect(kept.headers.get("cache-control")).toContain("immutable");
    const pointer = await call("/tuf/timestamp.json");
    expect(pointer.headers.get("cache-control")).toContain("max-age=60");
  });

  const bad: [string, () => Promise<object>, string][] = [
    [
      "one signature where two are needed",
      () => ceremony({ signers: 1 }),
      "trust_metadata_invalid",
    ],
    [
      "metadata that has expired",
      () => ceremony({ expires: new Date(0) }),
      "trust_metadata_expired",
    ],
    [
      "service keys without the Worker's own",
      () => ceremony({ lease: "A".repeat(43) }),
      "trust_metadata_invalid",
    ],
    [
      "service keys that the targets do not list",
      async () => ({ ...(await ceremony()), serviceKeys: base64(utf8("{}")) }),
      "trust_metadata_invalid",
    ],
    [
      "a root that is no metadata",
      async () => ({ ...(await ceremony()), root: base64(utf8("{}")) }),
      "trust_metadata_invalid",
    ],
  ];
  test.each(bad)("refuses %s and stores nothing", async (_, make, code) => {
    expect(await refusal(await upload(await make()))).toEqual([422, code]);
    expect((await env.BUNDLES.list()).objects).toEqual([]);
  });

  for (const fault of ["failed", "failed but stored"] as const) {
    test(`a write that ${fault} is finished by the same upload again`, async () => {
      const body = await ceremony();
      for (let nth = 1; ; nth++) {
        const { bindings, hit } = failingAt(env, nth, fault);
        const first = await upload(body, bindings);
        if (!hit()) return expect(nth).toBeGreaterThan(6);
        expect(first.status).toBe(500);
        expect((await upload(body)).status).toBe(200);
        const { signed } = await readMetadata("/tuf/timestamp.json");
        const version = signed.meta["snapshot.json"].version;
        expect((await call(`/tuf/${version}.snapshot.json`)).status).toBe(200);
        expect(await recorded()).toHaveLength(1);
        await forget();
      }
    });
  }

  test("is in the audit once for what it put in force, and not when it was refused", async () => {
    const body = await ceremony();
    expect((await upload({ ...body, root: base64(utf8("{}")) })).status).toBe(422);
    expect(await recorded()).toEqual([]);
    expect((await upload(body)).status).toBe(200);
    expect((await upload(body)).status).toBe(200);
    expect(await recorded()).toEqual([
      { action: "trust.accept", subject: "root 1, targets 1", actor: "admin" },
    ]);
  });
});

test("snapshot and timestamp are signed anew once a day, by two runs at once as well", async () => {
  await refreshHeads(env, new Date());
  expect((await env.BUNDLES.list()).objects).toEqual([]);
  await upload(await ceremony());
  const later = new Date(Date.now() + 1.5 * DAY_MS);
  await Promise.all([refreshHeads(env, later), refreshHeads(env, later)]);
  const { signed } = await readMetadata("/tuf/timestamp.json");
  expect(signed.version).toBeGreaterThanOrEqual(2);
  expect(Date.parse(signed.expires)).toBeGreaterThan(later.getTime() + 6 * DAY_MS);
});
