import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  openBundle,
  packBundle,
  PUBLISHER_ENVELOPE,
  PUBLISHER_KEY,
  utf8,
} from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { HELLO, runCli, temporaryFolder, writeFiles } from "../../fixtures/run-cli.ts";

async function signedBundle(): Promise<{ home: string; keyId: string; publicKey: string }> {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  const key = (await runCli(["keys", "new", "--json"], { home })).json();
  const built = await runCli(["build", "--out", "a.rbsm", "--json"], { home });
  expect(built).toMatchObject({ code: 0, stderr: "" });
  expect(built.json().publisherKeyId).toBe(key.keyId);
  return { home, keyId: key.keyId, publicKey: key.publicKey };
}

test("verify takes a signed bundle by its own key, or by a pinned one in every spelling", async () => {
  const { home, keyId, publicKey } = await signedBundle();
  await runCli(["keys", "export", "--out", "publisher.pub"], { home });
  const self = await runCli(["verify", "a.rbsm", "--json"], { home });
  expect(self.json()).toEqual({
    ok: true,
    plugin: "@acme/hello",
    version: "1.0.0",
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    treeDigest: expect.stringMatching(/^h1:/),
    publisherKeyId: keyId,
    trust: "self",
  });
  for (const pin of [
    keyId,
    publicKey,
    "publisher.pub",
    ".config/rising-bsm/keys/default.key.json",
  ]) {
    const pinned = await runCli(["verify", "a.rbsm", "--json", "--key", pin], { home });
    expect(pinned.json()).toMatchObject({ ok: true, trust: "key", publisherKeyId: keyId });
  }
});

test("verify refuses another publisher than the pinned one", async () => {
  const { home } = await signedBundle();
  const other = (await runCli(["keys", "new", "--name", "other", "--json"], { home })).json();
  const run = await runCli(["verify", "a.rbsm", "--json", "--key", other.keyId], { home });
  expect(run.code).toBe(3);
  expect(run.json().error.code).toBe("signature_untrusted_key");
});

test("verify refuses an unsigned bundle", async () => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  await runCli(["build", "--out", "a.rbsm"], { home });
  const run = await runCli(["verify", "a.rbsm", "--json"], { home });
  expect(run.code).toBe(3);
  expect(run.json().error).toMatchObject({ code: "signature_missing", fix: expect.any(String) });
});

test.each<[string, { without?: string; key?: string; code: string }]>([
  [
    "no envelope and a damaged key",
    { without: PUBLISHER_ENVELOPE, key: "damaged", code: "signature_missing" },
  ],
  ["an envelope and no key", { without: PUBLISHER_KEY, code: "signature_untrusted_key" }],
  ["a damaged key", { key: "damaged", code: "signature_invalid" }],
  ["a key that is none", { key: `${"A".repeat(43)}\n`, code: "signature_key_rejected" }],
])("verify says what is wrong with %s", async (_what, { without, key, code }) => {
  const { home } = await signedBundle();
  const files = openBundle(await readFile(join(home, "a.rbsm")));
  if (key !== undefined) files.set(PUBLISHER_KEY, utf8(key));
  if (without !== undefined) files.delete(without);
  await writeFile(join(home, "b.rbsm"), packBundle(files));
  const run = await runCli(["verify", "b.rbsm", "--json"], { home });
  expect([run.code, run.json().error.code]).toEqual([3, code]);
});

test("verify refuses a bundle with one byte changed anywhere, in process", async () => {
  const { home } = await signedBundle();
  const bytes = new Uint8Array(await readFile(join(home, "a.rbsm")));
  const { verifyBundle } = await import("./verify-bundle.ts");
  for (let at = 0; at < bytes.length; at++) {
    const altered = bytes.slice();
    altered[at] = (altered[at] ?? 0) ^ 1;
    await expect(verifyBundle(altered, null), `byte ${at}`).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:bundle|manifest|signature)_/),
    });
  }
});

test.each([
  ["not a bundle", "bundle_not_zip"],
  ["RBSM legacy", "bundle_legacy"],
  ["", "bundle_"],
])("verify and inspect call a file with %j what it is", async (content, code) => {
  const home = await temporaryFolder();
  await writeFile(join(home, "x.rbsm"), content);
  for (const command of ["verify", "inspect"]) {
    const run = await runCli([command, "x.rbsm", "--json"], { home });
    expect(run.code).toBe(3);
    expect(run.json().error.code).toContain(code);
  }
});

test("a file over the size limit is bundle_too_large, exit 3", async () => {
  const home = await temporaryFolder();
  await writeFile(join(home, "x.rbsm"), Buffer.alloc(10 * 1024 * 1024 + 1));
  const run = await runCli(["verify", "x.rbsm", "--json"], { home });
  expect(run).toMatchObject({ code: 3 });
  expect(run.json().error.code).toBe("bundle_too_large");
});
