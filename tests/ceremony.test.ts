import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  base64url,
  fromBase64,
  fromBase64url,
  keyChallengeResultSchema,
  packBundle,
  parseEnvelope,
  proveKeyPossession,
  releasePath,
  signBundle,
  signEnvelope,
  signingKeyFromSeed,
  utf8,
} from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { createPluginHost, createSimulatedDomain, createSqliteStore } from "@rising-bsm/host-sdk";
import type { PluginHost } from "@rising-bsm/host-sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTrustRequest } from "../scripts/ceremony/trust-request.ts";
import { randomSecrets, startLocalWorker } from "./bench/local-worker.ts";
import { forgeCatalog, forgeTimestamp } from "./ceremony/forge.ts";
import type { OnlineSeeds } from "./ceremony/forge.ts";
import { startManInTheMiddle } from "./ceremony/man-in-the-middle.ts";
import type { ManInTheMiddle } from "./ceremony/man-in-the-middle.ts";
import { openRunbook } from "./ceremony/runbook.ts";
import type { Runbook } from "./ceremony/runbook.ts";

const PLUGIN = "@acme/hello";

/** One marketplace lives through the whole runbook; each test goes on where the one before ended. */
let worker: Awaited<ReturnType<typeof startLocalWorker>>;
let runbook: Runbook;
let middle: ManInTheMiddle;
let secrets = randomSecrets();
let dir: string;
let publisher: SigningKey;
const hosts: PluginHost[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "rbsm-ceremony-"));
  worker = await startLocalWorker(secrets);
  middle = await startManInTheMiddle(worker.url);
  publisher = await newKey();
  runbook = await openRunbook(join(dir, "maintainer"), {
    url: worker.url.origin,
    adminToken: () => secrets["ADMIN_TOKEN"] ?? "",
    setSecrets,
  });
});

afterAll(async () => {
  for (const host of hosts) await host.close();
  await middle.close();
  await worker.harness.close();
  await rm(dir, { recursive: true });
});

/** What Cloudflare does with `wrangler secret bulk` and a deployment. */
async function setSecrets(news: Record<string, string>): Promise<void> {
  secrets = { ...secrets, ...news };
  const config = await readFile(join(runbook.dir, "wrangler.toml"), "utf8");
  const LOG_ORIGIN = /^LOG_ORIGIN = "(.+)"$/m.exec(config)?.[1] ?? "";
  const vars = { REVIEW_POLICY: "open", POINTER_INTERVAL_MS: "0", LOG_ORIGIN };
  await worker.harness.update({ workers: [{ configPath: "wrangler.toml", vars, secrets }] });
}

function newKey(): Promise<SigningKey> {
  return signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
}

async function asAdmin(method: string, path: string, body: object | Uint8Array<ArrayBuffer>) {
  const isBytes = body instanceof Uint8Array;
  const answer = await fetch(new URL(path, worker.url), {
    method,
    headers: {
      authorization: `Bearer ${secrets["ADMIN_TOKEN"]}`,
      "content-type": isBytes ? "application/octet-stream" : "application/json",
    },
    body: isBytes ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: JSON.parse(text === "" ? "null" : text) };
}

async function publish(version: string, key = publisher, name = PLUGIN): Promise<void> {
  const manifest = { name, version, main: "index.js", permissions: [], dependencies: {} };
  const code = `export default class { version() { return "${version}" } }\n`;
  const files = new Map([
    ["index.js", utf8(code)],
    ["manifest.json", utf8(JSON.stringify(manifest))],
  ]);
  const bundle = packBundle(await signBundle(files, key));
  const { status, body } = await asAdmin("PUT", `/v1/plugins/${name}/versions/${version}`, bundle);
  expect([status, body], `publish ${version}`).toEqual([201, expect.anything()]);
}

async function enroll(key: SigningKey): Promise<void> {
  const asked = await asAdmin("POST", "/v1/keys/challenge", { publisher: "acme" });
  const { challenge } = keyChallengeResultSchema.parse(asked.body);
  const signature = await proveKeyPossession(key, challenge);
  const publicKey = base64url(key.publicKey);
  const order = { publisher: "acme", publicKey, challenge, signature };
  expect(await asAdmin("POST", "/v1/keys", order)).toMatchObject({
    status: expect.toSatisfy(isOk),
  });
}

let isTakenBack = false;

const isOk = (status: number) => status >= 200 && status < 300;

/** A host with the first root as its anchor, on a data directory of its own. */
async function openHost(name: string, url = worker.url.origin): Promise<PluginHost> {
  const dataDir = join(dir, name);
  const store = createSqliteStore(":memory:");
  const root = await readFile(join(runbook.dir, "trust", "roots", "1.root.json"));
  const domain = await createSimulatedDomain({ store });
  const host = await createPluginHost({ dataDir, marketplace: { url, root }, store, domain });
  hosts.push(host);
  return host;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error) => error.code,
  );
}

