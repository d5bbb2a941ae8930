import { getEventListeners } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CLIENT_LIMITS, sha256Hex, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { codeOf } from "../testing/expectations.ts";
import { downloadBundle } from "./download-bundle.ts";
import { createMarketplace, type Marketplace } from "./marketplace.ts";
import { readCapped } from "./read-answer.ts";

let server: Server;
let answer: RequestListener;
let market: Marketplace;
let folder: string;
beforeEach(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  market = createMarketplace({ url: `http://127.0.0.1:${port}/base/`, idleMs: 300, backOffMs: 1 });
  folder = await mkdtemp(join(tmpdir(), "rbsm-client-"));
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true });
});

const get = () => market.getBytes("/thing", 100);

test.each([
  [404, { code: "plugin_not_found", detail: "none", fix: "look" }, "plugin_not_found"],
  [403, { code: "license_refused" }, "license_refused"],
  [404, "not json", "not_found"],
  [401, "", "auth_refused"],
  [429, "", "limit_rate"],
  [503, "", "unavailable"],
  [400, { code: "no_code_of_ours" }, "network_bad_answer"],
])("a refusal with status %i and %o is %s", async (status, body, code) => {
  answer = (_, response) => {
    const json = typeof body === "object";
    response.writeHead(status, json ? { "content-type": "application/problem+json" } : {});
    response.end(json ? JSON.stringify(body) : body);
  };
  expect(await codeOf(get())).toBe(code);
});

test.each([
  ["120", 120_000],
  ["Wed, 21 Oct 2026 07:28:30 GMT", 30_000],
  ["Wed, 21 Oct 2026 07:27:00 GMT", 0],
  ["21 Oct 2026", undefined],
  ["-1", undefined],
])("Retry-After %s is %s ms, beside a signed refusal", async (header, retryAfterMs) => {
  answer = (_, response) => {
    const date = "Wed, 21 Oct 2026 07:28:00 GMT";
    const headers = { "content-type": "application/problem+json", "retry-after": header, date };
    response.writeHead(403, headers).end('{"code":"license_refused","refusal":"signed"}');
  };
  const refusal = await get().catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "license_refused", detail: { refusal: "signed" } });
  expect(Object(refusal).detail.retryAfterMs).toBe(retryAfterMs);
});

test("a redirect is followed inside the origin, a few times, and not out of it", async () => {
  answer = (request, response) => {
    const to =
      request.url === "/base/thing" ? "/moved" : request.url === "/moved" ? "" : request.url;
    if (to === "") response.end("here");
    else response.writeHead(302, { location: to }).end();
  };
  expect(Buffer.from(await get()).toString()).toBe("here");
  expect(await codeOf(market.getBytes("/loop", 100))).toBe("network_bad_answer");
  answer = (_, response) => void response.writeHead(302, { location: "http://example.com/" }).end();
  expect(await codeOf(get())).toBe("network_bad_answer");
  expect(await codeOf(market.getBytes("http://example.com/", 100))).toBe("network_bad_answer");
});

test("an answer over its limit is cut off, announced or not", async () => {
  answer = (_, response) => void response.end(Buffer.alloc(101));
  expect(await codeOf(get())).toBe("network_bad_answer");
  answer = (_, response) => {
    response.writeHead(200, { "transfer-encoding": "chunked" });
    response.write(Buffer.alloc(60));
    response.end(Buffer.alloc(60));
  };
  expect(await codeOf(get())).toBe("network_bad_answer");
});

test("silence is a timeout, before and inside an answer", async () => {
  answer = () => undefined;
  expect(await codeOf(get())).toBe("network_timeout");
  answer = (_, response) => void response.write("x");
  expect(await codeOf(get())).toBe("network_timeout");
});

test("a proof is made over exactly what is sent", async () => {
  let seen: unknown;
  answer = (request, response) => {
    request.on("data", (chunk) => {
      seen = {
        method: request.method,
        url: request.url,
        proof: request.headers["rbsm-proof"],
        body: String(chunk),
      };
      response.end('{"ok":true,"more":1}');
    });
  };
  const schema = z.object({ ok: z.literal(true) });
  const prove = async ({ method, url, body }: { method: string; url: string; body: Uint8Array }) =>
    `${method} ${new URL(url).pathname} ${Buffer.from(body).toString()}`;
  const sent = { method: "POST", path: "/v1/x", body: { a: 1 }, schema, prove } as const;
  expect(await market.sendJson(sent)).toEqual({ ok: true });
  expect(seen).toEqual({
    method: "POST",
    url: "/base/v1/x",
    proof: 'POST /base/v1/x {"a":1}',
    body: '{"a":1}',
  });
  const wrong = { ...sent, schema: z.object({ no: z.string() }) };
  expect(await codeOf(market.sendJson(wrong))).toBe("network_bad_answer");
});

