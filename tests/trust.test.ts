import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { base64 } from "@rising-bsm/protocol";
import { Updater } from "tuf-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTrust } from "../scripts/ceremony.ts";
import type { Trust } from "../scripts/ceremony.ts";
import { startLocalWorker } from "./bench/local-worker.ts";

let trust: Trust;
let local: Awaited<ReturnType<typeof startLocalWorker>>;
let dir: string;

beforeAll(async () => {
  trust = await createTrust({ now: new Date() });
  local = await startLocalWorker(trust.secrets);
  dir = await mkdtemp(join(tmpdir(), "rbsm-trust-"));
  await writeFile(join(dir, "root.json"), trust.root);
});

afterAll(async () => {
  await local.harness.close();
  await rm(dir, { recursive: true });
});

function upload(files: Omit<Trust, "offlineKeys" | "secrets">): Promise<Response> {
  const body = {
    root: base64(files.root),
    targets: base64(files.targets),
    serviceKeys: base64(files.serviceKeys),
    policy: base64(files.policy),
    revocations: base64(files.revocations),
  };
  return fetch(new URL("/v1/trust", local.url), {
    method: "PUT",
    headers: {
      Authorization: `Bearer ${trust.secrets.ADMIN_TOKEN}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(body),
  });
}

function updater(): Updater {
  const tuf = new URL("/tuf", local.url).href;
  return new Updater({
    metadataDir: dir,
    metadataBaseUrl: tuf,
    targetDir: dir,
    targetBaseUrl: `${tuf}/targets`,
  });
}

async function timestampVersion(): Promise<number> {
  const answer = await fetch(new URL("/tuf/timestamp.json", local.url));
  return ((await answer.json()) as { signed: { version: number } }).signed.version;
}

test("tuf-js accepts every file that the Worker serves after an upload, to the target's bytes", async () => {
  expect((await upload(trust)).status).toBe(200);
  const client = updater();
  await client.refresh();
  const target = await client.getTargetInfo("service-keys.json");
  const file = await client.downloadTarget(target!);
  expect(new Uint8Array(await readFile(file))).toEqual(new Uint8Array(trust.serviceKeys));
});

test("the same upload again changes nothing", async () => {
  const before = await timestampVersion();
  expect((await upload(trust)).status).toBe(200);
  expect(await timestampVersion()).toBe(before);
});

test("a ceremony for other keys is refused and changes nothing", async () => {
  const before = await timestampVersion();
  const other = await createTrust({ now: new Date() });
  for (const files of [other, { ...trust, targets: other.targets }]) {
    const answer = await upload(files);
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ code: "trust_metadata_invalid" });
  }
  expect(await timestampVersion()).toBe(before);
});

test("cron signs anew after a day, and tuf-js follows", async () => {
  const before = await timestampVersion();
  const run = (days: number) =>
    local.marketplace.scheduled({ scheduledTime: new Date(Date.now() + days * 86_400_000) });
  await run(0.5);
  expect(await timestampVersion()).toBe(before);
  await run(1.5);
  expect(await timestampVersion()).toBe(before + 1);
  await updater().refresh();
});