/** Version of the newest root that the host has verified. */
async function rootOf(host: string): Promise<number> {
  const names = await readdir(join(dir, host, "tuf", "roots"));
  const versions = names.map((name) => Number(/^(\d+)\.root\.json$/.exec(name)?.[1] ?? 1));
  return Math.max(1, ...versions);
}

// Each test goes on where the one before ended, so none can be tried once more.
describe("the runbook", { retry: 0, timeout: 400_000 }, () => {
  test("the first ceremony: one signature of three is refused, two are accepted", async () => {
    const refused: unknown[] = [];
    const ran = await runbook.hold("The first ceremony", {
      after: async ({ command }) => {
        if (!command.includes("sign trust --key keys/alice")) return;
        const trust = join(runbook.dir, "trust");
        const deployed = await runbook.run("npm run deploy -- --trust trust");
        expect(deployed).toMatchObject({
          code: 1,
          output: expect.stringContaining("no signed root"),
        });
        // Past the scripts, by hand: the Worker refuses it as well.
        const early = join(dir, "early");
        await cp(join(trust, "draft"), early, { recursive: true });
        await cp(join(early, "root.json"), join(early, "roots", "1.root.json"));
        refused.push(await asAdmin("PUT", "/v1/trust", await readTrustRequest(early)));
      },
    });
    expect(refused).toMatchObject([{ status: 422, body: { code: "trust_metadata_invalid" } }]);
    const verified = ran.find(({ command }) => command.includes("verify"))?.stdout;
    expect(verified).toContain("All is well");
    expect(verified).toMatch(/^log rising-bsm\.com\/log\+[0-9a-f]{8}\+\S+$/m);
    const served = await fetch(new URL("/tuf/1.root.json", worker.url));
    const file = await readFile(join(runbook.dir, "trust", "roots", "1.root.json"));
    expect(Buffer.from(await served.arrayBuffer())).toEqual(file);
  });

  test("a key that a passphrase protects opens with no other one", async () => {
    const text = await readFile(join(runbook.dir, "keys", "alice.key.json"), "utf8");
    expect(JSON.parse(text).seed).toMatchObject({ kdf: "scrypt", cipher: "aes-256-gcm" });
    const ran = await runbook.run(
      "echo 'another passphrase' | node scripts/root.ts check-key keys/alice.key.json --json",
    );
    expect([ran.code, JSON.parse(ran.stdout).error.code]).toEqual([2, "usage"]);
  });

  test("hosts install what is published under the first root", async () => {
    await asAdmin("POST", "/v1/publishers", { name: "acme", displayName: "Acme" });
    await asAdmin("POST", "/v1/scopes", { scope: "@acme", publisher: "acme" });
    await enroll(publisher);
    await publish("1.0.0");
    for (const name of ["regular", "sleeper"]) {
      const host = await openHost(name);
      await host.install(PLUGIN);
      expect(await host.call(PLUGIN, "version")).toBe("1.0.0");
    }
  });

  /** The host that follows every change. */
  const regular = () => hosts[0]!;

  /** What is published from here on reaches the host. */
  async function reaches(version: string, host = regular()): Promise<void> {
    await publish(version);
    await host.update(PLUGIN);
    expect(await host.call(PLUGIN, "version")).toBe(version);
  }

  test("a renewal moves the end of root and targets and nothing else", async () => {
    const ran = await runbook.hold("Every year");
    const proposed = ran.find(({ command }) => command.includes("rotate trust"))?.stdout;
    expect(proposed).toContain("root 1 → 2");
    expect(proposed).not.toMatch(/^\s*[+-] /m);
    await reaches("1.1.0");
    expect(await rootOf("regular")).toBe(2);
  });

  test("a signer joins", async () => {
    const ran = await runbook.hold("A signer joins");
    expect(ran.map(({ stdout }) => stdout).join()).toMatch(/\+ signer dave [0-9a-f]{64}/);
    await reaches("1.2.0");
  });

  test("a signer leaves: signatures of the old key count no more", async () => {
    const before = join(dir, "stolen");
    await cp(join(runbook.dir, "trust"), join(before, "trust"), { recursive: true });
    await runbook.hold("A signer leaves, loses the key, or is robbed");
    const refused = await runbook.run(
      "node scripts/root.ts revoke trust --id X --action warn --plugin @acme/hello --versions '*' --reason x && node scripts/root.ts sign trust --key keys/alice.key.json",
    );
    expect(refused).toMatchObject({
      code: 2,
      output: expect.stringContaining("no signer's of this"),
    });
    await rm(join(runbook.dir, "trust", "draft"), { recursive: true });

    // The thief has alice's key and talks bob into signing; the folder is of the time before.
    const at = `cd ${runbook.dir} &&`;
    const folder = join(before, "trust");
    await runbook.run(
      `${at} node scripts/root.ts revoke ${folder} --id EVIL-1 --action disable --plugin @acme/hello --versions '*' --reason x`,
    );
    await runbook.run(`${at} node scripts/root.ts sign ${folder} --key keys/alice.key.json`);
    const signed = await runbook.run(
      `${at} node scripts/root.ts sign ${folder} --key keys/bob.key.json`,
    );
    expect(signed.stdout).toContain("in force");
    const old = await readTrustRequest(folder);
    const { root, roots } = await readTrustRequest(join(runbook.dir, "trust"));
    for (const forged of [old, { ...old, root, roots }]) {
      const answer = await asAdmin("PUT", "/v1/trust", forged);
      expect(answer).toMatchObject({ status: 422, body: { code: "trust_metadata_invalid" } });
    }
    await reaches("1.3.0");
  });

  test("a host that slept through three roots catches up", async () => {
    expect(await rootOf("sleeper")).toBe(1);
    const [, sleeper] = hosts;
    await sleeper!.update(PLUGIN);
    expect(await sleeper!.call(PLUGIN, "version")).toBe("1.3.0");
    expect(await rootOf("sleeper")).toBe(4);
  });

  const seeds = (): OnlineSeeds => ({
    catalog: secrets["CATALOG_KEY"] ?? "",
    snapshot: secrets["SNAPSHOT_KEY"] ?? "",
    timestamp: secrets["TIMESTAMP_KEY"] ?? "",
  });

  /** What a host makes of a marketplace that shows these files. */
  async function shown(host: PluginHost, files: Iterable<[string, Uint8Array]>): Promise<string> {
    for (const [path, bytes] of files) middle.lies.set(path, bytes);
    const code = await codeOf(host.checkForUpdates());
    middle.lies.clear();
    return code;
  }

  test("stolen timestamp, snapshot and catalog keys are good for nothing once they are replaced", async () => {
    const stolen = seeds();
    const marketplace = worker.url;
    const victim = await openHost("victim", middle.url);
    await victim.install(PLUGIN);
    // Before, the host believes the thief: so the refusals below are the rotation's.
    expect(await shown(victim, await forgeCatalog(marketplace, stolen))).toBe("none");
    const timestamp = async (): Promise<[string, Uint8Array][]> => [
      ["/tuf/timestamp.json", await forgeTimestamp(marketplace, stolen.timestamp)],
    ];

    await runbook.hold("Timestamp, snapshot or catalog key");
    expect(await shown(victim, await timestamp())).toBe("trust_metadata_invalid");
    expect(victim.plugin(PLUGIN).state).toBe("active");
    // The versions that the thief counted up do not keep the host from the truth.
    await reaches("1.4.0", victim);

    const now = seeds();
    const newcomer = await openHost("newcomer", middle.url);
    expect(await shown(newcomer, await forgeCatalog(marketplace, now))).toBe("none");
    for (const role of ["catalog", "snapshot", "timestamp"] as const) {
      const host = await openHost(`newcomer-${role}`, middle.url);
      const files = await forgeCatalog(marketplace, { ...now, [role]: stolen[role] });
      expect(await shown(host, files), role).toBe("trust_metadata_invalid");
    }
  });

  /** Published behind the deploying maintainer's back, so that the release has a place after N. */
  test("a stolen release key is good for nothing from a place in the log on", async () => {
    const stolen = await signingKeyFromSeed(fromBase64url(secrets["RELEASE_KEY"] ?? ""));
    await publish("1.5.0");
    await runbook.hold("Release key", {
      after: async ({ command }) => {
        if (command.includes("--secrets")) await publish("1.6.0");
      },
    });
    await regular().update(PLUGIN, { version: "1.5.0" });
    // The thief co-signs what is in the log after N, as the marketplace would have.
    const path = releasePath(PLUGIN, "1.6.0");
    const honest = await (await fetch(new URL(path, worker.url))).text();
    const { payload, payloadType } = parseEnvelope(honest);
    const forged = await signEnvelope(payloadType, fromBase64(payload), stolen);
    middle.lies.set(path, JSON.stringify(forged));
    const victim = await openHost("late", middle.url);
    expect(await codeOf(victim.install(PLUGIN))).toBe("trust_release_invalid");
    middle.lies.clear();
    await victim.install(PLUGIN);
    expect(await victim.call(PLUGIN, "version")).toBe("1.6.0");
  });

  test("new lease and log keys are followed by every host", async () => {
    await runbook.hold("Lease key");
    await reaches("1.7.0");
    await runbook.hold("Log key");
    await reaches("1.8.0");
    const note = await (await fetch(new URL("/log/checkpoint", worker.url))).text();
    expect(note).toMatch(/^rising-bsm\.com\/log-2\n/);
    const fresh = await openHost("after-the-log");
    await fresh.install(PLUGIN);
    expect(await fresh.call(PLUGIN, "version")).toBe("1.8.0");
  });

  test("secrets that no ceremony vouches for are replaced without one", async () => {
    await runbook.hold("Administrator's token, download, cursor and issue keys");
  });

  test("what two signers disable stops at the next update check, and what they take back does not", async () => {
    const again = await runbook.hold("Disable a plugin everywhere", {
      env: { ADMIN_TOKEN: secrets["ADMIN_TOKEN"] ?? "" },
      after: async ({ command }) => {
        if (!command.startsWith("npm run deploy") || isTakenBack) return;
        isTakenBack = true;
        await regular().checkForUpdates();
        expect(regular().plugin(PLUGIN).state).not.toBe("active");
        expect(await codeOf(regular().call(PLUGIN, "version"))).toBe("plugin_not_active");
        const fresh = await openHost("refusing");
        expect(await codeOf(fresh.install(PLUGIN))).toBe("trust_revoked");
      },
    });
    expect(again.map(({ stdout }) => stdout).join()).toContain("- revocation RBSA-2026-0001");
    await regular().checkForUpdates();
    expect(await regular().call(PLUGIN, "version")).toBe("1.8.0");
  });

  test("a publisher without keys comes back when two signers vouch for a new one", async () => {
    const next = await newKey();
    await enroll(next);
    await publish("2.0.0", next);
    expect(await codeOf(regular().update(PLUGIN))).toBe("trust_publisher_changed");
    await runbook.hold("A publisher has lost every key", {
      env: { PUBLIC_KEY: base64url(next.publicKey) },
    });
    await regular().update(PLUGIN);
    expect(await regular().call(PLUGIN, "version")).toBe("2.0.0");
  });

  test("the log of a database in step is recovered by doing nothing, and all parts agree", async () => {
    const env = { ADMIN_TOKEN: secrets["ADMIN_TOKEN"] ?? "" };
    const ran = await runbook.hold("The database was restored", { env });
    const recovered = ran.find(({ command }) => command.includes("log-recover"));
    expect(recovered?.stdout).toContain("in step with the log");
    await runbook.hold("The first deployment with a log answers `log_ahead`", { env });
    await runbook.hold("Does what is served agree with the database?", { env });
    await runbook.hold("Search shows something else than the database", { env });
  });

  test("every section with commands was held", () => {
    expect(runbook.unheld()).toEqual([]);
  });
});
