import {
  base64url,
  encodeLogEntry,
  proofPath,
  releasePath,
  statementDigest,
  utf8,
} from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundlesOnDisk, codeOf, greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { randomKey } from "../testing/static-marketplace.ts";
import { createTestLog } from "../testing/test-log.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

/** Nothing of an installation may be left: no plugin, no bundle. */
async function expectNothingInstalled(host: { plugins(): unknown[] }): Promise<void> {
  expect(host.plugins()).toEqual([]);
  expect(await bundlesOnDisk(fixture.dataDir)).toEqual([]);
}

test.each([
  ["one byte of the bundle was changed", "bundle_digest_mismatch"],
  ["another plugin's bundle is served", "bundle_digest_mismatch"],
  ["the bundle is cut short", "bundle_digest_mismatch"],
  ["the bundle has bytes after its end", "bundle_digest_mismatch"],
  ["the release statement is another plugin's", "trust_release_invalid"],
  ["the release statement is another version's", "trust_release_invalid"],
  ["the release statement is missing", "trust_release_invalid"],
  ["the release statement was signed by nobody we know", "trust_release_invalid"],
  ["the document is another plugin's", "trust_metadata_invalid"],
  ["the proof is another release's", "trust_log_invalid"],
  ["the proof is missing", "trust_log_invalid"],
  ["the document says another place in the log", "trust_log_invalid"],
  ["a tile of the log was changed", "trust_log_invalid"],
  ["the document is older than the catalogue says", "trust_metadata_invalid"],
  ["the document lists other dependencies", "manifest_mismatch"],
  ["the document has another key under the publisher's id", "trust_release_invalid"],
])("nothing is installed when %s", async (lie, code) => {
  const { market } = fixture;
  const { sha256, bundle } = await market.publish({ name: HELLO, version: "1.1.0" });
  await market.publish({ name: HELLO, version: "1.0.0" });
  const other = await market.publish({ name: "@acme/other", version: "1.1.0" });
  const file = `/b/${sha256}.rbsm`;
  const statement = releasePath(HELLO, "1.1.0");
  const of = (path: string) => market.files.get(path) ?? new Uint8Array();
  const documentOf = (name: string) => {
    const document = market.document(name);
    if (document === undefined) throw new Error(`There is no ${name}`);
    return document;
  };
  const strange = await randomKey();
  const lies: Record<string, () => void> = {
    "one byte of the bundle was changed": () =>
      market.files.set(
        file,
        bundle.map((byte, i) => (i === 300 ? byte ^ 1 : byte)),
      ),
    "another plugin's bundle is served": () => market.files.set(file, other.bundle),
    "the bundle is cut short": () => market.files.set(file, bundle.subarray(0, 200)),
    "the bundle has bytes after its end": () =>
      market.files.set(file, Buffer.concat([bundle, Buffer.from("more")])),
    "the release statement is another plugin's": () =>
      market.files.set(statement, of(releasePath("@acme/other", "1.1.0"))),
    "the release statement is another version's": () =>
      market.files.set(statement, of(releasePath(HELLO, "1.0.0"))),
    "the release statement is missing": () => market.files.delete(statement),
    "the release statement was signed by nobody we know": () => {
      const envelope = JSON.parse(Buffer.from(of(statement)).toString());
      envelope.signatures[0].keyid = strange.keyId;
      market.files.set(statement, Buffer.from(JSON.stringify(envelope)));
    },
    "the document is another plugin's": () =>
      market.editDocument(HELLO, () => documentOf("@acme/other")),
    "the proof is another release's": () =>
      market.files.set(proofPath(HELLO, "1.1.0"), of(proofPath(HELLO, "1.0.0"))),
    "the proof is missing": () => market.files.delete(proofPath(HELLO, "1.1.0")),
    "the document says another place in the log": () =>
      market.editDocument(HELLO, (document) => ({
        ...document,
        versions: document.versions.map((entry) => ({ ...entry, logIndex: entry.logIndex + 1 })),
      })),
    "a tile of the log was changed": () =>
      market.files.set("/log/tile/0/000.p/3", new Uint8Array(96)),
    "the document is older than the catalogue says": () => {
      const document = documentOf(HELLO);
      const before = { ...document, versions: document.versions.slice(0, 1) };
      const path = [...market.files.keys()].findLast(
        (one) => one.startsWith(`/index/${HELLO}/`) && /[0-9a-f]{64}/.test(one),
      );
      market.files.set(path ?? "", Buffer.from(JSON.stringify(before)));
    },
    "the document lists other dependencies": () =>
      market.editDocument(HELLO, (document) => ({
        ...document,
        versions: document.versions.map((entry) => ({
          ...entry,
          dependencies: { "@acme/other": "*" },
        })),
      })),
    "the document has another key under the publisher's id": () =>
      market.editDocument(HELLO, (document) => ({
        ...document,
        publisher: {
          ...document.publisher,
          keys: [{ keyId: market.publisher.keyId, publicKey: base64url(strange.publicKey) }],
        },
      })),
  };
  lies[lie]?.();
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe(code);
  await expectNothingInstalled(host);
});

