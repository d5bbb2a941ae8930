import { env } from "cloudflare:workers";
import {
  catalogCheckResultSchema,
  documentPath,
  indexPath,
  proofPath,
  releasePath,
  shardTarget,
  targetPath,
} from "@rising-bsm/protocol";
import type { CatalogDifference } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { mediaKeys, storedDetails } from "../media/details.ts";
import { SAMPLE_ICON } from "../media/sample-icon.ts";
import { bundleKey } from "../release/bundle-object.ts";
import { failingAt } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import { readPublished } from "../trust/sample-client.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";

const NAME = "@acme/hello";
const RELEASE = "@acme/hello@1.0.0";

beforeAll(async () => {
  await resetMarketplace();
  expect((await uploadTrust(await sampleCeremony())).status).toBe(200);
  const acme = await createAccount("acme");
  for (const name of [NAME, "@acme/other"]) {
    const target = { name, version: "1.0.0" };
    const manifest = { ...target, icon: "icon.png", readme: "README.md" };
    const files = { "icon.png": SAMPLE_ICON, "README.md": `# ${name}` };
    const bundle = await buildBundle(acme.key, manifest, files);
    expect((await publish(target, bundle, acme)).status).toBe(201);
  }
});

/** Key of the n-th object that the release's page shows. */
async function mediaKey(n: number): Promise<string> {
  const row = await env.DB.prepare(`SELECT details FROM versions WHERE plugin = '${NAME}'`).first<{
    details: string;
  }>();
  const [key] = (row === null ? [] : mediaKeys(storedDetails(row)))[n] ?? [];
  if (key === undefined) throw new Error("The release shows nothing");
  return key;
}

/** All parts. */
async function check(
  repair = false,
  limit = 20,
): Promise<{ checked: number; differences: CatalogDifference[] }> {
  const differences: CatalogDifference[] = [];
  let checked = 0;
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const body = { limit, repair, ...(cursor === undefined ? {} : { cursor }) };
    const answer = await send("POST", "/v1/catalog/check", { body });
    expect(answer.status).toBe(200);
    const part = catalogCheckResultSchema.parse(await answer.json());
    checked += part.checked;
    differences.push(...part.differences);
    cursor = part.nextCursor;
  }
  return { checked, differences };
}

async function row(): Promise<{ documentSha256: string; bundleSha256: string }> {
  const found = await env.DB.prepare(
    `SELECT document_sha256 AS documentSha256, sha256 AS bundleSha256
     FROM plugins JOIN versions ON plugin = name WHERE name = ?`,
  )
    .bind(NAME)
    .first<{ documentSha256: string; bundleSha256: string }>();
  if (found === null) throw new Error("The plugin is not there");
  return found;
}

async function shardKey(): Promise<string> {
  const target = await shardTarget(NAME);
  const { catalog } = await readPublished();
  return targetPath(target, catalog.targets[target]?.hashes.sha256 ?? "").slice(1);
}

const remove = (key: string) => env.BUNDLES.delete(key);
const overwrite = async (key: string) => {
  await env.BUNDLES.put(key, "other bytes");
};
const documentKey = async () => documentPath(NAME, (await row()).documentSha256).slice(1);
const releaseKey = releasePath(NAME, "1.0.0").slice(1);
const proofKey = proofPath(NAME, "1.0.0").slice(1);

test("a catalogue that is as its database says has no differences", async () => {
  const { checked, differences } = await check();
  expect(differences).toEqual([]);
  expect(await check(false, 1)).toEqual({ checked, differences });
  // Two plugins, their two shards, the advisories, and the files of trust.
  expect(checked).toBeGreaterThanOrEqual(2 + 3 + 8);
});

