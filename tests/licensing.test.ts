import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  base64url,
  keyChallengeResultSchema,
  fromBase64url,
  LICENSE_LIMITS,
  licenseResultSchema,
  packBundle,
  proveKeyPossession,
  signBundle,
  type SigningKey,
  signingKeyFromSeed,
  utf8,
} from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMarketplace } from "../host-sdk/client/marketplace.ts";
import { openInstanceKey } from "../host-sdk/license/instance-key.ts";
import { type Licenses, openLicenses } from "../host-sdk/license/licenses.ts";
import { createSqliteStore } from "../host-sdk/store/sqlite-store.ts";
import { randomSecrets, startLocalWorker } from "./bench/local-worker.ts";

const PLUGIN = "@demo/paid";
const secrets = randomSecrets();
const opened: { close(): Promise<void> }[] = [];
let worker: Awaited<ReturnType<typeof startLocalWorker>>;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "licensing-"));
  worker = await startLocalWorker(secrets);
  await publishPaidPlugin();
});

afterAll(async () => {
  for (const store of opened) await store.close();
  await worker.harness.close();
  await rm(folder, { recursive: true });
});

/** As the administrator; answers the JSON. */
async function send(path: string, body: object): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${secrets["ADMIN_TOKEN"]}`,
    "content-type": "application/json",
  };
  const answer = await fetch(new URL(path, worker.url), {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function publishPaidPlugin(): Promise<void> {
  await send("/v1/publishers", { name: "demo", displayName: "Demo" });
  await send("/v1/scopes", { scope: "@demo", publisher: "demo" });
  const key = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
  await enroll(key);
  const plans = [
    {
      id: "pro",
      kind: "subscription",
      period: "month",
      seats: 1,
      entitlements: ["export"],
      price: { amount: 9, currency: "EUR" },
    },
  ];
  const manifest = {
    name: PLUGIN,
    version: "1.0.0",
    main: "index.js",
    permissions: [],
    dependencies: {},
    pricing: { plans },
  };
  const files = new Map([
    ["index.js", utf8("export default class {}\n")],
    ["manifest.json", utf8(JSON.stringify(manifest))],
  ]);
  const bundle = packBundle(await signBundle(files, key));
  const headers = { authorization: `Bearer ${secrets["ADMIN_TOKEN"]}` };
  const url = new URL(`/v1/plugins/${PLUGIN}/versions/1.0.0`, worker.url);
  const answer = await fetch(url, { method: "PUT", headers, body: bundle });
  expect(answer.status, await answer.text()).toBe(201);
}

async function enroll(key: SigningKey): Promise<void> {
  const answer = await send("/v1/keys/challenge", { publisher: "demo" });
  const { challenge } = keyChallengeResultSchema.parse(answer);
  const signature = await proveKeyPossession(key, challenge);
  await send("/v1/keys", {
    publisher: "demo",
    publicKey: base64url(key.publicKey),
    challenge,
    signature,
  });
}

async function issue(): Promise<{ licenseId: string; licenseKey: string }> {
  const answer = await send("/v1/licenses", { plugin: PLUGIN, plan: "pro", org: "Muster GmbH" });
  return licenseResultSchema.parse(answer);
}

/** A host's licensing on its own data directory, against the running Worker. */
async function openHost(name: string, url = worker.url.href): Promise<Licenses> {
  const dataDir = join(folder, name);
  const key = await openInstanceKey(dataDir);
  const store = createSqliteStore(join(dataDir, "host.db"));
  opened.push(store);
  const leaseKey = await signingKeyFromSeed(fromBase64url(secrets["LEASE_KEY"] ?? ""));
  const listed = {
    kid: leaseKey.keyId,
    publicKey: base64url(leaseKey.publicKey),
    from: "2026-01-01T00:00:00Z",
  };
  const { licenses } = await openLicenses({
    store,
    server: createMarketplace({ url, backOffMs: 1 }),
    key,
    leaseKeys: async () => [listed],
    readClock: () => ({ system: Date.now(), monotonic: performance.now() }),
  });
  return licenses;
}

test("a host activates, renews, downloads, is suspended, works on offline and returns its seat", async () => {
  const { licenseId, licenseKey } = await issue();
  const host = await openHost("first");
  await host.activate(PLUGIN, licenseKey);
  expect(host.entitlements(PLUGIN)).toEqual(["export"]);
  await host.renewLease(PLUGIN);

  const { url } = await host.requestDownload(PLUGIN, "1.0.0");
  const bundle = await fetch(url);
  expect(bundle.status).toBe(200);
  expect((await fetch(new URL(new URL(url).pathname, worker.url))).status).toBe(403);

  await send(`/v1/licenses/${licenseId}/suspend`, {});
  await expect(host.renewLease(PLUGIN)).rejects.toMatchObject({ code: "license_refused" });
  expect(host.describe(PLUGIN)).toMatchObject({
    state: "active",
    warning: "refused",
    refusal: { reason: "suspended" },
  });
  await send(`/v1/licenses/${licenseId}/reinstate`, {});
  await host.renewLease(PLUGIN);
  expect(host.describe(PLUGIN)).toMatchObject({ warning: null, refusal: null });

  const offline = await openHost("first", "http://127.0.0.1:9");
  expect(offline.info(PLUGIN)).toMatchObject({ state: "active", org: "Muster GmbH" });

  const second = await openHost("second");
  await expect(second.activate(PLUGIN, licenseKey)).rejects.toMatchObject({
    code: "license_refused",
  });
  await host.returnLease(PLUGIN);
  expect(host.check(PLUGIN)).toBeNull();
  await second.activate(PLUGIN, licenseKey);
  expect(second.info(PLUGIN).state).toBe("active");
});

test("a data directory that was copied costs nothing for a while, then the key has to be entered", async () => {
  const { licenseKey } = await issue();
  const original = await openHost("original");
  await original.activate(PLUGIN, licenseKey);
  await cp(join(folder, "original"), join(folder, "copy"), { recursive: true });
  const copy = await openHost("copy");
  await original.renewLease(PLUGIN);
  for (let resumed = 0; resumed < LICENSE_LIMITS.resumes; resumed++) {
    await (resumed % 2 === 0 ? copy : original).renewLease(PLUGIN);
  }
  const last = LICENSE_LIMITS.resumes % 2 === 0 ? copy : original;
  await expect(last.renewLease(PLUGIN)).rejects.toMatchObject({ code: "license_conflict" });
  expect(last.describe(PLUGIN)).toMatchObject({ state: "active", warning: "clone" });
  await last.activate(PLUGIN, licenseKey);
  expect(last.describe(PLUGIN)).toMatchObject({ state: "active", warning: null });
});
