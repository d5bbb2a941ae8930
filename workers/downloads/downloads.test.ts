import { env } from "cloudflare:workers";
import { base64, bundlePath, fromHex, sha256Hex } from "@rising-bsm/protocol";
import { array, assert, asyncProperty, constantFrom, option, tuple } from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { secretBytes } from "../env.ts";
import { counting } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
} from "../testing.ts";
import { signDownloadUrl } from "./download-url.ts";

let free: Uint8Array<ArrayBuffer>;
let paid: Uint8Array<ArrayBuffer>;
let freePath: string;
let paidPath: string;
let etag: string;

beforeAll(async () => {
  await resetMarketplace();
  const acme = await createAccount("acme");
  const freeTarget = { name: "@acme/free", version: "1.0.0" };
  const paidTarget = { name: "@acme/paid", version: "1.0.0" };
  free = await buildBundle(acme.key, freeTarget);
  const pricing = { plans: [{ id: "pro", kind: "perpetual" }] };
  paid = await buildBundle(acme.key, { ...paidTarget, pricing });
  expect((await publish(freeTarget, free, acme)).status).toBe(201);
  expect((await publish(paidTarget, paid, acme)).status).toBe(201);
  const build = { name: "@acme/free", version: "1.0.0+build.1" };
  expect((await publish(build, await buildBundle(acme.key, build), acme)).status).toBe(201);
  const sha256 = await sha256Hex(free);
  freePath = bundlePath(sha256);
  paidPath = bundlePath(await sha256Hex(paid));
  etag = `"${sha256}"`;
});

const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());
const get = (headers: Record<string, string>) => call(freePath, { headers });

