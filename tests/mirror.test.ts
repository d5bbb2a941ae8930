import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Socket } from "node:net";
import { join } from "node:path";
import { openBundle, packBundle, signBundle, signingKeyFromSeed, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { codeOf } from "../host-sdk/testing/expectations.ts";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import {
  startStaticMarketplace,
  type StaticMarketplace,
} from "../host-sdk/testing/static-marketplace.ts";
import { type CliRun, runCli, temporaryFolder } from "../packages/cli/fixtures/run-cli.ts";
import { runHere } from "../packages/cli/fixtures/run-here.ts";

const HELLO = "@acme/hello";
const BASE = "@acme/base";

let market: StaticMarketplace;
let home: string;
let folder: string;

beforeEach(async () => {
  market = await startStaticMarketplace();
  home = await temporaryFolder();
  folder = join(home, "mirror");
  await writeFile(join(home, "root.json"), market.root);
  await market.publish({ name: BASE, version: "1.0.0" });
  await market.publish({ name: BASE, version: "1.1.0" });
  await market.publish({ name: HELLO, version: "1.0.0", dependencies: { [BASE]: "^1.0.0" } });
  await market.publish({ name: "@other/thing", version: "1.0.0" });
});
afterEach(() => market.close());

function mirror(...args: readonly string[]): Promise<CliRun> {
  const fixed = ["mirror", folder, "--root", "root.json", "--json"];
  const url = args.includes("--url") ? [] : ["--url", market.url];
  return runHere([...fixed, ...url, ...args], { home });
}

/** Installs from an address on a fresh host, and calls what was installed. */
async function install(url: string, name = HELLO): Promise<string> {
  const dataDir = await temporaryFolder();
  const host = await openHost({ url, root: market.root, dataDir });
  try {
    await host.install(name, { grant: "requested" });
    return z.string().parse(await host.call(name, "version"));
  } finally {
    await host.close();
  }
}

async function mirrored(): Promise<Map<string, Uint8Array>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  const read = files.map(async (entry): Promise<[string, Uint8Array]> => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(folder.length), await readFile(path)];
  });
  return new Map(await Promise.all(read));
}

async function change(path: RegExp, edit: (bytes: Buffer) => Uint8Array | null): Promise<void> {
  const found = [...(await mirrored())].filter(([name]) => path.test(name));
  expect(found.length, String(path)).toBeGreaterThan(0);
  for (const [name, bytes] of found) {
    const edited = edit(Buffer.from(bytes));
    if (edited === null) await rm(join(folder, name));
    else await writeFile(join(folder, name), edited);
  }
}

async function fileOf(path: RegExp): Promise<Uint8Array> {
  const [, bytes] = [...(await mirrored())].find(([name]) => path.test(name)) ?? [];
  if (bytes === undefined) throw new Error(`The mirror has no ${String(path)}`);
  return bytes;
}

const flipped = (bytes: Buffer) => {
  const at = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
};

test("a host installs from the folder of a mirror, dependencies too, without a connection", async () => {
  const run = await mirror(HELLO);
  expect(run.json()).toMatchObject({
    ok: true,
    releases: [
      { plugin: BASE, version: "1.1.0", bundle: true },
      { plugin: HELLO, version: "1.0.0", bundle: true },
    ],
    leftOut: [],
    log: { size: 4 },
  });
  const connect = vi.spyOn(Socket.prototype, "connect");
  try {
    expect(await install(folder)).toBe("1.0.0");
    expect(connect).not.toHaveBeenCalled();
  } finally {
    connect.mockRestore();
  }
  expect(await codeOf(install(folder, "@other/thing"))).not.toBe("ok");
});

