import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { CALL_LIMITS, FETCH_LIMITS, type RbsmError } from "@rising-bsm/protocol";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import { createFetch, type FetchRequest, type NetworkOptions } from "./fetch.ts";
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from "./loopback-certificate.ts";
import type { Lookup } from "./resolve-host.ts";
import { parseTarget } from "./target.ts";

const routes: Record<string, RequestListener> = {};
let seen: { host: string; request: IncomingMessage; body: string; to: string | undefined }[] = [];
let lookups: string[] = [];
let warned: unknown[] = [];
let port = 0;
let plainPort = 0;

const answer: RequestListener = (request, response) => {
  const { pathname } = new URL(request.url ?? "", "http://x");
  request.setEncoding("utf8");
  let body = "";
  request.on("data", (chunk: string) => (body += chunk));
  request.on("end", () => {
    seen.push({ host: request.headers.host ?? "", request, body, to: request.socket.localAddress });
    const route = routes[pathname];
    if (route === undefined) response.writeHead(404).end();
    else route(request, response);
  });
};
const server = createTlsServer({ cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY }, answer);
const plain = createServer(answer);

const listen = (target: typeof plain | typeof server) =>
  new Promise<number>((resolve) => {
    target.listen(0, "127.0.0.1", () => {
      const address: AddressInfo | string | null = target.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });

beforeAll(async () => {
  port = await listen(server);
  plainPort = await listen(plain);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  plain.closeAllConnections();
  plain.close();
});
beforeEach(() => {
  seen = [];
  lookups = [];
  warned = [];
  for (const path of Object.keys(routes)) delete routes[path];
  routes["/ok"] = (_request, response) => response.end("fine");
});

const GRANTS = ["network:api.good.example", "network:*.wild.example", "network:other.example"];
const loopback: Lookup = async (host) => {
  lookups.push(host);
  return [{ address: "127.0.0.1", family: 4 }];
};
const good = (path: string) => `https://api.good.example:${port}${path}`;
const other = (path: string) => `https://other.example:${port}${path}`;

function makeFetch(options: NetworkOptions = {}) {
  const hosts = [
    "api.good.example",
    "a.wild.example",
    "wild.example",
    "other.example",
    "bad.example",
  ];
  const origins = hosts.map((host) => `https://${host}:${port}`);
  return createFetch(
    {
      ca: LOOPBACK_CERTIFICATE,
      lookup: loopback,
      privateOrigins: [...origins, `http://api.good.example:${plainPort}`],
      ...options,
    },
    (message, fields) => warned.push({ message, ...fields }),
  );
}

type Asked = Partial<Omit<FetchRequest, "target">> & { grants?: string[]; signal?: AbortSignal };

function send(url: string, asked: Asked = {}, options: NetworkOptions = {}) {
  const { grants = GRANTS, signal = new AbortController().signal, ...request } = asked;
  const whole = { method: "GET", headers: [], body: null, redirect: "follow", ...request } as const;
  return makeFetch(options)({ ...whole, target: parseTarget(url) }, { grants, signal });
}

const redirect = (status: number, location: string): RequestListener => {
  return (_request, response) => response.writeHead(status, { location }).end();
};
const encodedAs = (encoding: string, body: string): RequestListener => {
  return (_request, response) =>
    response.writeHead(200, { "content-encoding": encoding }).end(body);
};
const textOf = (body: Uint8Array | null) => (body === null ? null : Buffer.from(body).toString());

test("a granted host is asked over TLS for its own name, at the address that was found once", async () => {
  routes["/ok"] = (request, response) => {
    response.writeHead(
      201,
      "Made",
      [
        ["X-Method", request.method ?? ""],
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
        ["Connection", "close"],
      ].flat(),
    );
    response.end("fine");
  };
  const headers = [{ name: "x-mine", value: "1", credential: false }];
  const body = new TextEncoder().encode("hällo");
  const got = await send(good("/ok?q=1#part"), { method: "POST", headers, body });
  expect(got).toMatchObject({ status: 201, statusText: "Made", url: good("/ok?q=1") });
  expect(textOf(got.body)).toBe("fine");
  const names = got.headers.filter(([name]) => name !== "date");
  expect(names).toEqual([
    ["x-method", "POST"],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ]);
  expect(seen).toMatchObject([
    {
      host: `api.good.example:${port}`,
      body: "hällo",
      to: "127.0.0.1",
      request: { url: "/ok?q=1", headers: { "x-mine": "1", "accept-encoding": "gzip, br" } },
    },
  ]);
  expect(lookups).toEqual(["api.good.example"]);
});

test("a name is resolved once a hop: a second answer is never asked for", async () => {
  let asked = 0;
  const rebinding: Lookup = async () => {
    asked += 1;
    return [{ address: asked === 1 ? "127.0.0.1" : "10.0.0.1", family: 4 }];
  };
  expect(await codeOf(send(good("/ok"), {}, { lookup: rebinding }))).toBe("ok");
  expect([asked, seen[0]?.to]).toEqual([1, "127.0.0.1"]);
});

test.each([
  [["127.0.0.1"]],
  [["93.184.216.34", "10.0.0.1"]],
  [["2606:2800:220:1::1", "::ffff:127.0.0.1"]],
  [["::1"]],
  [["64:ff9b::7f00:1"]],
  [["169.254.169.254"]],
  [[]],
])("a name that stands for %j is not connected to", async (addresses) => {
  const lookup: Lookup = async () =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const refusal = await send("https://api.good.example/ok", {}, { lookup }).catch(
    (error: unknown) => error,
  );
  expect(refusal).toMatchObject({
    code: "network_unreachable",
    message: "api.good.example cannot be reached",
  });
  expect(seen).toEqual([]);
  expect(warned).toMatchObject([{ cause: "The name does not stand for public addresses alone" }]);
});

test("a private address, a missing name and a closed port look alike to the plugin", async () => {
  const failing: Lookup = () =>
    Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" }));
  const closed = createServer();
  const closedPort = await listen(closed);
  await new Promise((resolve) => closed.close(resolve));
  const origin = `https://api.good.example:${closedPort}`;
  const refusals = await Promise.all(
    [
      send("https://api.good.example/"),
      send("https://api.good.example/", {}, { lookup: failing }),
      send(`${origin}/`, {}, { privateOrigins: [origin] }),
    ].map((done) =>
      done.catch(({ code, message, detail }: RbsmError) => ({ code, message, detail })),
    ),
  );
  expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1);
  expect(warned).toHaveLength(3);
});

test("a certificate for another name or of an unknown authority is refused", async () => {
  const grants = ["network:bad.example"];
  expect(await codeOf(send(`https://bad.example:${port}/ok`, { grants }))).toBe(
    "network_unreachable",
  );
  const { ca: _, ...withoutAuthority } = { ca: 1, lookup: loopback, privateOrigins: [good("/")] };
  const strict = createFetch(withoutAuthority, (message, fields) =>
    warned.push({ message, ...fields }),
  );
  const request = { method: "GET", headers: [], body: null, redirect: "follow" } as const;
  const done = strict(
    { ...request, target: parseTarget(good("/ok")) },
    { grants: GRANTS, signal: new AbortController().signal },
  );
  expect(await codeOf(done)).toBe("network_unreachable");
  expect(warned).toMatchObject([
    { cause: "ERR_TLS_CERT_ALTNAME_INVALID" },
    { cause: "DEPTH_ZERO_SELF_SIGNED_CERT" },
  ]);
  expect(seen).toEqual([]);
});

test("each hop of a redirect is checked for grant, address, scheme and spelling", async () => {
  const outcomes: [string, string][] = [
    [other("/ok"), "ok"],
    ["/ok", "ok"],
    ["//other.example/ok", "network_unreachable"], // port 443: no private origin, so a public address
    ["https://api.good.example/ok", "network_unreachable"],
    ["https://evil.example/", "permission_denied"],
    ["https://api.good.example@evil.example/", "network_bad_answer"],
    ["https://127.0.0.1/", "permission_denied"],
    ["https://2130706433/", "permission_denied"],
    ["https://[::1]/", "permission_denied"],
    [`http://api.good.example:${plainPort}/ok`, "network_bad_answer"],
    ["http://api.good.example/", "network_bad_answer"],
    ["file:///etc/passwd", "network_bad_answer"],
    ["https://api.good.example:22/", "network_bad_answer"],
    ["https://", "network_bad_answer"],
  ];
  for (const [location, outcome] of outcomes) {
    routes["/away"] = redirect(302, location);
    expect(await codeOf(send(good("/away"))), location).toBe(outcome);
  }
});

test("five redirects are followed and a sixth is not; the answer says where it came from", async () => {
  for (let n = 1; n <= 6; n += 1) routes[`/${n}`] = redirect(307, n === 1 ? "/ok" : `/${n - 1}`);
  const got = await send(good(`/${FETCH_LIMITS.redirects}`));
  expect([got.status, got.url, lookups.length]).toEqual([200, good("/ok"), 6]);
  expect(await codeOf(send(good("/6")))).toBe("network_bad_answer");
});

test("redirect: manual gives the redirect, redirect: error refuses it", async () => {
  routes["/away"] = redirect(302, "https://evil.example/");
  const got = await send(good("/away"), { redirect: "manual" });
  expect(got).toMatchObject({ status: 302, url: good("/away") });
  routes["/away"] = redirect(302, "/ok");
  expect(await codeOf(send(good("/away"), { redirect: "error" }))).toBe("network_bad_answer");
  routes["/away"] = (_request, response) => response.writeHead(302).end();
  expect(await codeOf(send(good("/away"), { redirect: "error" }))).toBe("ok");
});

test.each([
  [301, "POST", "GET", ""],
  [302, "POST", "GET", ""],
  [303, "PUT", "GET", ""],
  [303, "HEAD", "HEAD", ""],
  [301, "PUT", "PUT", "body"],
  [307, "POST", "POST", "body"],
  [308, "PATCH", "PATCH", "body"],
])("%i turns %s into %s, with the body %j", async (...[status, method, after, body]) => {
  routes["/from"] = redirect(status, "/ok");
  const headers = ["content-type", "x-mine"].map((name) => ({
    name,
    value: "1",
    credential: false,
  }));
  const bytes = method === "HEAD" ? null : new TextEncoder().encode("body");
  await send(good("/from"), { method, headers, body: bytes });
  expect(seen[1]).toMatchObject({ body, request: { method: after } });
  const sent = seen[1]?.request.headers ?? {};
  expect([sent["x-mine"], sent["content-type"] ?? ""]).toEqual([
    "1",
    body === "" && after === "GET" ? "" : "1",
  ]);
});

test("credentials stay with their host and do not come back on the way home", async () => {
  routes["/same"] = redirect(302, "/out");
  routes["/out"] = redirect(302, other("/home"));
  routes["/home"] = redirect(302, good("/ok"));
  const headers = [
    { name: "authorization", value: "Bearer canary", credential: true },
    { name: "x-plain", value: "1", credential: false },
  ];
  await send(good("/same"), { headers });
  expect(
    seen.map(({ request }) => [
      request.url,
      request.headers.authorization,
      request.headers["x-plain"],
    ]),
  ).toEqual([
    ["/same", "Bearer canary", "1"],
    ["/out", "Bearer canary", "1"],
    ["/home", undefined, "1"],
    ["/ok", undefined, "1"],
  ]);
});

test.each<[string, (bytes: Buffer) => Buffer]>([
  ["", (bytes) => bytes],
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
])("a body encoded as %j may have 2 MiB decoded, and no byte more", async (encoding, encode) => {
  const answerWith = (size: number): RequestListener => {
    return (_request, response) => {
      response.setHeader("content-encoding", encoding);
      response.end(encode(Buffer.alloc(size, "a")));
    };
  };
  routes["/full"] = answerWith(CALL_LIMITS.fetchResponseBytes);
  routes["/over"] = answerWith(CALL_LIMITS.fetchResponseBytes + 1);
  const got = await send(good("/full"));
  expect(got.body?.length).toBe(CALL_LIMITS.fetchResponseBytes);
  expect(got.headers.map(([name]) => name)).not.toContain("content-encoding");
  expect(await codeOf(send(good("/over")))).toBe("network_too_large");
});

test("a decompression bomb is left after 2 MiB, not unpacked", async () => {
  const bomb = gzipSync(Buffer.alloc(128 * 1024 * 1024));
  routes["/bomb"] = (_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
  };
  const before = process.memoryUsage().rss;
  expect(await codeOf(send(good("/bomb")))).toBe("network_too_large");
  expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024);
});