describe("GET a bundle", () => {
  test("has its digest as strong entity tag and may be kept for ever", async () => {
    const response = await call(freePath);
    expect(response.status).toBe(200);
    expect(await bytesOf(response)).toEqual(free);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag,
      "content-length": String(free.length),
      "accept-ranges": "bytes",
      "cache-control": "public, max-age=31536000, immutable",
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
      "access-control-allow-origin": "*",
      "repr-digest": `sha-256=:${base64(fromHex(etag.slice(1, -1)))}:`,
    });
  });

  test("HEAD answers the same headers without the bytes", async () => {
    const head = await call(freePath, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(String(free.length));
    expect(head.headers.get("etag")).toBe(etag);
    expect((await bytesOf(head)).length).toBe(0);
    const ranged = await call(freePath, { method: "HEAD", headers: { Range: "bytes=0-1" } });
    expect(ranged.status).toBe(200);
  });

  test.each([
    ["bytes=0-9", 0, 10],
    ["bytes=5-", 5, Infinity],
    ["bytes=-7", -7, Infinity],
    ["bytes=-999999", 0, Infinity],
    ["bytes=3-999999", 3, Infinity],
  ])("answers %s with that part", async (range, start, end) => {
    const response = await get({ Range: range });
    const expected = free.slice(start, end);
    expect(response.status).toBe(206);
    expect(await bytesOf(response)).toEqual(expected);
    const first = start < 0 ? free.length + start : start;
    const last = first + expected.length - 1;
    expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${free.length}`);
    expect(response.headers.get("content-length")).toBe(String(expected.length));
  });

  test.each(["bytes=0-1,4-5", "bytes=9-3", "bytes=", "bytes=a-b", "items=0-1", "bytes=-"])(
    "answers %s with the whole",
    async (range) => {
      const response = await get({ Range: range });
      expect(response.status).toBe(200);
      expect(await bytesOf(response)).toEqual(free);
    },
  );

  test.each(["bytes=999999-", "bytes=-0"])("refuses %s with the size", async (range) => {
    const response = await get({ Range: range });
    expect(response.headers.get("content-range")).toBe(`bytes */${free.length}`);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await refusal(response)).toEqual([416, "request_range"]);
  });

  test("If-Range keeps the range only for exactly these bytes", async () => {
    const Range = "bytes=0-1";
    expect((await get({ Range, "If-Range": etag })).status).toBe(206);
    expect((await get({ Range, "If-Range": '"other"' })).status).toBe(200);
    expect((await get({ Range, "If-Range": `W/${etag}` })).status).toBe(200);
    expect((await get({ Range, "If-Range": "Sun, 22 Nov 2026 10:00:00 GMT" })).status).toBe(200);
  });

  test.each([
    (tag: string) => tag,
    (tag: string) => `W/${tag}`,
    (tag: string) => `"x", ${tag}`,
    () => "*",
  ])("If-None-Match of what the caller has is 304 without a body (%#)", async (condition) => {
    const response = await get({ "If-None-Match": condition(etag), Range: "bytes=0-1" });
    expect(response.status).toBe(304);
    expect(response.headers.get("etag")).toBe(etag);
    expect((await bytesOf(response)).length).toBe(0);
  });

  test("every range of every form is answered as its bytes, the whole or 416", async () => {
    const edge = constantFrom(0, 1, 5, free.length - 1, free.length, free.length + 1, 999_999_999);
    const part = tuple(option(edge), option(edge)).map(
      ([first, last]) => `${first ?? ""}-${last ?? ""}`,
    );
    const header = array(part, { minLength: 1, maxLength: 3 });
    await assert(
      asyncProperty(header, async (parts) => {
        const response = await get({ Range: `bytes=${parts.join(",")}` });
        expect([200, 206, 416]).toContain(response.status);
        if (response.status === 416) return;
        const range = /^bytes (\d+)-(\d+)\//.exec(response.headers.get("content-range") ?? "");
        expect(range !== null).toBe(response.status === 206);
        const expected = range === null ? free : free.slice(Number(range[1]), Number(range[2]) + 1);
        expect(await bytesOf(response)).toEqual(expected);
        expect(response.headers.get("content-length")).toBe(String(expected.length));
      }),
      { numRuns: 60 },
    );
  });

  test("If-None-Match of other bytes is the whole", async () => {
    expect((await get({ "If-None-Match": '"x"' })).status).toBe(200);
  });

  test("is found under its plugin and version", async () => {
    const response = await call("/@acme/free/1.0.0/bundle.rbsm");
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe(freePath);
    expect((await call("/@acme/free/9.9.9/bundle.rbsm")).status).toBe(404);
  });

  test("is open to everybody, whatever the query says", async () => {
    expect((await call(`${freePath}?m=abc&x=1`)).status).toBe(200);
  });

  test("that is not there is 404 and not kept", async () => {
    const response = await call(bundlePath("0".repeat(64)));
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await refusal(response)).toEqual([404, "not_found"]);
    expect((await call("/b/nonsense.rbsm")).status).toBe(404);
  });
});

test("documents are short-lived with an entity tag, release statements immutable", async () => {
  const document = await call("/index/@acme/free.json");
  expect(document.headers.get("cache-control")).toMatch(/^public, max-age=60, stale-while/);
  const tag = document.headers.get("etag") ?? "";
  expect(tag).toBe(`"${await sha256Hex(await bytesOf(document))}"`);
  const again = await call("/index/@acme/free.json", { headers: { "If-None-Match": tag } });
  expect(again.status).toBe(304);
  const release = await call("/index/@acme/free/1.0.0.release.json");
  expect(release.headers.get("cache-control")).toContain("immutable");
});

test.each([
  ["/index/%40acme/free.json", 200],
  ["/index/%40acme/free/1.0.0%2Bbuild.1.release.json", 200],
  ["/index/@acme/free/1.0.0+build.1.release.json", 200],
  ["/%40acme/free/1.0.0%2Bbuild.1/bundle.rbsm", 302],
  ["/index/%zz/free.json", 404],
  ["/index/@acme/%ED%A0%80.json", 404],
  ["/index/@acme/%00.json", 404],
  [`/index/@acme/${"x".repeat(2_000)}.json`, 404],
  [`/tuf/${"x".repeat(2_000)}`, 404],
  [`/@acme/${"x".repeat(2_000)}/1.0.0/bundle.rbsm`, 404],
])("%s is read with its escapes undone: %i", async (path, status) => {
  expect((await call(path)).status).toBe(status);
});

test("the static plane asks no database", async () => {
  const { bindings, count } = counting(env);
  const paths = [
    freePath,
    paidPath,
    "/@acme/free/1.0.0/bundle.rbsm",
    "/index/@acme/free.json",
    "/index/@acme/free/1.0.0.release.json",
    "/tuf/timestamp.json",
    "/tuf/targets/x.service-keys.json",
  ];
  for (const path of paths) await call(path, {}, bindings);
  expect(count.queries).toBe(0);
});

describe("a paid bundle", () => {
  const now = () => Math.floor(Date.now() / 1000);
  const link = (grant: Partial<Parameters<typeof signDownloadUrl>[1]> = {}) =>
    signDownloadUrl(secretBytes(env, "DOWNLOAD_KEY"), {
      path: paidPath,
      instanceId: "instance-1",
      expiresAtS: now() + 600,
      ...grant,
    });
  const code = async (path: string) => refusal(await call(path));

  test("needs a link, also when the cache is warm, and the link is not part of the cache", async () => {
    expect(await code(paidPath)).toEqual([403, "license_refused"]);
    for (const extra of ["", "&x=1", "&x=2"]) {
      const response = await call((await link()) + extra);
      expect(response.status).toBe(200);
      expect(await bytesOf(response)).toEqual(paid);
      expect(response.headers.get("cache-control")).toBe("private, max-age=600");
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
    expect(
      await caches.default.match(`https://marketplace.test/private-copy${paidPath}`),
    ).toBeDefined();
    expect(await code(paidPath)).toEqual([403, "license_refused"]);
    expect((await call(`/private-copy${paidPath}`)).status).toBe(404);
  });

  test("answers ranges and conditions under a link", async () => {
    const part = await call(await link(), { headers: { Range: "bytes=0-3" } });
    expect(part.status).toBe(206);
    expect(await bytesOf(part)).toEqual(paid.slice(0, 4));
  });

  test("refuses a link that is over, forged, for another file or another instance", async () => {
    const good = new URL(await link(), "https://x");
    const changed = (name: string, value: string) => {
      const url = new URL(good);
      url.searchParams.set(name, value);
      return url.pathname + url.search;
    };
    const tag = good.searchParams.get("m") ?? "";
    const bad = [
      await link({ expiresAtS: now() - 1 }),
      changed("e", String(now() + 6000)),
      changed("i", "instance-2"),
      changed("m", (tag.startsWith("A") ? "B" : "A") + tag.slice(1)),
      changed("m", ""),
      changed("m", "%%%"),
      paidPath + new URL(await link({ path: freePath }), "https://x").search,
    ];
    for (const path of bad) expect(await code(path)).toEqual([403, "license_refused"]);
  });

  test("a link to what is not stored is 404", async () => {
    const path = bundlePath("1".repeat(64));
    expect(await code(await link({ path }))).toEqual([404, "not_found"]);
  });
});

