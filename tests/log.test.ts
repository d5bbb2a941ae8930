import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  encodeLogEntry,
  formatVerifierKey,
  type LogEntry,
  releasePath,
  type ReleaseStatement,
  signingKeyFromSeed,
  signRelease,
  statementDigest,
  type SigningKey,
  utf8,
} from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FileServer, serveFiles } from "../host-sdk/testing/serve-files.ts";
import { createTestLog, type TestLog } from "../host-sdk/testing/test-log.ts";
import { type CliRun, runCli, temporaryFolder } from "../packages/cli/fixtures/run-cli.ts";
import { runHere } from "../packages/cli/fixtures/run-here.ts";

const ORIGIN = "example.com/log";
const AT = "2026-11-01T00:00:00Z";
const KEY = "a".repeat(64);
const OTHER_KEY = "b".repeat(64);
const PUBLIC = "A".repeat(43);

let key: SigningKey;
let vkey: string;
let log: TestLog;
let files: Map<string, Uint8Array>;
/** Release statements beside the log. */
let served: Map<string, Uint8Array>;
let server: FileServer;
let home: string;

beforeEach(async () => {
  key = await signingKeyFromSeed(new Uint8Array(32).fill(3));
  vkey = await formatVerifierKey({ name: ORIGIN, publicKey: key.publicKey, role: "log" });
  log = await createTestLog(ORIGIN, key);
  files = new Map();
  served = new Map();
  server = await serveFiles(files);
  home = await temporaryFolder();
});
afterEach(() => server.close());

const release = (plugin: string, version: string): LogEntry => ({
  type: "release",
  plugin,
  version,
  statement: "c".repeat(64),
});
const owner = (scope: string, from: string | null, to: string): LogEntry => ({
  type: "owner",
  scope,
  from,
  to,
  at: AT,
});
const keyAdd = (publisher: string, keyId: string): LogEntry => ({
  type: "key-add",
  publisher,
  keyId,
  publicKey: PUBLIC,
  recovery: null,
  statement: null,
  at: AT,
});

async function append(...entries: readonly LogEntry[]): Promise<void> {
  for (const entry of entries) await log.append(encodeLogEntry(entry));
}

async function serve(one: TestLog = log): Promise<void> {
  files.clear();
  for (const [path, bytes] of [...served, ...(await one.files())]) files.set(path, bytes);
}

function verify(...args: readonly string[]): Promise<CliRun> {
  const named = args.includes("--url") ? [] : ["--url", server.url];
  return runHere(["log", "verify", "--key", vkey, "--json", ...named, ...args], { home });
}

async function grown(releases: number): Promise<void> {
  for (let at = log.size(); at < releases; at++) await append(release("@acme/hello", `1.0.${at}`));
  await serve();
}

test("a log of two levels of tiles verifies, again from where it was, and from a folder", async () => {
  await grown(300);
  const whole = await verify();
  expect(whole.json()).toMatchObject({ ok: true, log: ORIGIN, size: 300, from: 0, releases: 300 });
  expect([whole.code, whole.json().verifierKey]).toEqual([0, vkey]);
  await grown(301);
  const before = server.requests.length;
  expect((await verify("--from", "last")).json()).toMatchObject({
    ok: true,
    from: 300,
    releases: 1,
  });
  // Entries that were verified are in one bundle with the new one; those before it are not read.
  const read = server.requests.slice(before).filter((path) => path.includes("entries"));
  expect(read).toEqual(["/log/tile/entries/001.p/45"]);
  const folder = join(home, "copy");
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  expect((await verify("--url", "copy")).json()).toMatchObject({ ok: true, size: 301 });
});

test("an empty log verifies", async () => {
  await serve();
  expect((await verify()).json()).toMatchObject({ ok: true, size: 0, releases: 0 });
});

test.each([
  ["an entry", "/log/tile/entries/000", 0],
  ["a tile", "/log/tile/0/000", 0],
  ["a tile of a higher level", "/log/tile/1/000.p/1", 0],
  ["the last tile", "/log/tile/0/001.p/44", 256],
])("%s that was altered is named with its index and both hashes", async (_, path, index) => {
  await grown(300);
  const bytes = Buffer.from(files.get(path) ?? []);
  // In an entry: a digit of its statement; the JSON stays an entry.
  const at = path.includes("entries") ? bytes.indexOf("ccc") : 5;
  bytes.writeUInt8(path.includes("entries") ? 0x64 : bytes.readUInt8(at) ^ 1, at);
  files.set(path, bytes);
  const run = await verify();
  expect(run.code).toBe(5);
  expect(run.json().error.code).toBe("trust_log_invalid");
  const [finding] = run.json().error.findings;
  expect(finding).toMatchObject({ rule: "log_tile_mismatch", index });
  expect(finding.path).toBe(path.replace("entries", "0"));
  expect(finding.expected).not.toBe(finding.found);
});

