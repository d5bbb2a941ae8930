import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { base64url, bundlePath, sha256Hex } from "@rising-bsm/protocol";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../app.ts";
import { secretBytes } from "../env.ts";
import { CACHE } from "../http.ts";
import { stageBundle } from "../release/bundle-object.ts";
import { countingObjects } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  ORIGIN,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import { signDownloadUrl } from "./download-url.ts";

const REQUESTS = 1_000;

let bytes: Uint8Array<ArrayBuffer>;
let path: string;
let etag: string;

beforeAll(resetMarketplace);

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** A paid bundle that no cache knows. */
beforeEach(async () => {
  bytes = randomBytes(65_536);
  const sha256 = await sha256Hex(bytes);
  path = bundlePath(sha256);
  etag = `"${sha256}"`;
  const release = { plugin: "@acme/sold", version: "1.0.0", sha256, paid: true };
  await stageBundle(env.PRIVATE, release, bytes);
});
afterEach(() => vi.useRealTimers());

function link(expiresInS = 600): Promise<string> {
  const expiresAtS = Math.floor(Date.now() / 1000) + expiresInS;
  const grant = { path, instanceId: "instance-1", expiresAtS };
  return signDownloadUrl(secretBytes(env, "DOWNLOAD_KEY"), grant);
}

const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());
const made = () => base64url(randomBytes(9));

/** Every way to ask for a bundle, or for part of it. */
const WAYS: [string, RequestInit][] = [
  ["GET", {}],
  ["HEAD", { method: "HEAD" }],
  ["Range", { headers: { Range: "bytes=0-9" } }],
  ["a range that is not there", { headers: { Range: "bytes=99999999-" } }],
  ["If-None-Match", { headers: { "If-None-Match": "*" } }],
  ["If-Range", { headers: { Range: "bytes=5-", "If-Range": "x" } }],
];

test("a thousand made-up queries under one link are one read from the bucket", async () => {
  const good = await link();
  const { bindings, count } = countingObjects(env);
  for (let index = 0; index < REQUESTS; index++) {
    const [, init] = WAYS[index % WAYS.length] ?? [];
    const response = await call(`${good}&${made()}=${made()}`, init, bindings);
    expect([200, 206, 304, 416]).toContain(response.status);
    await response.body?.cancel();
  }
  expect(count.operations).toBe(1);
});

test("a thousand made-up queries without a link read the buckets twice, and nothing afterwards", async () => {
  const { bindings, count } = countingObjects(env);
  for (let index = 0; index < REQUESTS; index++) {
    const query = index % 2 === 0 ? `${made()}=${made()}` : `e=9999999999&i=x&m=${made()}`;
    expect((await call(`${path}?${query}`, {}, bindings)).status).toBe(403);
  }
  expect(count.operations).toBe(2);
});

test("a free bundle is one read from the bucket too, whatever the query says", async () => {
  const free = randomBytes(1_000);
  const sha256 = await sha256Hex(free);
  const address = bundlePath(sha256);
  const httpMetadata = { cacheControl: CACHE.immutable };
  await env.BUNDLES.put(address.slice(1), free, { sha256, httpMetadata });
  const { bindings, count } = countingObjects(env);
  for (let index = 0; index < 50; index++) {
    const response = await call(`${address}?${made()}`, {}, bindings);
    expect(response.headers.get("cache-control")).toBe(CACHE.immutable);
    expect(await bytesOf(response)).toEqual(free);
  }
  expect(count.operations).toBe(1);
});