test.each<[string, string, RequestListener]>([
  [
    "an answer without end",
    "network_too_large",
    (_request, response) => {
      const more = () => response.write(Buffer.alloc(65_536), () => void setImmediate(more));
      more();
    },
  ],
  ["gzip that is none", "network_bad_answer", encodedAs("gzip", "no")],
  ["an encoding over another", "network_bad_answer", encodedAs("gzip, gzip", "no")],
  ["an empty body said to be gzip", "ok", encodedAs("gzip", "")],
  [
    "too many headers",
    "network_bad_answer",
    (_request, response) => {
      for (let n = 0; n < 130; n += 1) response.setHeader(`x-${n}`, "1");
      response.end();
    },
  ],
  [
    "headers too large",
    "network_bad_answer",
    (_request, response) =>
      response.writeHead(200, { "x-long": "x".repeat(FETCH_LIMITS.headerBytes) }).end(),
  ],
  [
    "a connection that breaks in the body",
    "network_interrupted",
    (request, response) => {
      response
        .writeHead(200, { "content-length": "10" })
        .write("abc", () => request.socket.destroy());
    },
  ],
  ["a connection that breaks before", "network_interrupted", ({ socket }) => socket.destroy()],
  ["no body with 204", "ok", (_request, response) => response.writeHead(204).end()],
])("%s: %s", async (...[, outcome, route]) => {
  routes["/x"] = route;
  expect(await codeOf(send(good("/x")))).toBe(outcome);
});

