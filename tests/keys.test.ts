import type { ServerResponse } from "node:http";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publisherKeysSchema } from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { type Received, startServer } from "../packages/cli/fixtures/marketplace.ts";
import { HELLO, runCli, writeFiles } from "../packages/cli/fixtures/run-cli.ts";
import { runHere } from "../packages/cli/fixtures/run-here.ts";
import { randomSecrets, startLocalWorker } from "./bench/local-worker.ts";

const secrets = randomSecrets();
let worker: Awaited<ReturnType<typeof startLocalWorker>>;
let count = 0;

beforeAll(async () => {
  worker = await startLocalWorker(secrets);
});

afterAll(() => worker.harness.close());

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

/** A publisher with a token, a home of their own and, if wanted, an enrolled key. */
async function createPublisher({ enrolled = true } = {}) {
  const publisher = `pub-${++count}x`;
  await send("/v1/publishers", { name: publisher, displayName: publisher });
  await send("/v1/scopes", { scope: `@${publisher}`, publisher });
  const permissions = ["keys", "publish", "tokens", "yank"];
  const { token } = z
    .object({ token: z.string() })
    .parse(await send("/v1/tokens", { publisher, permissions }));
  const home = await mkdtemp(join(tmpdir(), "rbsm-keys-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const cli = (args: readonly string[], url: string = worker.url.href) =>
    runHere(args, { home, env: { RISING_BSM_URL: url, RISING_BSM_TOKEN: token } });
  const ok = async (args: readonly string[], url?: string) => {
    const run = await cli(args, url);
    if (run.code !== 0) throw new Error(run.stdout + run.stderr);
    return run.json();
  };
  const first = await ok(["keys", "new"]);
  if (enrolled) await ok(["keys", "enroll"]);
  const folder = join(home, ".config/rising-bsm/keys");
  return { publisher, home, folder, cli, ok, first };
}

async function keysOf(publisher: string) {
  const answer = await fetch(new URL(`/v1/publishers/${publisher}/keys`, worker.url));
  return publisherKeysSchema.parse(await answer.json());
}

type Fault = "failed" | "failed but stored" | "killed";

/** The marketplace behind a line that breaks at the n-th request: before it arrives, or after it was done. */
async function brokenAt(nth: number, fault: Fault, kill: () => void) {
  let requests = 0;
  const forward = async (request: Received, response: ServerResponse, isBroken: boolean) => {
    const { status, body } = await pass(request);
    if (isBroken && fault === "killed") kill();
    if (isBroken) response.destroy();
    else response.writeHead(status, { "content-type": "application/json" }).end(body);
  };
  const { url } = await startServer((request, response) => {
    requests += 1;
    if (requests === nth && fault === "failed") response.destroy();
    else void forward(request, response, requests === nth);
  });
  return { url, hit: () => requests >= nth };
}

async function pass({ method, url, headers, body }: Received) {
  const answer = await fetch(new URL(url, worker.url), {
    method,
    headers: {
      authorization: headers.authorization ?? "",
      "content-type": "application/json",
    },
    ...(method === "GET" ? {} : { body: body.toString() }),
  });
  return { status: answer.status, body: await answer.text() };
}

async function publish(
  { home, publisher, cli }: Awaited<ReturnType<typeof createPublisher>>,
  { version, key = [] }: { version: string; key?: string[] },
) {
  const manifest = { ...JSON.parse(HELLO["manifest.json"]), name: `@${publisher}/hello`, version };
  await writeFiles(home, { ...HELLO, "manifest.json": JSON.stringify(manifest) });
  return await cli(["deploy", home, ...key]);
}

test("keys enroll keeps the commitment to the recovery key that keys new made", async () => {
  const { publisher, first, ok } = await createPublisher();
  expect(await keysOf(publisher)).toMatchObject({
    recovery: first.recovery.keyId,
    keys: [{ keyId: first.keyId }],
  });
  const again = await ok(["keys", "enroll"]);
  expect(again).toMatchObject({
    keyId: first.keyId,
    recovery: first.recovery.keyId,
    vouched: true,
  });
});

test("a further key enrols alone, with a warning, or vouched for", async () => {
  const { publisher, ok, cli } = await createPublisher();
  await ok(["keys", "new", "--name", "ci", "--no-recovery"]);
  expect(await ok(["keys", "enroll", "ci"])).toMatchObject({ vouched: false });
  expect(await ok(["keys", "enroll", "ci", "--vouched-by", "default"])).toMatchObject({
    vouched: true,
  });
  expect((await keysOf(publisher)).statements).toHaveLength(1);
  const own = await cli(["keys", "enroll", "ci", "--vouched-by", "ci"]);
  expect(own.json().error.code).toBe("signature_untrusted_key");
});

test("keys rotate puts a new key in the place of the old one, and what was released stays", async () => {
  const account = await createPublisher();
  const { publisher, first, ok, folder, cli } = account;
  expect((await publish(account, { version: "1.0.0" })).code).toBe(0);
  const rotated = await ok(["keys", "rotate"]);
  expect(rotated.replaced.keyId).toBe(first.keyId);
  const { keys, statements } = await keysOf(publisher);
  expect(keys).toMatchObject([
    { keyId: first.keyId, revokedFrom: rotated.replaced.revokedFrom },
    { keyId: rotated.keyId },
  ]);
  expect(statements).toHaveLength(2);
  expect((await readdir(folder)).toSorted()).toEqual(
    [
      `default-${first.keyId.slice(0, 8)}.key.json`,
      "default.key.json",
      "default.recovery.json",
    ].toSorted(),
  );
  expect((await publish(account, { version: "1.0.1" })).code).toBe(0);
  const stale = await publish(account, { version: "1.0.2", key: ["--key", rotated.replaced.file] });
  expect(stale.code).toBe(5);
  expect(stale.json().error).toMatchObject({ code: "trust_key_revoked", fix: expect.any(String) });
  const info = await cli(["info", `@${publisher}/hello`]);
  expect(info.json().versions.map(({ version }: { version: string }) => version)).toEqual([
    "1.0.1",
    "1.0.0",
  ]);
});

test.each(["failed", "failed but stored", "killed"] as const)(
  "keys rotate that %s at any request goes on where it was",
  { timeout: 400_000 },
  async (fault) => {
    for (let nth = 1; ; nth++) {
      const { publisher, home, ok, folder, first } = await createPublisher();
      let pid = 0;
      const line = await brokenAt(nth, fault, () => process.kill(pid, "SIGKILL"));
      const env = { RISING_BSM_URL: line.url, RISING_BSM_TOKEN: await tokenFor(publisher) };
      const run = await runCli(["keys", "rotate", "--json"], {
        home,
        env,
        onSpawn: (child) => (pid = child),
      });
      if (!line.hit()) {
        expect(run.code).toBe(0);
        expect(nth).toBeGreaterThan(6);
        return;
      }
      expect(run.code).not.toBe(0);
      const after = await readFile(join(folder, "default.key.json"), "utf8");
      expect(JSON.parse(after).publicKey).toBe(first.publicKey);
      const resumed = await ok(["keys", "rotate"]);
      const { keys, statements } = await keysOf(publisher);
      expect(keys.map(({ keyId, revokedFrom }) => [keyId, revokedFrom !== undefined])).toEqual([
        [first.keyId, true],
        [resumed.keyId, false],
      ]);
      expect(statements).toHaveLength(2);
      expect(await readdir(folder)).toContain(`default-${first.keyId.slice(0, 8)}.key.json`);
    }
  },
);

async function tokenFor(publisher: string): Promise<string> {
  const answer = await send("/v1/tokens", { publisher, permissions: ["keys", "publish"] });
  return z.object({ token: z.string() }).parse(answer).token;
}

test("keys revoke ends a key from a place in the log on, by itself, another or the administrator", async () => {
  const { publisher, first, ok, cli } = await createPublisher();
  const ci = await ok(["keys", "new", "--name", "ci", "--no-recovery"]);
  await ok(["keys", "enroll", "ci", "--vouched-by", "default"]);
  const late = await cli(["keys", "revoke", ci.keyId, "--from-index", "999999"]);
  expect(late.json().error).toMatchObject({ code: "request_invalid", fix: expect.any(String) });
  expect((await cli(["keys", "revoke", ci.keyId, "--from-index", "x"])).code).toBe(2);
  const revoked = await ok(["keys", "revoke", ci.keyId, "--from-index", "1", "--reason", "left"]);
  expect(revoked).toMatchObject({ keyId: ci.keyId, revokedFrom: 1, left: 1 });
  const gone = await cli(["keys", "revoke", first.keyId, "--key", "ci"]);
  expect(gone.json().error.code).toBe("signature_untrusted_key");
  expect(await ok(["keys", "revoke", first.keyId])).toMatchObject({ left: 0 });
  expect((await cli(["keys", "rotate"])).json().error).toMatchObject({
    code: "trust_key_revoked",
    fix: expect.stringContaining("recover"),
  });
  const other = await createPublisher();
  const admin = { RISING_BSM_URL: worker.url.href, RISING_BSM_TOKEN: secrets["ADMIN_TOKEN"] ?? "" };
  const args = ["keys", "revoke", other.first.keyId, "--publisher", other.publisher, "--json"];
  const byAdmin = await runCli(args, { home: other.folder, env: admin });
  expect(byAdmin.json()).toMatchObject({ keyId: other.first.keyId, left: 0 });
  expect((await keysOf(publisher)).keys.every((key) => key.revokedFrom !== undefined)).toBe(true);
});

test.each(["failed", "failed but stored", "killed"] as const)(
  "keys recover replaces a stolen key, also when it %s at any request",
  { timeout: 400_000 },
  async (fault) => {
    for (let nth = 1; ; nth++) {
      const { publisher, home, ok, first } = await createPublisher();
      const args = ["keys", "recover", "--recovery-key", first.recovery.file, "--from-index", "1"];
      let pid = 0;
      const line = await brokenAt(nth, fault, () => process.kill(pid, "SIGKILL"));
      const env = { RISING_BSM_URL: line.url, RISING_BSM_TOKEN: await tokenFor(publisher) };
      const run = await runCli([...args, "--json"], { home, env, onSpawn: (id) => (pid = id) });
      const recovered = line.hit() ? await ok(args) : run.json();
      const { keys, recovery, statements } = await keysOf(publisher);
      expect(keys.map(({ keyId, revokedFrom }) => [keyId, revokedFrom])).toEqual([
        [first.keyId, 1],
        [recovered.keyId, undefined],
      ]);
      expect(statements).toHaveLength(1);
      expect(recovery).toBe(recovered.recovery.keyId);
      const kept = JSON.parse(await readFile(recovered.recovery.file, "utf8"));
      expect(kept.type).toBe("https://rising-bsm.com/recovery-key/v1");
      if (!line.hit()) return expect(nth).toBeGreaterThan(4);
    }
  },
);

test("keys recover refuses a key that is not the one committed to, and what is no recovery key", async () => {
  const { cli, first, ok } = await createPublisher();
  const other = await ok(["keys", "new", "--name", "other"]);
  const wrong = await cli(["keys", "recover", "--recovery-key", other.recovery.file]);
  expect(wrong.json().error).toMatchObject({
    code: "signature_untrusted_key",
    message: expect.stringContaining(first.recovery.keyId),
  });
  expect((await cli(["keys", "recover", "--recovery-key", first.file])).code).toBe(2);
  expect((await cli(["keys", "enroll", "--key", other.recovery.file])).code).toBe(2);
});