test("a bundle inside the right file but for another plugin is refused", async () => {
  const { market } = fixture;
  const other = await market.publish({ name: "@acme/other", version: "1.0.0" });
  await market.publish({
    name: HELLO,
    version: "1.0.0",
    statement: { bundleSha256: other.sha256, size: other.bundle.length },
  });
  market.editDocument(HELLO, (document) => ({
    ...document,
    versions: document.versions.map((entry) => ({ ...entry, bundle: `/b/${other.sha256}.rbsm` })),
  }));
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("bundle_digest_mismatch");
  await expectNothingInstalled(host);
});

test("a marketplace that forgets a release this host has seen, or counts backwards, is refused", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  await market.publish({ name: HELLO, version: "1.1.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await host.uninstall(HELLO, { keepData: false });
  const full = market.document(HELLO);
  market.editDocument(HELLO, (document) => ({
    ...document,
    channels: { latest: "1.0.0" },
    versions: document.versions.filter(({ version }) => version === "1.0.0"),
  }));
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("trust_rollback");
  market.editDocument(HELLO, (document) => full ?? document);
  await market.publish({ name: HELLO, version: "1.1.0", statement: { seq: 1 } });
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("trust_rollback");
  await market.publish({ name: HELLO, version: "1.1.0", code: greeter("other bytes") });
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("trust_release_invalid");
  expect(await codeOf(host.install(HELLO, { grant: "requested", version: "1.0.0" }))).toBe("ok");
});

test("a new publisher key stops updates until an administrator accepts it", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await market.publish({ name: HELLO, version: "1.1.0", publisher: await randomKey() });
  expect(await codeOf(host.update(HELLO))).toBe("trust_publisher_changed");
  expect(await host.call(HELLO, "version")).toBe("1.0.0");
  await host.update(HELLO, { acceptPublisher: true });
  expect(await host.call(HELLO, "version")).toBe("1.1.0");
  expect(await host.verify(HELLO)).toMatchObject({ ok: true });
});

test("accepting a plugin's publisher accepts no other publisher's new key", async () => {
  const { market } = fixture;
  const needs = { dependencies: { "@other/base": "*" } };
  await market.publish({ name: "@other/base", version: "1.0.0" });
  await market.publish({ name: HELLO, version: "1.0.0", ...needs });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  const [stolen, renewed] = await Promise.all([randomKey(), randomKey()]);
  await market.publish({ name: "@other/base", version: "2.0.0", publisher: stolen });
  const next = { dependencies: { "@other/base": "^2.0.0" } };
  await market.publish({ name: HELLO, version: "1.1.0", publisher: renewed, ...next });
  await expect(host.update(HELLO, { acceptPublisher: true })).rejects.toMatchObject({
    code: "trust_publisher_changed",
    detail: { plugin: "@other/base" },
  });
  await host.update("@other/base", { acceptPublisher: true });
  expect(host.plugin("@other/base").version).toBe("2.0.0");
});

test("a low place in a second log is not before a revocation in the first", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const logKey = await randomKey();
  const other = await createTestLog("example.com/second", logKey);
  const log = { origin: other.origin, publicKey: base64url(logKey.publicKey) };
  market.editServiceKeys((keys) => ({
    ...keys,
    log: [...keys.log, { ...log, from: "2026-01-01T00:00:00Z" }],
  }));
  const envelope = market.files.get(releasePath(HELLO, "1.0.0")) ?? new Uint8Array();
  const statement = await statementDigest(Buffer.from(envelope).toString());
  const entry = { type: "release", plugin: HELLO, version: "1.0.0", statement } as const;
  await other.append(encodeLogEntry(entry));
  market.files.set(proofPath(HELLO, "1.0.0"), utf8(await other.proof(0)));
  const [key] = market.document(HELLO)?.publisher.keys ?? [];
  if (key === undefined) throw new Error("The document names no key");
  market.setPublisherKeys(HELLO, { keys: [{ ...key, revokedFrom: 100 }] });
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("trust_key_revoked");
  market.setPublisherKeys(HELLO, { keys: [{ keyId: key.keyId, publicKey: key.publicKey }] });
  await host.install(HELLO, { grant: "requested" });
});

test("expired trust metadata stops installing, not running", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  await market.publish({ name: "@acme/more", version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await market.resign(new Date(Date.now() - 1_000));
  expect(await codeOf(host.install("@acme/more", { grant: "requested" }))).toBe(
    "trust_metadata_expired",
  );
  expect(await host.call(HELLO, "version")).toBe("1.0.0");
  await host.install("@acme/more", { grant: "requested", acceptStale: true });
  expect(await host.call("@acme/more", "version")).toBe("1.0.0");
});

test("a data directory of another marketplace's root is refused", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await host.close();
  const other = await createHostFixture();
  const opened = fixture.open({ marketplace: { url: market.url, root: other.market.root } });
  expect(await codeOf(opened)).toBe("trust_root_invalid");
  await other.close();
  expect(
    await codeOf(fixture.open({ marketplace: { url: market.url, root: new Uint8Array([1, 2]) } })),
  ).toBe("trust_root_invalid");
});

test("metadata signed by another root does not verify", async () => {
  const other = await createHostFixture();
  const host = await fixture.open({
    marketplace: { url: fixture.market.url, root: other.market.root },
  });
  await fixture.market.publish({ name: HELLO, version: "1.0.0" });
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("trust_metadata_invalid");
  await other.close();
});