describe("the log", () => {
  const head = async (path: string) => {
    const response = await call(path, { method: "HEAD" });
    return [
      response.status,
      ...["content-type", "cache-control"].map((of) => response.headers.get(of)),
    ];
  };
  const pointer = expect.stringContaining("max-age=60,");
  const forEver = "public, max-age=31536000, immutable";

  test("is served as text and tiles, with what each may be kept for", async () => {
    const size = Number((await (await call("/log/checkpoint")).text()).split("\n")[1]);
    expect(size).toBeGreaterThan(3);
    const plain = "text/plain; charset=utf-8";
    expect(await head("/log/checkpoint")).toEqual([200, plain, pointer]);
    const bytes = "application/octet-stream";
    expect(await head(`/log/tile/0/000.p/${size}`)).toEqual([200, bytes, forEver]);
    expect(await head(`/log/tile/entries/000.p/${size}`)).toEqual([200, bytes, forEver]);
    expect(await head("/index/@acme/free/1.0.0.tlog-proof")).toEqual([200, plain, forEver]);
    const tile = await call(`/log/tile/0/000.p/${size}`, { headers: { Range: "bytes=32-63" } });
    expect([tile.status, (await bytesOf(tile)).length]).toEqual([206, 32]);
  });

  test("has nothing at other addresses, and answers without a query", async () => {
    const { bindings, count } = counting(env);
    const paths = [
      "/log",
      "/log/tile/0/000",
      "/log/tile/9/000.p/1",
      "/log/tile/0/000.p/99999",
      "/log/x",
    ];
    for (const path of paths) expect((await call(path, {}, bindings)).status).toBe(404);
    expect((await call("/log/checkpoint", {}, bindings)).status).toBe(200);
    expect(count.queries).toBe(0);
    expect((await call("/log/checkpoint", { method: "PUT" })).status).toBe(405);
    expect((await call("/log/tile/0/000.p/1", { method: "DELETE" })).status).toBe(405);
  });
});

test("pages of other sites may ask for all of the static plane, and see what is refused", async () => {
  for (const path of [freePath, "/index/@acme/free.json", "/@acme/free/1.0.0/bundle.rbsm"]) {
    const asked = await call(path, { method: "OPTIONS" });
    expect([asked.status, asked.headers.get("Access-Control-Allow-Origin")]).toEqual([204, "*"]);
    expect(asked.headers.get("Access-Control-Allow-Headers")).toContain("If-None-Match");
  }
  const others = { "/@acme/free/1.0.0/bundle.rbsm": 302, "/log/none": 404, "/tuf/none.json": 404 };
  for (const [path, status] of Object.entries(others)) {
    const answer = await call(path);
    expect([path, answer.status]).toEqual([path, status]);
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
  }
});