test("an address that is none is refused at once", () => {
  expect(() => createMarketplace({ url: "market" })).toThrowError(/Not a marketplace URL/);
  expect(() => createMarketplace({ url: "ftp://market" })).toThrowError(/Not a marketplace URL/);
});

test("a marketplace that fails for a moment is asked again, also when its answer breaks off", async () => {
  const failing: RequestListener[] = [
    (_, response) => void response.writeHead(500, JSON_TYPE).end('{"code":"internal"}'),
    (_, response) => void response.writeHead(200, { "content-length": 4 }).write("he"),
    (_, response) => void response.end("here"),
  ];
  answer = (request, response) => {
    failing.shift()?.(request, response);
    if (failing.length === 1) setTimeout(() => response.destroy(), 20);
  };
  expect(Buffer.from(await get()).toString()).toBe("here");
  expect(failing).toEqual([]);
});

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const JSON_TYPE = { "content-type": "application/json" };

test.each([
  ["what its own side alone can know", 403, '{"code":"trust_revoked"}', "auth_refused"],
  ["that the caller ended it", 499, '{"code":"cancelled"}', "network_bad_answer"],
  ["what failed over there", 507, '{"code":"disk_full"}', "unavailable"],
  ["no text in place of one", 404, '{"code":"plugin_not_found","detail":1}', "plugin_not_found"],
  ["no JSON", 503, "{", "unavailable"],
  ["too much", 503, "x".repeat(CLIENT_LIMITS.problemBytes + 1), "unavailable"],
])("a refusal that says %s", async (...[, status, body, code]) => {
  answer = (_, response) => void response.writeHead(status, JSON_TYPE).end(body);
  expect(await codeOf(get())).toBe(code);
});

test("words of a marketplace are short and hold nothing that a terminal obeys", async () => {
  const detail = `\u001b[2J\u202e${"x".repeat(2_000)}`;
  const problem = JSON.stringify({ code: "not_found", detail, fix: "a\nb" });
  answer = (_, response) => void response.writeHead(404, JSON_TYPE).end(problem);
  const message = ` [2J ${"x".repeat(995)}`;
  await expect(get()).rejects.toMatchObject({ message, detail: { fix: "a b" } });
});

test("what was handed out may be written over: a body is no list of chunks", async () => {
  const chunk = new Uint8Array(1);
  async function* chunks() {
    for (let at = 0; at < 40_000; at++) {
      chunk[0] = at % 251;
      yield chunk;
    }
  }
  const headers = new Headers();
  const sent = { status: 200, headers, url: "", chunks: chunks(), discard: async () => {} };
  const expected = Uint8Array.from({ length: 40_000 }, (_, at) => at % 251);
  expect(Buffer.compare(await readCapped(sent, 40_000), expected)).toBe(0);
});

test.each([["http://["], ["blob:http://127.0.0.1/x"], ["//127.0.0.2/"], ["data:,x"]])(
  "a redirect to %s is refused, and nothing is left that waits",
  async (location) => {
    answer = (request, response) =>
      void response
        .writeHead(302, { location: location.replace("127.0.0.1", request.headers.host ?? "") })
        .end();
    const { signal } = new AbortController();
    const work = market.send({ method: "GET", path: "/thing", signal });
    expect(await codeOf(work)).toBe("network_bad_answer");
    expect(getEventListeners(signal, "abort")).toEqual([]);
  },
);

test("a redirect or a refusal that has broken off is what its status says", async () => {
  const broken = (status: number, headers: Record<string, string>) => {
    const start = (body: ReadableStreamDefaultController) => body.error(new Error("reset"));
    return new Response(new ReadableStream({ start }), { status, headers });
  };
  const answers = [broken(302, { location: "/moved" }), broken(404, {})];
  const fetch = async () => answers.shift() ?? Response.error();
  const url = "http://market.example.com";
  expect(await codeOf(createMarketplace({ url, fetch }).getBytes("/thing", 1))).toBe("not_found");
});