test.each([
  ["an entry bundle", "/log/tile/entries/000"],
  ["a tile", "/log/tile/1/000.p/1"],
  ["an entry bundle of a part", "/log/tile/entries/001.p/44"],
])("%s that is missing is named", async (_, path) => {
  await grown(300);
  files.delete(path);
  const { code, findings } = (await verify()).json().error;
  expect(code).toBe("trust_log_invalid");
  expect(findings[0]).toMatchObject({ rule: "log_file_missing", path });
});

test("another key's checkpoint, and one with another root, do not verify", async () => {
  await grown(3);
  const stranger = await createTestLog(
    ORIGIN,
    await signingKeyFromSeed(new Uint8Array(32).fill(9)),
  );
  files.set("/log/checkpoint", utf8(await stranger.checkpoint()));
  expect((await verify()).json().error.code).toBe("trust_log_invalid");
  files.set("/log/checkpoint", utf8(await (await log.fork(1)).checkpoint()));
  expect((await verify()).json().error.findings.at(-1)).toMatchObject({
    rule: "log_root_mismatch",
  });
});

test.each<[string, LogEntry[], RegExp]>([
  [
    "a release logged twice",
    [
      release("@acme/hello", "1.0.0"),
      release("@acme/bye", "1.0.0"),
      release("@acme/hello", "1.0.0"),
    ],
    /entry 2 releases @acme\/hello@1\.0\.0 again, as entry 0 did/,
  ],
  [
    "a release of a removed plugin",
    [{ type: "remove", plugin: "@acme/hello", at: AT }, release("@acme/hello", "2.0.0")],
    /after its removal/,
  ],
  [
    "a scope given away by who does not own it",
    [owner("@acme", null, "acme"), owner("@acme", "other", "evil")],
    /belongs to acme/,
  ],
  ["a scope given twice", [owner("@acme", null, "acme"), owner("@acme", null, "evil")], /nobody/],
  ["a key of two publishers", [keyAdd("acme", KEY), keyAdd("evil", KEY)], /it is acme's/],
  [
    "an older root",
    [2, 1].map((version) => ({ type: "root", version, sha256: KEY, at: AT }) as const),
    /root 1 follow root 2/,
  ],
])("%s is found", async (_, entries, message) => {
  await append(...entries);
  await serve();
  const run = await verify();
  expect(run.code).toBe(5);
  expect(run.json().error.findings).toEqual([
    expect.objectContaining({ rule: "log_entry_breach", message: expect.stringMatching(message) }),
  ]);
});

test.each([
  ["no JSON", "nonsense"],
  ["JSON of another kind", '{"type":"party"}'],
  ["white space", `{ "type":"remove","plugin":"@acme/hello","at":"${AT}"}`],
])("an entry that is %s is found", async (_, text) => {
  await append(release("@acme/hello", "1.0.0"));
  await log.append(utf8(text));
  await serve();
  const { findings } = (await verify()).json().error;
  expect(findings).toEqual([expect.objectContaining({ rule: "log_entry_invalid", index: 1 })]);
});

test("a log that forgets or rewrites what it showed is a fork, with the evidence on disk", async () => {
  await grown(5);
  expect((await verify()).code).toBe(0);
  // Entries that parse: the fork itself is flawless.
  const other = await createTestLog(
    ORIGIN,
    key,
    Array.from({ length: 8 }, (_, at) => encodeLogEntry(release("@acme/evil", `1.0.${at}`))),
  );
  await serve(other);
  const run = await verify();
  expect([run.code, run.json().error.code]).toEqual([5, "trust_log_fork"]);
  const [, file] = /(\S+log-fork\.json)/.exec(run.json().error.fix) ?? [];
  const evidence = JSON.parse(await readFile(file ?? "", "utf8"));
  expect(evidence.known).toContain("\n5\n");
  expect(evidence.shown).toContain("\n8\n");
  await serve();
  expect((await verify()).json().error.code).toBe("trust_log_fork");
});

test("a run that begins in the middle does not believe another beginning", async () => {
  await grown(5);
  expect((await verify()).code).toBe(0);
  const [state = ""] = await readdir(join(home, ".config/rising-bsm/logs"));
  const file = join(home, ".config/rising-bsm/logs", state, "verified.json");
  await writeFile(file, JSON.stringify({ size: 3, root: Buffer.alloc(32).toString("base64") }));
  const run = await verify("--from", "last");
  expect(run.json().error).toMatchObject({ code: "trust_log_invalid", fix: expect.any(String) });
});

test.each([[["--from", "9"]], [["--from", "-1"]], [["--from", "x"]], [["--root", "root.json"]]])(
  "log verify refuses %j",
  async (args) => {
    await grown(3);
    expect((await verify(...args)).code).toBe(2);
  },
);

async function appendSigned(version: string, publisherKeyId: string): Promise<string> {
  const statement: ReleaseStatement = {
    type: "https://rising-bsm.com/release/v1",
    plugin: "@acme/hello",
    version,
    bundleSha256: "d".repeat(64),
    size: 1,
    treeDigest: `h1:${"A".repeat(43)}=`,
    publisherKeyId,
    seq: 1,
    publishedAt: AT,
    review: { verdict: "passed", policy: "test" },
  };
  const envelope = await signRelease(statement, key);
  const digest = await statementDigest(envelope);
  await append({ type: "release", plugin: "@acme/hello", version, statement: digest });
  const path = releasePath("@acme/hello", version);
  served.set(path, utf8(JSON.stringify(envelope)));
  return path;
}

test("--deep holds statements against entries, and their keys against owners and revocations", async () => {
  const revoked = { type: "key-revoke", publisher: "acme", keyId: KEY, fromIndex: 4 } as const;
  await append(owner("@acme", null, "acme"), keyAdd("acme", KEY), keyAdd("evil", OTHER_KEY));
  await appendSigned("1.0.0", KEY);
  await append({ ...revoked, statement: null, at: AT });
  const late = await appendSigned("1.1.0", KEY);
  const stranger = await appendSigned("1.2.0", OTHER_KEY);
  const swapped = await appendSigned("1.3.0", "e".repeat(64));
  const gone = await appendSigned("1.4.0", "e".repeat(64));
  served.set(swapped, served.get(releasePath("@acme/hello", "1.0.0")) ?? new Uint8Array());
  served.delete(gone);
  await serve();
  expect((await verify()).json().ok).toBe(true);
  const run = await verify("--deep");
  expect(run.code).toBe(5);
  expect(run.json().error.findings).toEqual([
    expect.objectContaining({ rule: "log_key_breach", index: 5, path: late }),
    expect.objectContaining({ rule: "log_key_breach", index: 6, path: stranger }),
    expect.objectContaining({ rule: "log_statement_mismatch", index: 7, path: swapped }),
    expect.objectContaining({ rule: "log_statement_invalid", index: 8, path: gone }),
  ]);
});

test("log verify and watch need somebody to believe", async () => {
  const run = await runCli(["log", "verify", "--url", server.url, "--json"], { home });
  expect([run.code, run.json().error.fix]).toEqual([2, expect.stringContaining("--root")]);
  const wrong = await runCli(["log", "verify", "--url", server.url, "--key", "x+y+z"], { home });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("x+y+z is no")]);
  vkey = await formatVerifierKey({ name: ORIGIN, ...key, role: "cosigner" });
  expect((await verify()).json().error.message).toContain("key of a cosigner");
});