test("a host installs from a plain file server: no ETag, no Range, every type text/html", async () => {
  await mirror(HELLO);
  const server = createServer((request, response) => {
    const path = join(folder, decodeURIComponent(request.url ?? ""));
    readFile(path).then(
      (bytes) => response.writeHead(200, { "content-type": "text/html" }).end(bytes),
      () => response.writeHead(404, { "content-type": "text/html" }).end("<h1>404</h1>"),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  await market.close();
  expect(await install(`http://127.0.0.1:${port}`)).toBe("1.0.0");
  server.close();
});

test("host install, verify and mirror of the CLI take a mirror for the marketplace", async () => {
  await mirror(HELLO);
  await market.close();
  await mkdir(join(home, "data"));
  const asked = ["@acme/hello", "--url", "./mirror", "--root", "root.json", "--json"];
  const run = await runCli(["host", "install", ...asked, "--data-dir", "data"], { home });
  expect(run.json()).toMatchObject({ ok: true, plugin: { version: "1.0.0", state: "active" } });
  const again = ["mirror", "second", HELLO, "--url", "mirror", "--root", "root.json", "--json"];
  expect((await runCli(again, { home })).json()).toMatchObject({ ok: true, log: { size: 4 } });
  expect(await install(join(home, "second"))).toBe("1.0.0");
});

test.each<
  [string, RegExp, (bytes: Buffer) => Promise<Uint8Array | null> | Uint8Array | null, string]
>([
  ["another bundle", /\/b\//, flipped, "bundle_digest_mismatch"],
  ["no bundle", /\/b\//, () => null, "not_found"],
  ["another document", /hello\/[0-9a-f]{64}\.json/, flipped, "trust_metadata_invalid"],
  ["another release statement", /hello\/.*release\.json/, flipped, "trust_release_invalid"],
  ["no release statement", /hello\/.*release\.json/, () => null, "trust_release_invalid"],
  ["no log proof", /hello\/.*tlog-proof/, () => null, "trust_log_invalid"],
  ["another log proof", /hello\/.*tlog-proof/, flipped, "trust_log_invalid"],
  ["another checkpoint", /log\/checkpoint/, flipped, "trust_log_invalid"],
  ["another snapshot", /\d\.snapshot/, flipped, "trust_metadata_invalid"],
  ["another list of targets", /\d\.targets/, flipped, "trust_metadata_invalid"],
  ["another catalogue", /\d\.catalog/, flipped, "trust_metadata_invalid"],
  ["other service keys", /service-keys/, flipped, "trust_metadata_invalid"],
  ["other revocations", /revocations/, flipped, "trust_metadata_invalid"],
  [
    "another shard",
    /targets\/catalog\/[0-9a-f]{64}\.[0-9a-f]{2}\.json/,
    flipped,
    "trust_metadata_invalid",
  ],
  ["another timestamp", /timestamp/, flipped, "trust_metadata_invalid"],
])("a mirror with %s is refused", async (...[, path, edit, code]) => {
  await mirror(HELLO);
  const bytes = await edit(Buffer.from(await fileOf(path)));
  await change(path, () => bytes);
  expect(await codeOf(install(folder))).toBe(code);
});

test("a release of another plugin, its proof and its bundle in its place are refused", async () => {
  await mirror(HELLO);
  const statement = await fileOf(/base\/.*release\.json/);
  const own = await fileOf(/hello\/.*release\.json/);
  await change(/hello\/.*release\.json/, () => statement);
  expect(await codeOf(install(folder))).toBe("trust_release_invalid");
  await change(/hello\/.*release\.json/, () => own);
  const proof = await fileOf(/base\/.*tlog-proof/);
  await change(/hello\/.*tlog-proof/, () => proof);
  expect(await codeOf(install(folder))).toBe("trust_log_invalid");
});

test("a host that has seen a newer mirror refuses the older one, and takes the next", async () => {
  await mirror(HELLO);
  const old = await mirrored();
  await market.resign();
  await market.publish({ name: HELLO, version: "1.1.0" });
  await mirror(HELLO);
  const dataDir = await temporaryFolder();
  const host = await openHost({ url: folder, root: market.root, dataDir });
  await host.install(HELLO, { grant: "requested", version: "1.0.0" }).catch(() => undefined);
  await host.install(HELLO, { grant: "requested" });
  expect(host.plugin(HELLO).version).toBe("1.1.0");
  for (const pointer of ["/tuf/timestamp.json", "/log/checkpoint"])
    await writeFile(join(folder, pointer), old.get(pointer) ?? "");
  expect(await codeOf(host.install(BASE, { grant: "requested" }))).toBe("trust_metadata_invalid");
  await market.publish({ name: HELLO, version: "1.2.0" });
  await mirror(HELLO);
  expect((await host.update(HELLO)).version).toBe("1.2.0");
  await host.close();
});

test("a mirror that nobody renewed for a week installs nothing, unless the administrator says so", async () => {
  await mirror(HELLO);
  const now = () => new Date(Date.now() + 8 * 86_400_000);
  const dataDir = await temporaryFolder();
  const host = await openHost({ url: folder, root: market.root, dataDir, now });
  const grant = "requested";
  expect(await codeOf(host.install(HELLO, { grant }))).toBe("trust_metadata_expired");
  expect((await host.install(HELLO, { grant, acceptStale: true })).version).toBe("1.0.0");
  await host.close();
});

test("a second run asks for what is new and keeps the rest, a third with --prune removes it", async () => {
  await mirror(HELLO);
  const dependencies = { [BASE]: "^1.0.0" };
  await market.publish({ name: HELLO, version: "1.1.0", dependencies });
  const before = market.requests.length;
  const second = (await mirror("@other/thing")).json();
  const asked = market.requests.slice(before);
  // Two bundles, two statements and two proofs; what was there is verified where it lies.
  expect(asked.filter((path) => /^\/b\/|release\.json|proof/.test(path))).toHaveLength(6);
  expect(asked.filter((path) => path.includes("base"))).toEqual([]);
  expect(second.releases).toHaveLength(3);
  expect(await install(folder)).toBe("1.1.0");
  expect(await install(folder, "@other/thing")).toBe("1.0.0");
  const third = (await mirror("--prune", "@other/thing")).json();
  expect(third.releases).toEqual([{ plugin: "@other/thing", version: "1.0.0", bundle: true }]);
  expect(third.files.removed).toBeGreaterThan(5);
  expect([...(await mirrored()).keys()].filter((path) => path.includes("hello"))).toEqual([]);
  expect(await install(folder, "@other/thing")).toBe("1.0.0");
});

test("every version, and the log's entries, come along when asked for", async () => {
  const run = await mirror(HELLO, "--all-versions", "--with-log");
  expect(run.json().releases.map(({ version }: { version: string }) => version)).toEqual([
    "1.1.0",
    "1.0.0",
    "1.0.0",
  ]);
  await market.close();
  const args = ["log", "verify", "--deep", "--url", "mirror", "--root", "root.json", "--json"];
  // The statement of the plugin that is not mirrored is the only thing missing.
  const { findings } = (await runCli(args, { home })).json().error;
  expect(findings).toEqual([expect.objectContaining({ rule: "log_statement_invalid", index: 3 })]);
  const shallow = await runCli(args.toSpliced(2, 1), { home });
  expect(shallow.json()).toMatchObject({ ok: true, size: 4, releases: 4 });
});

test("a run that breaks leaves the old mirror whole, and the next one repairs and goes on", async () => {
  await mirror(HELLO);
  const before = await mirrored();
  await market.publish({ name: HELLO, version: "1.1.0" });
  market.intercept((request, response) => {
    if (request.url?.startsWith("/b/") !== true) return false;
    response.writeHead(200, { "content-length": "10" }).end("0123456789");
    return true;
  });
  expect((await mirror(HELLO)).code).toBe(3);
  expect(await mirrored()).toEqual(before);
  expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
  market.intercept(null);
  await change(/base\/.*tlog-proof/, flipped);
  await change(/\/b\//, flipped);
  expect((await mirror(HELLO)).json()).toMatchObject({ ok: true });
  expect(await install(folder)).toBe("1.1.0");
});

test("what the marketplace withdraws is left out of a mirror, or refused when it is asked for", async () => {
  await mirror(HELLO);
  market.revoke({
    id: "RBSA-1",
    match: { plugin: HELLO, versions: "*" },
    action: "block-install",
    reason: "bad",
    issuedAt: "2026-11-01T00:00:00Z",
  });
  const run = (await mirror("@other/thing")).json();
  expect(run.leftOut).toEqual([expect.objectContaining({ plugin: HELLO, code: "trust_revoked" })]);
  expect((await mirror(HELLO)).json().error.code).toBe("trust_revoked");
  expect(await codeOf(install(folder))).toBe("trust_revoked");
});

test("a paid plugin is mirrored without its bundle", async () => {
  await market.publish({ name: "@acme/paid", version: "1.0.0", paid: true });
  const run = await mirror("@acme/paid");
  expect(run.json().releases).toEqual([{ plugin: "@acme/paid", version: "1.0.0", bundle: false }]);
  expect(run.stderr).toContain("without its bundle");
  expect([...(await mirrored()).keys()].filter((path) => path.startsWith("/b/"))).toEqual([]);
});

test("a document that names a bundle outside of the mirror writes nothing there", async () => {
  market.editDocument(HELLO, (document) => ({
    ...document,
    versions: document.versions.map((one) => ({ ...one, bundle: "/../../evil.rbsm" })),
  }));
  const run = await mirror(HELLO);
  expect([run.code, run.json().error.code]).toEqual([7, "network_bad_answer"]);
  expect(await readdir(home)).not.toContain("evil.rbsm");
});

test("a marketplace that goes back, or tells another history, does not change the mirror", async () => {
  const old = new Map(market.files);
  await market.publish({ name: HELLO, version: "1.1.0" });
  await mirror(HELLO);
  const before = await mirrored();
  const current = new Map(market.files);
  for (const [path, bytes] of old) market.files.set(path, bytes);
  expect((await mirror(HELLO)).json().error.code).toBe("trust_rollback");
  for (const [path, bytes] of current) market.files.set(path, bytes);
  // Another last entry: all that is asked for verifies in this history too.
  const fork = await market.log.fork(4);
  for (const [path, bytes] of await fork.files()) market.files.set(path, bytes);
  const run = await mirror("--prune", "@other/thing");
  expect([run.code, run.json().error.code]).toEqual([5, "trust_log_fork"]);
  expect(await mirrored()).toEqual(before);
});

test("a folder with other things is refused, and nothing in it is touched", async () => {
  await mkdir(folder);
  await writeFile(join(folder, "letter.txt"), "dear");
  const run = await mirror(HELLO, "--prune");
  expect(run.code).toBe(2);
  expect(await readdir(folder)).toEqual(["letter.txt"]);
});

test("mirror needs a root, and names of plugins", async () => {
  const args = ["mirror", folder, HELLO, "--url", market.url, "--json"];
  expect((await runCli(args, { home })).code).toBe(2);
  expect((await mirror("@acme/none")).json().error.code).toBe("plugin_not_found");
});

async function bundleFile(name: string): Promise<string> {
  const version = market.document(name)?.versions[0];
  const file = join(home, "a.rbsm");
  await writeFile(file, market.files.get(version?.bundle ?? "") ?? "");
  return file;
}

function verify(...args: readonly string[]): Promise<CliRun> {
  const where = args.includes("--url") ? [] : ["--url", market.url];
  const fixed = ["verify", "a.rbsm", "--json", "--root", "root.json"];
  return runHere([...fixed, ...where, ...args], { home });
}

test("verify says who released a file, by the marketplace or a mirror of it", async () => {
  await bundleFile(HELLO);
  const run = (await verify()).json();
  expect(run).toMatchObject({ ok: true, trust: "marketplace", plugin: HELLO, logIndex: 2 });
  expect((await verify("--key", run.publisherKeyId)).json().trust).toBe("marketplace");
  expect((await verify("--key", "a".repeat(64))).json().error.code).toBe("signature_untrusted_key");
  await mirror(HELLO);
  await market.close();
  expect((await verify("--url", "mirror")).json()).toMatchObject({ trust: "marketplace" });
  expect((await verify()).code).toBe(7);
});

test("verify refuses what the marketplace did not release, revoked or cannot prove", async () => {
  const file = await bundleFile(HELLO);
  const other = await market.publish({
    name: "@acme/else",
    version: "1.0.0",
    code: "export default {}",
  });
  await writeFile(file, other.bundle);
  market.removeDocument("@acme/else");
  await market.resign();
  expect((await verify()).json().error.code).toBe("plugin_not_found");
  const [first] = [await bundleFile(HELLO)];
  expect(first).toBe(file);
  market.advise({
    id: "RBSA-2",
    match: { plugin: HELLO, versions: "*" },
    action: "warn",
    reason: "mind the gap",
    issuedAt: "2026-11-01T00:00:00Z",
  });
  const warned = await verify();
  expect(warned.json()).toMatchObject({ ok: true, warnings: [{ id: "RBSA-2" }] });
  expect(warned.stderr).toContain("mind the gap");
  const proof = `/index/${HELLO}/1.0.0.tlog-proof`;
  const kept = market.files.get(proof) ?? new Uint8Array();
  market.files.delete(proof);
  expect((await verify()).json().error.code).toBe("trust_log_invalid");
  market.files.set(proof, kept);
  market.revoke({
    id: "RBSA-3",
    match: { plugin: HELLO, versions: "*" },
    action: "disable",
    reason: "bad",
    issuedAt: "2026-11-01T00:00:00Z",
  });
  expect((await verify()).json().error.code).toBe("trust_revoked");
});

test("verify refuses other bytes of a version that was released", async () => {
  const file = await bundleFile(HELLO);
  const bytes = await readFile(file);
  const seed = new Uint8Array(32).fill(5);
  const files = openBundle(bytes);
  for (const name of files.keys()) if (name.startsWith("signatures/")) files.delete(name);
  files.set("index.js", utf8("export default { methods: { version: () => 'evil' } };"));
  await writeFile(file, packBundle(await signBundle(files, await signingKeyFromSeed(seed))));
  const run = await verify();
  expect([run.code, run.json().error.code]).toEqual([3, "bundle_digest_mismatch"]);
});

test("verify with --url alone vouches for nothing", async () => {
  await bundleFile(HELLO);
  const run = await runCli(["verify", "a.rbsm", "--url", market.url, "--json"], { home });
  expect([run.code, run.json().error.fix]).toEqual([2, expect.stringContaining("--root")]);
});