describe.each([
  ["a cold cache", false],
  ["a warm cache", true],
])("with %s", (_, isWarm) => {
  beforeEach(async () => {
    if (isWarm) expect(await bytesOf(await call(await link()))).toEqual(bytes);
  });

  test("whatever is asked for without a link is refused, and nothing is told", async () => {
    const forged = new URL(await link(), ORIGIN);
    forged.searchParams.set("i", "instance-2");
    const ended = await link(-1);
    for (const [way, init] of WAYS) {
      for (const address of [path, forged.pathname + forged.search, ended]) {
        const answer = await call(address, init);
        expect([way, answer.status]).toEqual([way, 403]);
        expect(answer.headers.get("cache-control")).toBe("no-store");
        for (const name of ["etag", "content-range", "repr-digest"]) {
          expect(answer.headers.get(name)).toBeNull();
        }
      }
    }
  });

  test.each([
    ["bytes=0-9", 0, 10],
    ["bytes=40000-40009", 40_000, 40_010],
    ["bytes=60000-", 60_000, Infinity],
    ["bytes=-7", -7, Infinity],
  ])("the part %s is exactly that part", async (Range, start, end) => {
    const { bindings, count } = countingObjects(env);
    const part = await call(await link(), { headers: { Range } }, bindings);
    const expected = bytes.slice(start, end);
    expect(part.status).toBe(206);
    expect(part.headers.get("content-length")).toBe(String(expected.length));
    const first = start < 0 ? bytes.length + start : start;
    const last = first + expected.length - 1;
    expect(part.headers.get("content-range")).toBe(`bytes ${first}-${last}/${bytes.length}`);
    expect(await bytesOf(part)).toEqual(expected);
    expect(count.operations).toBe(isWarm ? 0 : 1);
  });

  test("what asks for no bytes gets none, and fills the cache all the same", async () => {
    const { bindings, count } = countingObjects(env);
    const head = await call(await link(), { method: "HEAD" }, bindings);
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(bytes.length)]);
    const condition = { headers: { "If-None-Match": etag } };
    const same = await call(await link(), condition, bindings);
    expect([same.status, same.headers.get("content-length")]).toEqual([304, null]);
    const beyond = { headers: { Range: "bytes=99999999-" } };
    const refused = await call(await link(), beyond, bindings);
    expect(refused.headers.get("content-range")).toBe(`bytes */${bytes.length}`);
    expect(await refusal(refused)).toEqual([416, "request_range"]);
    expect(await bytesOf(await call(await link(), {}, bindings))).toEqual(bytes);
    expect(count.operations).toBe(isWarm ? 0 : 1);
  });

  test("what is answered is for the link's holder alone, and the address does not travel on", async () => {
    for (const [way, init] of WAYS) {
      const answer = await call(await link(), init);
      if (answer.status === 416) continue;
      expect(Object.fromEntries(answer.headers), way).toMatchObject({
        "cache-control": "private, max-age=600",
        "referrer-policy": "no-referrer",
        etag,
      });
      expect(answer.headers.get("age")).toBeNull();
    }
  });
});

test("the copies in the cache are at no address that answers", async () => {
  await call(await link());
  for (const address of [`/private-copy${path}`, `/needs-link${path}`]) {
    expect((await call(address)).status).toBe(404);
  }
  const kept = await caches.default.match(`${ORIGIN}/private-copy${path}`);
  expect(kept?.status).toBe(200);
  expect(await caches.default.match(ORIGIN + path)).toBeUndefined();
  expect(await caches.default.match(ORIGIN + (await link()))).toBeUndefined();
});

test("a bundle in review is not remembered as one that needs a link", async () => {
  const acme = await createAccount("acme");
  const target = { name: "@acme/reviewed", version: "1.0.0" };
  const bundle = await buildBundle(acme.key, target);
  const bindings = { ...env, REVIEW_POLICY: "first-release" };
  const { token } = acme;
  expect((await publish(target, bundle, { token, bindings })).status).toBe(201);
  const address = bundlePath(await sha256Hex(bundle));
  expect((await call(address)).status).toBe(403);
  await send("POST", `/v1/plugins/${target.name}/versions/1.0.0/approve`);
  expect((await call(address)).status).toBe(200);
});

test("a download that began goes on after its link has ended, and the next asks for another", async () => {
  const good = await link(5);
  const context = createExecutionContext();
  const running = await app.fetch(new Request(ORIGIN + good), env, context);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 6_000 });
  expect(await bytesOf(running)).toEqual(bytes);
  await waitOnExecutionContext(context);
  const rest = { headers: { Range: "bytes=50000-", "If-Range": etag } };
  expect(await refusal(await call(good, rest))).toEqual([403, "license_refused"]);
  const resumed = await call(await link(), rest);
  expect(resumed.status).toBe(206);
  expect(await bytesOf(resumed)).toEqual(bytes.slice(50_000));
});