test("a first watch that finds nothing doubts the name, a later one does not", async () => {
  await append(owner("@acme", null, "acme"));
  await serve();
  expect((await watch("--publisher", "acmee")).stderr).toContain("about the publisher acmee");
  expect((await watch("--publisher", "acmee")).stderr).toBe("");
});

function watch(...args: readonly string[]): Promise<CliRun> {
  const fixed = ["log", "watch", "--key", vkey, "--url", server.url, "--once", "--json"];
  return runHere([...fixed, ...args], { home });
}

test("watch tells a publisher's events once, by the owners that the log itself names", async () => {
  await append(
    owner("@acme", null, "acme"),
    owner("@other", null, "other"),
    keyAdd("acme", KEY),
    keyAdd("other", OTHER_KEY),
    release("@acme/hello", "1.0.0"),
    release("@other/x", "1.0.0"),
  );
  await serve();
  const first = (await watch("--publisher", "acme")).json();
  expect(first).toMatchObject({ ok: true, size: 6 });
  expect(first.events.map(({ index }: { index: number }) => index)).toEqual([0, 2, 4]);
  expect(first.events[2]).toEqual({ index: 4, ...release("@acme/hello", "1.0.0") });
  expect((await watch("--publisher", "acme")).json().events).toEqual([]);
  await append(
    owner("@other", "other", "acme"),
    release("@other/x", "2.0.0"),
    owner("@acme", "acme", "evil"),
    release("@acme/hello", "6.6.6"),
    { type: "yank", plugin: "@other/x", version: "2.0.0", yanked: true, at: AT },
  );
  await serve();
  const types = (await watch("--publisher", "acme")).json();
  expect(types.events.map(({ index }: { index: number }) => index)).toEqual([6, 7, 8, 10]);
  const scope = (await watch("--scope", "@acme")).json().events;
  expect(scope.map(({ index }: { index: number }) => index)).toEqual([0, 2, 4, 8, 9]);
  const plugin = (await watch("--plugin", "@other/x")).json().events;
  expect(plugin.map(({ type }: { type: string }) => type)).toContain("yank");
});

