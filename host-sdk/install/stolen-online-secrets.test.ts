/**
 * An attacker who has every online secret of the marketplace: release, log, catalog, snapshot and
 * timestamp keys, and the bucket. The static marketplace signs whatever these tests want with them;
 * the offline keys of root and targets, and the publisher's, are not the attacker's.
 */
import { readFile } from "node:fs/promises";
import {
  ADVISORIES_TARGET,
  base64url,
  encodeLogEntry,
  type KeyStatement,
  proofPath,
  releasePath,
  signKeyStatement,
  type SigningKey,
  signRelease,
  statementDigest,
  utf8,
} from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import type { StateEvent } from "../lifecycle/slots.ts";
import { codeOf, greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { randomKey, type StaticMarketplace } from "../testing/static-marketplace.ts";

const ADMIN = { id: "1", permissions: "all" } as const;

let fixture: HostFixture;
let market: StaticMarketplace;
let host: PluginHost;
let thief: SigningKey;
beforeEach(async () => {
  fixture = await createHostFixture();
  market = fixture.market;
  thief = await randomKey();
  await market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
});
afterEach(() => fixture.close());

const keyOf = ({ keyId, publicKey }: SigningKey) => ({ keyId, publicKey: base64url(publicKey) });
const addStatement = (key: SigningKey, by: SigningKey) =>
  signKeyStatement(
    {
      type: "https://rising-bsm.com/publisher-key/v1",
      publisher: "acme",
      issuedAt: "2026-11-01T00:00:00Z",
      action: "add",
      ...keyOf(key),
    },
    by,
  );

async function expectRunsOn(): Promise<void> {
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.0.0");
  expect(host.plugin(HELLO)).toMatchObject({ state: "active", version: "1.0.0" });
}

test("with all of them an update reaches nobody, the administrator is asked, nothing is disabled", async () => {
  const events: StateEvent[] = [];
  host.on("state", (event) => void events.push(event));
  const order = { name: HELLO, version: "1.1.0", publisher: thief, code: greeter("evil") };
  const { sha256 } = await market.publish(order);
  const statements = [await addStatement(thief, thief)];
  market.setPublisherKeys(HELLO, { keys: [keyOf(thief)], recovery: thief.keyId, statements });
  market.advise({
    id: "EVIL-1",
    match: { plugin: HELLO, versions: "*" },
    action: "block-install",
    reason: "Because I can",
    issuedAt: "2026-11-01T00:00:00Z",
  });
  expect(await host.checkForUpdates()).toMatchObject([
    { plugin: HELLO, to: "1.1.0", held: { code: "trust_publisher_changed" } },
  ]);
  await host.checkForUpdates();
  await expect(host.update(HELLO)).rejects.toMatchObject({
    code: "trust_publisher_changed",
    detail: { publisherKeyId: thief.keyId, fix: expect.stringContaining("Ask acme") },
  });
  expect(events).toMatchObject([
    { change: "advised", state: "active" },
    { change: "update-held", state: "active", reason: { code: "trust_publisher_changed" } },
  ]);
  expect(host.plugin(HELLO).heldUpdate).toMatchObject({
    version: "1.1.0",
    problem: { code: "trust_publisher_changed" },
  });
  const page = await host.handle(new Request("http://host/?lang=de"), { actor: ADMIN });
  expect(await page.text()).toContain("Eine Aktualisierung wird zurückgehalten");
  expect(market.requests).not.toContain(`/b/${sha256}.rbsm`);
  await expectRunsOn();
  forgeDisable();
  expect(await codeOf(host.checkForUpdates())).toBe("trust_metadata_invalid");
  expect(await codeOf(host.update(HELLO))).toBe("trust_metadata_invalid");
  await expectRunsOn();
  await host.close();
  host = await fixture.open();
  await expectRunsOn();
});

/** In the online list, whose keys the attacker has. */
function forgeDisable(): void {
  const entry = {
    id: "EVIL-2",
    match: { plugin: HELLO, versions: "*" },
    action: "disable",
    reason: "Because I can",
    issuedAt: "2026-11-01T00:00:00Z",
  };
  const list = { type: "https://rising-bsm.com/advisories/v1", entries: [entry] };
  market.tuf.set(ADVISORIES_TARGET, utf8(JSON.stringify(list)));
  market.tuf.sign();
}

test("a list of revocations that too few of the offline keys have signed disables nothing", async () => {
  market.revoke({
    id: "EVIL-3",
    match: { plugin: HELLO, versions: "*" },
    action: "disable",
    reason: "Because I can",
    issuedAt: "2026-11-01T00:00:00Z",
  });
  market.tuf.tamper("targets", (signed) => signed, 1);
  expect(await codeOf(host.checkForUpdates())).toBe("trust_metadata_invalid");
  await expectRunsOn();
});

test("a scope that was given to the attacker stops the update under the old key as well", async () => {
  await market.publish({ name: HELLO, version: "1.1.0" });
  market.editDocument(HELLO, (document) => ({
    ...document,
    publisher: { ...document.publisher, name: "evil" },
  }));
  expect(await codeOf(host.update(HELLO))).toBe("trust_publisher_changed");
  await expectRunsOn();
});

test("a key that the publisher revoked is refused though the statement is withheld again", async () => {
  const next = await randomKey();
  const statements = [await addStatement(next, market.publisher), await revokeOwn(next)];
  await market.publish({ name: HELLO, version: "1.1.0", publisher: next });
  market.setPublisherKeys(HELLO, { statements });
  await host.update(HELLO);
  expect(await host.call(HELLO, "version")).toBe("1.1.0");
  await market.publish({ name: HELLO, version: "1.2.0", publisher: market.publisher });
  market.setPublisherKeys(HELLO, { keys: [keyOf(market.publisher)], statements: [] });
  await expect(host.update(HELLO)).rejects.toMatchObject({
    code: "trust_key_revoked",
    detail: { publisherKeyId: market.publisher.keyId, revokedFrom: 1, logIndex: 2 },
  });
  expect(await codeOf(host.update(HELLO, { acceptPublisher: true }))).toBe("trust_key_revoked");
});

function revokeOwn(by: SigningKey) {
  return signKeyStatement(
    {
      type: "https://rising-bsm.com/publisher-key/v1",
      publisher: "acme",
      issuedAt: "2026-11-01T00:00:00Z",
      action: "revoke",
      revokes: [market.publisher.keyId],
      fromIndex: 1,
    },
    by,
  );
}

test("an old document that the catalogue lists again is refused", async () => {
  const old = market.document(HELLO);
  await market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  await host.update(HELLO);
  market.editDocument(HELLO, (document) => old ?? document);
  expect(await codeOf(host.update(HELLO, { version: "1.0.0" }))).toBe("trust_rollback");
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.1.0");
});

test("a revocation that a look for updates has seen cannot be hidden any more", async () => {
  const stolen = market.publisher;
  const renewed = await randomKey();
  const revoke: KeyStatement = {
    type: "https://rising-bsm.com/publisher-key/v1",
    publisher: "acme",
    issuedAt: "2026-11-02T00:00:00Z",
    action: "revoke",
    revokes: [stolen.keyId],
    fromIndex: market.log.size(),
  };
  const statements = [
    await addStatement(renewed, stolen),
    await signKeyStatement(revoke, renewed),
    // Whoever has stolen the key speaks too late.
    await addStatement(thief, stolen),
  ];
  const keys = [keyOf(stolen)];
  market.setPublisherKeys(HELLO, { keys, statements });
  await host.checkForUpdates();
  await market.publish({ name: HELLO, version: "1.1.0", publisher: stolen });
  market.setPublisherKeys(HELLO, { keys, statements: [] });
  expect(await codeOf(host.update(HELLO))).toBe("trust_key_revoked");
  await market.publish({ name: HELLO, version: "1.2.0", publisher: thief });
  expect(await codeOf(host.update(HELLO))).toBe("trust_publisher_changed");
  await market.publish({ name: HELLO, version: "1.3.0", publisher: renewed });
  await host.update(HELLO);
  expect(host.plugin(HELLO).version).toBe("1.3.0");
});

test("a release that was co-signed and kept out of the log is refused", async () => {
  await market.publish({ name: HELLO, version: "1.1.0" });
  const path = releasePath(HELLO, "1.1.0");
  const { payload } = JSON.parse(Buffer.from(market.files.get(path) ?? []).toString());
  const statement = JSON.parse(Buffer.from(payload, "base64").toString());
  const other = await signRelease({ ...statement, seq: 9 }, market.release);
  market.files.set(path, utf8(JSON.stringify(other)));
  expect(await codeOf(host.update(HELLO))).toBe("trust_log_invalid");
  await expectRunsOn();
});

test.each([
  ["dropped the first release", 0],
  ["told another story since", 1],
])("a log that %s is evidence, and nothing is installed any more", async (_, at) => {
  await market.publish({ name: HELLO, version: "1.1.0" });
  await host.checkForUpdates();
  const fork = await market.log.fork(at);
  const release = market.files.get(releasePath(HELLO, "1.1.0"));
  const statement = await statementDigest(Buffer.from(release ?? []).toString());
  const entry = { type: "release", plugin: HELLO, version: "1.1.0", statement } as const;
  const logIndex = await fork.append(encodeLogEntry(entry));
  for (const [path, bytes] of await fork.files()) market.files.set(path, bytes);
  market.files.set(proofPath(HELLO, "1.1.0"), utf8(await fork.proof(logIndex)));
  market.editDocument(HELLO, (document) => ({
    ...document,
    versions: document.versions.map((one) =>
      one.version === "1.1.0" ? { ...one, logIndex } : one,
    ),
  }));
  expect(await codeOf(host.update(HELLO))).toBe("trust_log_fork");
  const { fork: found } = await host.trust();
  expect(JSON.parse(await readFile(found?.file ?? "", "utf8"))).toMatchObject({
    origin: market.log.origin,
    known: await market.log.checkpoint(),
    shown: await fork.checkpoint(),
  });
  const page = await host.handle(new Request("http://host/?lang=en"), { actor: ADMIN });
  expect(await page.text()).toContain("two histories");
  const api = await host.handle(new Request("http://host/api/trust"), { actor: ADMIN });
  expect(await api.json()).toMatchObject({ data: { fork: { file: found?.file } } });
  await expectRunsOn();
  await host.close();
  host = await fixture.open();
  await expectRunsOn();
  expect(await codeOf(host.install("@acme/other"))).not.toBe("ok");
  expect(await codeOf(host.update(HELLO))).toBe("trust_log_fork");
});

test("a stolen release key signs nothing from the place in the log on at which it was ended", async () => {
  await market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  const stolenAt = market.log.size();
  await market.publish({ name: HELLO, version: "1.2.0" });
  market.editServiceKeys((keys) => ({
    ...keys,
    release: keys.release.map((key) => ({ ...key, untilIndex: stolenAt })),
  }));
  expect(await codeOf(host.update(HELLO))).toBe("trust_release_invalid");
  await host.update(HELLO, { version: "1.1.0" });
  expect(await host.call(HELLO, "greet", ["Ada"])).toBe("Hello Ada from 1.1.0");
});

test.each([
  ["before its time", { from: "2999-01-01T00:00:00.000Z" }],
  ["after its time", { until: "2026-01-02T00:00:00.000Z" }],
])("a service key signs no release %s, which is said before all else", async (_, window) => {
  await market.publish({ name: HELLO, version: "1.1.0", publisher: thief });
  market.editServiceKeys((keys) => ({
    ...keys,
    release: keys.release.map((key) => ({ ...key, ...window })),
  }));
  expect(await codeOf(host.update(HELLO))).toBe("trust_release_invalid");
  await expectRunsOn();
});
