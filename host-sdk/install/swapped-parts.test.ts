/** What is genuine where it belongs, put where it does not: envelopes, keys and files. */
import { writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  base64url,
  fromHex,
  openBundle,
  proofPath,
  PUBLISHER_ENVELOPE,
  releasePath,
  sha256Hex,
  signKeyStatement,
  utf8,
} from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundlesOnDisk, codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { randomKey } from "../testing/static-marketplace.ts";
import type { InstallStep } from "./progress.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

const bundleFile = (sha256: string) => join(fixture.dataDir, "bundles", `${sha256}.rbsm`);

/** A statement that the marketplace's release key and the publisher's key could be made to sign. */
const keyStatement = async () =>
  signKeyStatement(
    {
      type: "https://rising-bsm.com/publisher-key/v1",
      publisher: "acme",
      issuedAt: "2026-11-01T00:00:00Z",
      action: "revoke",
      revokes: ["0".repeat(64)],
      fromIndex: 0,
    },
    fixture.market.release,
  );

test.each([
  ["the publisher's statement", "the release statement", "trust_release_invalid"],
  ["a key statement", "the release statement", "trust_release_invalid"],
  ["the checkpoint", "the release statement", "trust_release_invalid"],
  ["the proof", "the release statement", "trust_release_invalid"],
  ["the release statement", "the proof", "trust_log_invalid"],
  ["the checkpoint", "the proof", "trust_log_invalid"],
  ["the release statement", "the checkpoint", "trust_log_invalid"],
  ["the timestamp", "the checkpoint", "trust_log_invalid"],
  ["the checkpoint", "the timestamp", "trust_metadata_invalid"],
  ["the release statement", "the timestamp", "trust_metadata_invalid"],
])("%s in the place of %s is refused", async (genuine, place, code) => {
  const { market } = fixture;
  const { bundle } = await market.publish({ name: HELLO, version: "1.0.0" });
  const paths: Record<string, string> = {
    "the release statement": releasePath(HELLO, "1.0.0"),
    "the proof": proofPath(HELLO, "1.0.0"),
    "the checkpoint": "/log/checkpoint",
    "the timestamp": "/tuf/timestamp.json",
  };
  const others: Record<string, Uint8Array | undefined> = {
    "the publisher's statement": openBundle(bundle).get(PUBLISHER_ENVELOPE),
    "a key statement": utf8(JSON.stringify(await keyStatement())),
  };
  const bytes = others[genuine] ?? market.files.get(paths[genuine] ?? "") ?? new Uint8Array();
  expect(bytes.length).toBeGreaterThan(0);
  market.files.set(paths[place] ?? "", bytes);
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe(code);
  expect(host.plugins()).toEqual([]);
  expect(await bundlesOnDisk(fixture.dataDir)).toEqual([]);
});

test("a release statement among the key statements vouches for no key", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  await market.publish({ name: HELLO, version: "1.1.0", publisher: await randomKey() });
  const bytes = market.files.get(releasePath(HELLO, "1.0.0")) ?? new Uint8Array();
  const statements = [JSON.parse(Buffer.from(bytes).toString())];
  market.setPublisherKeys(HELLO, { statements });
  expect(await codeOf(host.update(HELLO))).toBe("trust_publisher_changed");
});

/** Under each of these any signature could be made to verify. */
const SMALL_ORDER = [
  `01${"00".repeat(31)}`,
  "00".repeat(32),
  `${"00".repeat(31)}80`,
  `ec${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

test.each(SMALL_ORDER)("the publisher's key %s of small order is refused", async (text) => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const key = { keyId: await sha256Hex(fromHex(text)), publicKey: base64url(fromHex(text)) };
  market.setPublisherKeys(HELLO, { keys: [key] });
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("signature_key_rejected");
  expect(host.plugins()).toEqual([]);
});

test.each([
  ["before it is verified", "verify", "bundle_digest_mismatch"],
  ["after it was verified", "activate", "ok"],
] as const)("a file that is swapped %s is not what runs", async (_, at, code) => {
  const { market } = fixture;
  const old = await market.publish({ name: HELLO, version: "1.0.0" });
  const { sha256 } = await market.publish({ name: HELLO, version: "1.1.0" });
  const host = await fixture.open();
  // The report of a step comes before its work.
  const onProgress = ({ step }: { readonly step: InstallStep }) => {
    if (step === at) writeFileSync(bundleFile(sha256), old.bundle);
  };
  expect(await codeOf(host.install(HELLO, { grant: "requested", onProgress }))).toBe(code);
  if (code === "ok") expect(await host.call(HELLO, "version")).toBe("1.1.0");
  else expect(host.plugins()).toEqual([]);
});

test("a bundle that is edited on disk is noticed at the next start, and the others run", async () => {
  const { market } = fixture;
  const old = await market.publish({ name: HELLO, version: "1.0.0" });
  const { sha256, bundle } = await market.publish({ name: HELLO, version: "1.1.0" });
  await market.publish({ name: "@acme/other", version: "1.0.0" });
  const host = await fixture.open();
  for (const name of [HELLO, "@acme/other"]) await host.install(name, { grant: "requested" });
  await host.close();
  const edited = bundle.map((byte, index) => (index === 300 ? byte ^ 1 : byte));
  for (const bytes of [edited, old.bundle]) {
    await writeFile(bundleFile(sha256), bytes);
    const again = await fixture.open();
    expect(again.plugin(HELLO)).toMatchObject({
      state: "failed",
      reason: { code: "bundle_digest_mismatch" },
    });
    expect(await codeOf(again.call(HELLO, "version"))).toBe("plugin_not_active");
    expect(await again.call("@acme/other", "version")).toBe("1.0.0");
    await again.close();
  }
});