test("the end of the call ends the fetch: in the lookup, before the answer, in the body", async () => {
  const stages: [string, RequestListener, Lookup?][] = [
    ["/lookup", () => undefined, () => new Promise(() => undefined)],
    ["/head", () => undefined],
    ["/body", (_request, response) => void response.write("a")],
  ];
  for (const [path, route, lookup = loopback] of stages) {
    routes[path] = route;
    const call = new AbortController();
    const done = codeOf(send(good(path), { signal: call.signal }, { lookup }));
    setTimeout(() => call.abort(), 50);
    expect(await done, path).toBe("cancelled");
  }
  await expect.poll(() => seen.every(({ request }) => request.socket.destroyed)).toBe(true);
  const over = codeOf(send(good("/ok"), { signal: AbortSignal.abort() }));
  expect(await over).toBe("cancelled");
});

test("plain http reaches a private origin and nothing else", async () => {
  expect(await codeOf(send(`http://api.good.example:${plainPort}/ok`))).toBe("ok");
  expect(await codeOf(send("http://api.good.example/ok"))).toBe("request_invalid");
});

test("privateOrigins that are no origins are refused at once", () => {
  for (const text of ["erp.example.com", "ftp://erp.example.com", ""])
    expect(() => makeFetch({ privateOrigins: [text] })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
});