test("watch says a fork loudly and tells nothing of it", async () => {
  await append(owner("@acme", null, "acme"), release("@acme/hello", "1.0.0"));
  await serve();
  await watch("--publisher", "acme");
  const other = [
    owner("@acme", null, "acme"),
    release("@acme/evil", "1.0.0"),
    owner("@b", null, "b"),
  ];
  await serve(await createTestLog(ORIGIN, key, other.map(encodeLogEntry)));
  const run = await watch("--publisher", "acme");
  expect([run.code, run.json().error.code]).toEqual([5, "trust_log_fork"]);
  expect(run.stdout).not.toContain("evil");
});

test("watch goes on, outlives a marketplace that is away, prints lines and ends on SIGINT", async () => {
  await append(owner("@acme", null, "acme"));
  await serve();
  let isAway = false;
  server.intercept((_request, response) => {
    if (isAway) response.writeHead(503).end();
    return isAway;
  });
  const args = ["log", "watch", "--key", vkey, "--url", server.url, "--publisher", "acme"];
  let pid = 0;
  let tellStderr: () => void = () => undefined;
  const running = runCli([...args, "--interval", "1", "--jsonl"], {
    home,
    onSpawn: (id) => (pid = id),
    onStderr: () => tellStderr(),
  });
  await expect.poll(() => server.requests.length, { timeout: 20_000 }).toBeGreaterThan(2);
  const noted = new Promise<void>((resolve) => (tellStderr = resolve));
  isAway = true;
  await noted;
  await append(release("@acme/hello", "1.0.0"));
  await serve();
  isAway = false;
  const state = join(home, ".config/rising-bsm/logs");
  const size = async () => {
    const [folder = ""] = await readdir(state);
    const names = await readdir(join(state, folder));
    const place = names.find((name) => name.startsWith("watch-")) ?? "";
    return JSON.parse(await readFile(join(state, folder, place), "utf8")).size;
  };
  await expect.poll(size, { timeout: 30_000 }).toBe(2);
  process.kill(pid, "SIGINT");
  const run = await running;
  expect(run.code).toBe(130);
  const lines = run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toEqual([
    { index: 0, ...owner("@acme", null, "acme") },
    { index: 1, ...release("@acme/hello", "1.0.0") },
  ]);
});

test.each([
  [[]],
  [["--publisher", "acme", "--scope", "@acme"]],
  [["--scope", "acme"]],
  [["--plugin", "hello"]],
  [["--publisher", "acme", "--interval", "0"]],
])("watch refuses %j", async (args) => {
  await serve();
  expect((await watch(...args)).code).toBe(2);
});

test("watch that goes on is not one JSON object", async () => {
  const args = [
    "log",
    "watch",
    "--key",
    vkey,
    "--url",
    server.url,
    "--publisher",
    "acme",
    "--json",
  ];
  const run = await runCli(args, { home });
  expect([run.code, run.json().error.fix]).toEqual([2, expect.stringContaining("--jsonl")]);
});
