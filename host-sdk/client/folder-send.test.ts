import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CLIENT_LIMITS, sha256Hex, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import { downloadBundle } from "./download-bundle.ts";
import { createMarketplace, type Marketplace } from "./marketplace.ts";

let outside: string;
let folder: string;
let market: Marketplace;

beforeEach(async () => {
  outside = await mkdtemp(join(tmpdir(), "rbsm folder-"));
  folder = join(outside, "mirror");
  await mkdir(join(folder, "tuf"), { recursive: true });
  await writeFile(join(folder, "tuf", "timestamp.json"), "signed");
  await writeFile(join(outside, "secret"), "of this machine");
  market = createMarketplace({ url: folder, backOffMs: 1 });
});
afterEach(() => rm(outside, { recursive: true }));

test.each([
  ["a path", (path: string) => path],
  ["a file URL", (path: string) => pathToFileURL(path).href],
  ["a file URL with a closing slash", (path: string) => `${pathToFileURL(path).href}/`],
])("a folder is a marketplace by %s", async (_, spell) => {
  const bytes = await createMarketplace({ url: spell(folder) }).getBytes("/tuf/timestamp.json", 10);
  expect(Buffer.from(bytes).toString()).toBe("signed");
});

test("what is not there is not found, and a folder that is not there is unreachable", async () => {
  expect(await codeOf(market.getBytes("/tuf/2.root.json", 10))).toBe("not_found");
  expect(await codeOf(market.getBytes("/tuf/timestamp.json/x", 10))).toBe("not_found");
  expect(await codeOf(market.getBytes("/tuf", 10))).toBe("not_found");
  const gone = createMarketplace({ url: join(outside, "none"), backOffMs: 1 });
  expect(await codeOf(gone.getBytes("/tuf/timestamp.json", 10))).toBe("network_unreachable");
  expect(() => createMarketplace({ url: "file://server/share" })).toThrowError(/Not a folder/);
});

test.each([
  "/../secret",
  "/tuf/../../secret",
  "/%2e%2e/secret",
  "/tuf/..%2f..%2fsecret",
  "/tuf\\..\\..\\secret",
  "//secret",
  "/.state",
  "/tuf/timestamp.json?x",
  "/tuf/time\0stamp.json",
  "file:///etc/hostname",
])("the path %j is refused", async (path) => {
  expect(await codeOf(market.getBytes(path, 100))).toBe("network_bad_answer");
});

test("links are refused, to files and in folders above them, also inside the mirror", async () => {
  await symlink(join(outside, "secret"), join(folder, "tuf", "1.root.json"));
  await symlink(join(folder, "tuf"), join(folder, "log"));
  for (const path of ["/tuf/1.root.json", "/log/timestamp.json"])
    expect(await codeOf(market.getBytes(path, 100)), path).toBe("network_bad_answer");
  await symlink(folder, join(outside, "moved"));
  const linked = createMarketplace({ url: join(outside, "moved") });
  expect(await codeOf(linked.getBytes("/tuf/timestamp.json", 10))).toBe("ok");
});

test("a pipe in place of a file is no file, and nobody waits for it", async () => {
  execFileSync("mkfifo", [join(folder, "tuf", "pipe")]);
  expect(await codeOf(market.getBytes("/tuf/pipe", 10))).toBe("not_found");
});

test("a file over the limit of its reader is refused", async () => {
  await writeFile(join(folder, "large"), Buffer.alloc(CLIENT_LIMITS.jsonBytes + 1));
  expect(await codeOf(market.getBytes("/large", 100))).toBe("network_bad_answer");
  expect(await codeOf(market.getBytes("/tuf/timestamp.json", 5))).toBe("network_bad_answer");
});

test("the same content answers 304 to its ETag", async () => {
  const get = (headers: Record<string, string>) =>
    market.send({ method: "GET", path: "/tuf/timestamp.json", headers });
  const etag = (await get({})).headers.get("etag") ?? "";
  expect(etag).toBe(`"${await sha256Hex(utf8("signed"))}"`);
  expect((await get({ "if-none-match": etag })).status).toBe(304);
  await writeFile(join(folder, "tuf", "timestamp.json"), "again");
  expect((await get({ "if-none-match": etag })).status).toBe(200);
});

test("a bundle of several chunks is downloaded whole", async () => {
  const bytes = Buffer.alloc(CLIENT_LIMITS.jsonBytes + 300_000, 7);
  await writeFile(join(folder, "bundle"), bytes);
  const file = join(outside, "copy.rbsm");
  const sha256 = await sha256Hex(bytes);
  await downloadBundle(market.send, { path: "/bundle", sha256, size: bytes.length, file });
  const cancelled = { path: "/bundle", sha256, size: bytes.length, file: `${file}.2` };
  const signal = AbortSignal.abort();
  expect(await codeOf(downloadBundle(market.send, { ...cancelled, signal }))).toBe("cancelled");
});

test("a folder grants nothing: what is no GET is unreachable", async () => {
  const post = market.send({ method: "POST", path: "/v1/leases", body: utf8("{}") });
  expect(await codeOf(post)).toBe("network_unreachable");
});
