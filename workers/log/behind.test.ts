import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { base64url, signKeyStatement, signingKeyFromSeed } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import worker from "../index.ts";
import {
  buildBundle,
  call,
  createAccount,
  enrollKey,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";
import { readTarget } from "../trust/sample-client.ts";
import { auditMarketplace } from "./sample-auditor.ts";
import { recoverAll, recoverUntilRefused, restore, snapshot } from "./sample-restore.ts";

const DAY_MS = 86_400_000;
const expires = new Date(Date.now() + 365 * DAY_MS);
let acme: Account;

beforeEach(async () => {
  await resetMarketplace();
  expect((await uploadTrust(await sampleCeremony({ expires }))).status).toBe(200);
  acme = await createAccount("acme");
});

const paid = { pricing: { plans: [{ id: "pro", kind: "perpetual" }] } };

async function publishNew(name: string, version: string, extra: object = {}) {
  const target = { name, version };
  const answer = await publish(target, await buildBundle(acme.key, { ...target, ...extra }), acme);
  expect(answer.status).toBe(201);
}

const cron = (days: number) =>
  worker.scheduled(
    createScheduledController({ scheduledTime: new Date(Date.now() + days * DAY_MS) }),
    env,
  );

const ahead = { code: "log_ahead" };

test("cron sweeps away nothing that a database which was set back has forgotten", async () => {
  const before = await snapshot();
  await publishNew("@acme/sold", "1.0.0", paid);
  await restore(before);
  for (const days of [2, 2.3, 2.7, 3.1]) await expect(cron(days)).rejects.toMatchObject(ahead);
  expect(await recoverAll()).toEqual([]);
  await auditMarketplace();
});

test("a transfer that was carried out since is neither done nor logged a second time", async () => {
  await createAccount("globex");
  const path = "/v1/scopes/@acme/transfer";
  expect((await send("POST", path, { body: { to: "globex" } })).status).toBe(200);
  const before = await snapshot();
  await cron(8);
  const entries = await auditMarketplace();
  await restore(before);
  await expect(cron(8)).rejects.toMatchObject(ahead);
  expect(await recoverAll()).toEqual([]);
  await cron(8);
  expect(await auditMarketplace()).toEqual(entries);
  expect(entries.at(-1)).toMatchObject({ type: "owner", from: "acme", to: "globex" });
});

test("the catalogue is not repaired from a database that was set back", async () => {
  const before = await snapshot();
  await publishNew("@acme/hello", "1.0.0");
  await restore(before);
  const body = { cursor: "target:", limit: 100, repair: true };
  const answer = await send("POST", "/v1/catalog/check", { body });
  expect(await refusal(answer)).toEqual([503, "log_ahead"]);
  expect(await env.BUNDLES.head("tuf/timestamp.json")).not.toBeNull();
});

test("a bucket with a timestamp and no log, as an older deployment left it, is taken over", async () => {
  const ceremony = await sampleCeremony({ expires });
  const timestamp = await (await env.BUNDLES.get("tuf/timestamp.json"))?.arrayBuffer();
  await resetMarketplace();
  await env.BUNDLES.put("tuf/timestamp.json", timestamp ?? new ArrayBuffer());
  expect(await refusal(await uploadTrust(ceremony))).toEqual([503, "log_ahead"]);
  expect(await recoverAll()).toEqual([]);
  expect((await uploadTrust(ceremony)).status).toBe(200);
  acme = await createAccount("acme");
  await publishNew("@acme/hello", "1.0.0");
  await auditMarketplace();
});

test("without the files of a ceremony since, the recovery says what to send, and ends when it has come", async () => {
  const before = await snapshot();
  const second = await sampleCeremony({ expires, rootVersion: 2, targetsVersion: 2 });
  expect((await uploadTrust(second)).status).toBe(200);
  await publishNew("@acme/hello", "1.0.0");
  const entries = await auditMarketplace();
  await restore(before);
  const answer = await recoverUntilRefused();
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({
    code: "log_ahead",
    fix: expect.stringContaining("--trust"),
  });
  const again = await uploadTrust(second);
  expect([again.status, await again.text()]).toEqual([200, expect.anything()]);
  const after = await auditMarketplace();
  expect(after.slice(0, entries.length)).toEqual(entries);
});

test("advisories that came and went since are as the catalogue has them", async () => {
  const advisory = {
    action: "block-install",
    match: { plugin: "@acme/hello", versions: "*" },
    reason: "Loses data",
  };
  const put = (id: string) => send("PUT", `/v1/advisories/${id}`, { body: advisory });
  expect((await put("RBSA-1")).status).toBe(200);
  const before = await snapshot();
  expect((await put("RBSA-2")).status).toBe(200);
  expect((await send("DELETE", "/v1/advisories/RBSA-1")).status).toBe(204);
  const wanted = await readTarget("catalog/advisories.json");
  await restore(before);
  expect(await recoverAll()).toEqual([]);
  await publishNew("@acme/hello", "1.0.0");
  expect(await readTarget("catalog/advisories.json")).toEqual(wanted);
});

test("what a publisher since then said about its keys comes back with its plugin", async () => {
  const before = await snapshot();
  const globex = await createAccount("globex");
  const target = { name: "@globex/new", version: "1.0.0" };
  const bundle = await buildBundle(globex.key, target);
  expect((await publish(target, bundle, globex)).status).toBe(201);
  const key = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
  const said = {
    type: "https://rising-bsm.com/publisher-key/v1" as const,
    publisher: "globex",
    issuedAt: new Date().toISOString(),
    action: "add" as const,
    keyId: key.keyId,
    publicKey: base64url(key.publicKey),
  };
  const statement = await signKeyStatement(said, globex.key);
  await enrollKey({ ...globex, key, statement });
  await restore(before);
  expect(await recoverAll()).toEqual([]);
  const known = await (await call("/v1/publishers/globex/keys")).json();
  expect(known).toMatchObject({ statements: [statement], keys: [{}, { keyId: key.keyId }] });
});

test("what a recovery took over and found wrong stands in no one's way", async () => {
  const [{ log_size: size } = {}] = (
    await env.DB.prepare("SELECT log_size FROM heads").all<{ log_size: number }>()
  ).results;
  await env.DB.prepare("INSERT INTO log_entries VALUES (?, 'wrong')").bind(size).run();
  const hash = "0".repeat(64);
  await env.DB.prepare("INSERT INTO log_hashes VALUES (0, ?, ?)").bind(size, hash).run();
  await publishNew("@acme/hello", "1.0.0");
  await auditMarketplace();
});

test("a release whose bytes are gone cannot be approved", async () => {
  const before = await snapshot();
  await publishNew("@acme/sold", "1.0.0", paid);
  const { objects } = await env.PRIVATE.list();
  await env.PRIVATE.delete(objects.map(({ key }) => key));
  await restore(before);
  expect(await recoverAll()).toHaveLength(1);
  const answer = await send("POST", "/v1/plugins/@acme/sold/versions/1.0.0/approve");
  expect(await refusal(answer)).toEqual([409, "conflict_state"]);
  await publishNew("@acme/sold", "1.0.1", paid);
});