test.each([
  ["nothing", "", "network_unreachable"],
  ["noise", "\0\x01\x02\xff".repeat(100), "network_unreachable"],
  ["endless headers", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(10_000)}`, "network_unreachable"],
  [
    "another protocol",
    "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
    "network_unreachable",
  ],
  [
    "two lengths",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "network_unreachable",
  ],
  ["a chunk that is none", `${CHUNKED}zz\r\n`, "network_interrupted"],
  ["half a chunk", `${CHUNKED}5\r\nab`, "network_interrupted"],
  [
    "no gzip",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz",
    "network_interrupted",
  ],
  ["a status of its own", "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", "unavailable"],
])("a server that sends %s is refused with a code", async (...[, bytes, code]) => {
  const raw = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.end(bytes, "latin1"));
  });
  await new Promise<void>((resolve) => raw.listen(0, "127.0.0.1", resolve));
  const { port } = raw.address() as AddressInfo;
  const other = createMarketplace({ url: `http://127.0.0.1:${port}`, backOffMs: 1 });
  expect(await codeOf(other.getBytes("/thing", 100))).toBe(code);
  raw.close();
});

test.each([
  ['"abc"', '"abc"'],
  ['W/"abc"', 'W/"abc"'],
  [`"${"x".repeat(201)}"`, null],
  ["abc", null],
])("the ETag %s is remembered as %s", async (etag, remembered) => {
  answer = (_, response) => void response.writeHead(200, { etag }).end("x");
  const tagged = await market.getIfChanged({ path: "/thing", maxBytes: 1, etag: null });
  expect(tagged?.etag).toBe(remembered);
});

test("closing ends a pause between two tries", async () => {
  const closing = new AbortController();
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const patient = createMarketplace({ url, signal: closing.signal });
  answer = (_, response) => {
    response.writeHead(503, { "retry-after": "2" }).end();
    setTimeout(() => closing.abort(), 50);
  };
  const refusal = await patient.getBytes("/thing", 1).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "cancelled" });
  // What the next request would be told.
  expect(String(refusal)).not.toContain("The host is closed");
});

const BYTES = utf8("0123456789".repeat(10));

async function download(path = "/b", signal?: AbortSignal) {
  const file = join(folder, "bundle.rbsm");
  const sha256 = await sha256Hex(BYTES);
  await downloadBundle(market.send, {
    path,
    sha256,
    size: BYTES.length,
    file,
    signal,
    backOffMs: 1,
  });
  return Buffer.from(await readFile(file)).equals(BYTES);
}

test("a part that is not of this bundle is thrown away and the whole is loaded", async () => {
  await writeFile(join(folder, "bundle.rbsm.part"), "something else");
  answer = (request, response) => {
    const from = Number(/(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0) response.writeHead(206, { "content-range": `bytes ${from}-99/100` });
    response.end(BYTES.subarray(from));
  };
  expect(await download()).toBe(true);
  expect(await readdir(folder)).toEqual(["bundle.rbsm"]);
});

test("a server that ignores or refuses the range makes it start again", async () => {
  await writeFile(join(folder, "bundle.rbsm.part"), BYTES.subarray(0, 30));
  answer = (_, response) => void response.end(BYTES);
  expect(await download()).toBe(true);
  await writeFile(join(folder, "bundle.rbsm.part"), BYTES.subarray(0, 30));
  answer = (request, response) => {
    if (request.headers.range === undefined) response.end(BYTES);
    else response.writeHead(416).end();
  };
  expect(await download()).toBe(true);
});

test("a bundle that a proxy has compressed is read as what it was", async () => {
  const body = gzipSync(BYTES);
  const headers = { "content-encoding": "gzip", "content-length": body.length };
  answer = (_, response) => void response.writeHead(200, headers).end(body);
  expect(await download()).toBe(true);
});

test("another range than the one asked for is refused", async () => {
  await writeFile(join(folder, "bundle.rbsm.part"), BYTES.subarray(0, 30));
  answer = (_, response) =>
    void response.writeHead(206, { "content-range": "bytes 10-99/100" }).end(BYTES.subarray(10));
  expect(await codeOf(download())).toBe("network_bad_answer");
});

test("a body that never ends is cut off at the announced size", async () => {
  answer = (_, response) => {
    response.writeHead(200);
    const more = () => response.destroyed || response.write(Buffer.alloc(65_536), more);
    more();
  };
  expect(await codeOf(download())).toBe("bundle_digest_mismatch");
  expect(await readdir(folder)).toEqual([]);
});

test("a download that is cancelled keeps its part", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": BYTES.length });
    response.write(BYTES.subarray(0, 50));
  };
  expect(await codeOf(download("/b", AbortSignal.timeout(100)))).toBe("cancelled");
  expect(await readdir(folder)).toEqual(["bundle.rbsm.part"]);
});

test("a marketplace that is away is named", async () => {
  server.close();
  server.closeAllConnections();
  await expect(get()).rejects.toMatchObject({
    code: "network_unreachable",
    message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ cannot be reached$/),
  });
});