describe("what was damaged is named and made again:", () => {
  const damages: [string, string, string, () => Promise<unknown>][] = [
    ["a release statement that is gone", "release", RELEASE, () => remove(releaseKey)],
    ["a release statement with other bytes", "release", RELEASE, () => overwrite(releaseKey)],
    ["a log proof that is gone", "proof", RELEASE, () => remove(proofKey)],
    ["a log proof with other bytes", "proof", RELEASE, () => overwrite(proofKey)],
    ["an icon that is gone", "media", RELEASE, async () => remove(await mediaKey(0))],
    ["a README with other bytes", "media", RELEASE, async () => overwrite(await mediaKey(1))],
    [
      "a page that nobody has made",
      "media",
      RELEASE,
      () => env.DB.exec(`UPDATE versions SET details = NULL WHERE plugin = '${NAME}'`),
    ],
    ["a document that is gone", "document", NAME, async () => remove(await documentKey())],
    ["a document with other bytes", "document", NAME, async () => overwrite(await documentKey())],
    [
      "a row that names another document",
      "document",
      NAME,
      () =>
        env.DB.exec(
          `UPDATE plugins SET document_sha256 = '${"0".repeat(64)}' WHERE name = '${NAME}'`,
        ),
    ],
    ["a copy that is gone", "document-copy", NAME, () => remove(indexPath(NAME).slice(1))],
    ["a copy with other bytes", "document-copy", NAME, () => overwrite(indexPath(NAME).slice(1))],
    [
      "a search row that is gone",
      "search",
      NAME,
      () => env.SEARCH.exec(`DELETE FROM docs WHERE name = '${NAME}'`),
    ],
    [
      "a change that nobody finished",
      "unfinished",
      NAME,
      () => env.DB.exec(`UPDATE plugins SET revision = revision + 1 WHERE name = '${NAME}'`),
    ],
    ["a shard that is gone", "shard", NAME, async () => remove(await shardKey())],
    ["a shard with other bytes", "shard", NAME, async () => overwrite(await shardKey())],
    [
      "a row of another shard's contents",
      "target",
      "catalog/advisories.json",
      () =>
        env.DB.exec(
          `UPDATE catalog_targets SET sha256 = '${"0".repeat(64)}' WHERE target = 'catalog/advisories.json'`,
        ),
    ],
    [
      "a shard that the database lists no longer",
      "shard",
      NAME,
      async () =>
        env.DB.exec(`DELETE FROM catalog_targets WHERE target = '${await shardTarget(NAME)}'`),
    ],
    ["a root that is gone", "metadata", "tuf/1.root.json", () => remove("tuf/1.root.json")],
    [
      "targets with other bytes",
      "metadata",
      "tuf/1.targets.json",
      () => overwrite("tuf/1.targets.json"),
    ],
    [
      "a timestamp that is gone",
      "metadata",
      "tuf/timestamp.json",
      () => remove("tuf/timestamp.json"),
    ],
  ];

  test.each(damages)("%s", async (...[, kind, subject, damage]) => {
    await damage();
    const named = expect.objectContaining({ kind, subject });
    expect((await check()).differences).toContainEqual(named);
    const { differences } = await check(true);
    expect(differences).toContainEqual(named);
    expect(differences.filter(({ repaired }) => !repaired)).toEqual([]);
    expect((await check()).differences).toEqual([]);
    expect((await call(indexPath(NAME))).status).toBe(200);
    await readPublished();
  });

  test("catalog and snapshot that are gone", async () => {
    const { catalog, snapshot } = await readPublished();
    await remove(`tuf/${catalog.version}.catalog.json`);
    await remove(`tuf/${snapshot.version}.snapshot.json`);
    expect((await check(true)).differences.every(({ repaired }) => repaired)).toBe(true);
    expect((await check()).differences).toEqual([]);
    expect((await readPublished()).catalog.version).toBeGreaterThan(catalog.version);
  });
});

test("a bundle that only the bucket had is named, and stays so", async () => {
  const key = bundleKey((await row()).bundleSha256);
  const bytes = (await (await env.BUNDLES.get(key))?.arrayBuffer()) ?? new ArrayBuffer();
  await remove(key);
  const named = { kind: "bundle", subject: RELEASE, repaired: false };
  expect((await check(true)).differences).toEqual([expect.objectContaining(named)]);
  const document = await (await call(indexPath(NAME))).json();
  expect(document).toMatchObject({ versions: [{ version: "1.0.0" }] });
  await env.BUNDLES.put(key, bytes, { sha256: (await row()).bundleSha256 });
  expect((await check()).differences).toEqual([]);
});

test("an entry of the log that says something else is named, and never rewritten", async () => {
  const rename = (from: string, to: string) =>
    env.DB.exec(`UPDATE log_entries SET entry = replace(entry, '${from}', '${to}')`);
  await rename(NAME, "@acme/hallo");
  const named = { kind: "log", subject: RELEASE, repaired: false };
  expect((await check(true)).differences).toEqual([expect.objectContaining(named)]);
  await rename("@acme/hallo", NAME);
  expect((await check()).differences).toEqual([]);
});

test("a repair is in the audit, a check and a repair of nothing are not", async () => {
  const recorded = async () =>
    (await env.DB.prepare("SELECT detail FROM audit WHERE action = 'catalog.repair'").all())
      .results;
  await env.DB.exec("DELETE FROM audit WHERE action = 'catalog.repair'");
  await check();
  await check(true);
  expect(await recorded()).toEqual([]);
  await remove(proofKey);
  await check(true);
  expect(await recorded()).toEqual([
    { detail: expect.stringContaining("proof @acme/hello@1.0.0") },
  ]);
});

test("a cursor of another route is refused", async () => {
  const answer = await send("POST", "/v1/catalog/check", { body: { cursor: "@acme/hello" } });
  expect(await refusal(answer)).toEqual([400, "request_invalid"]);
});

for (const fault of ["failed", "failed but stored"] as const) {
  test(`a repair whose write ${fault} is finished by the next one`, async () => {
    for (let nth = 1; ; nth++) {
      await remove(proofKey);
      await overwrite(await documentKey());
      await overwrite(await shardKey());
      const { bindings, hit } = failingAt(env, nth, fault);
      await send("POST", "/v1/catalog/check", { body: { repair: true }, bindings });
      await check(true);
      expect([nth, (await check()).differences]).toEqual([nth, []]);
      if (!hit()) return expect(nth).toBeGreaterThan(8);
    }
  }, 300_000);
}
