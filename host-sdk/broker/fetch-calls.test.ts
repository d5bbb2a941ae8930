import { FETCH_LIMITS, RATE_LIMITS, RbsmError, type Json } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import { createSimulatedDomain } from "../domain/simulated/simulated-domain.ts";
import type { FetchRequest, GuardedFetch } from "../network/fetch.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf } from "../testing/expectations.ts";
import { createBroker, type Broker } from "./broker.ts";

const URL_OF_API = "https://api.example.com/v1";
const SECRETS: Readonly<Record<string, string>> = { token: "t0k", user: "ada" };

let sent: FetchRequest[];
let broker: Broker;
let answer: GuardedFetch;
let now: number;

beforeEach(async () => {
  sent = [];
  now = 0;
  answer = async () => {
    return { status: 200, statusText: "OK", headers: [["a", "1"]], body: null, url: URL_OF_API };
  };
  broker = createBroker({
    store: createMemoryStore(),
    domain: await createSimulatedDomain(),
    callPlugin: async () => null,
    network: {
      async fetch(request, permit) {
        sent.push(request);
        return answer(request, permit);
      },
      readSecret: async (plugin, name) =>
        plugin === "@acme/test" && Object.hasOwn(SECRETS, name) ? (SECRETS[name] ?? null) : null,
    },
    audit: () => undefined,
    logger: { error: () => undefined },
    now: () => now,
  });
});

const contextOf = (plugin = "@acme/test") => {
  return { plugin, grants: [], dependencies: [], actor: null, depth: 0 };
};

function fetchOf(request: Record<string, Json> = {}, context: unknown = contextOf()) {
  const args = [{ method: "GET", url: URL_OF_API, headers: [], body: null, ...request }];
  return broker.handle(context, { method: "fetch", args });
}

test("request and answer cross whole, bodies in base64", async () => {
  answer = async () => {
    const body = new TextEncoder().encode("grüß");
    return {
      status: 201,
      statusText: "Made",
      headers: [
        ["set-cookie", "a"],
        ["set-cookie", "b"],
      ],
      body,
      url: `${URL_OF_API}#`,
    };
  };
  const body = Buffer.from("hällo").toString("base64");
  const got = await fetchOf({ method: "PUT", headers: [["X-Mine", "1"]], body });
  expect(got).toEqual({
    status: 201,
    statusText: "Made",
    headers: [
      ["set-cookie", "a"],
      ["set-cookie", "b"],
    ],
    body: Buffer.from("grüß").toString("base64"),
    url: `${URL_OF_API}#`,
  });
  expect(sent).toMatchObject([
    {
      method: "PUT",
      redirect: "follow",
      headers: [
        { name: "x-mine", value: "1", credential: false },
        { name: "user-agent", value: "Rising-BSM", credential: false },
      ],
    },
  ]);
  expect(Buffer.from(sent[0]?.body ?? []).toString()).toBe("hällo");
});

test("headers of the connection are left out, whatever their spelling", async () => {
  const forbidden = [
    "Host",
    "Content-Length",
    "connection",
    "KEEP-ALIVE",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "Accept-Encoding",
    "Proxy-Authorization",
    "proxy-anything",
  ];
  await fetchOf({ headers: [...forbidden.map((name) => [name, "x"]), ["User-Agent", "mine"]] });
  expect(sent[0]?.headers).toEqual([{ name: "user-agent", value: "mine", credential: false }]);
});

test("secrets are put in, and what holds one is a credential like authorization and cookie", async () => {
  const headers = [
    ["X-Key", "k={{secret:token}};u={{secret:user}}"],
    ["Authorization", "Basic abc"],
    ["Cookie", "a=1"],
    ["X-Plain", "{{ secret:token }}"],
  ];
  await fetchOf({ headers });
  expect(sent[0]?.headers.map(({ value, credential }) => [value, credential])).toEqual([
    ["k=t0k;u=ada", true],
    ["Basic abc", true],
    ["a=1", true],
    ["{{ secret:token }}", false],
    ["Rising-BSM", false],
  ]);
});

test("a secret of another plugin is not set for this one", async () => {
  const headers = [["x-key", "{{secret:token}}"]];
  expect(await codeOf(fetchOf({ headers }, contextOf("@acme/other")))).toBe("conflict_state");
  expect(await codeOf(fetchOf({ headers: [["x-key", "{{secret:constructor}}"]] }))).toBe(
    "conflict_state",
  );
  expect(sent).toEqual([]);
});

test("a secret goes over https only", async () => {
  const headers = [["x-key", "{{secret:token}}"]];
  const url = "http://erp.example.com:8080/";
  expect(await codeOf(fetchOf({ url, headers }))).toBe("request_invalid");
  expect(await codeOf(fetchOf({ url }))).toBe("ok");
});

const letters = (bytes: number) => Buffer.alloc(bytes, "a").toString("base64");
const manyHeaders = (count: number) => Array.from({ length: count }, (_, n) => [`x-${n}`, ""]);
const USER_AGENT = "user-agent".length + "Rising-BSM".length;
const longHeader = (bytes: number) => [["x", "y".repeat(bytes - 1 - USER_AGENT)]];

test.each<[string, Record<string, Json>, string]>([
  ["the greatest body", { method: "POST", body: letters(FETCH_LIMITS.requestBytes) }, "ok"],
  [
    "a byte more",
    { method: "POST", body: letters(FETCH_LIMITS.requestBytes + 1) },
    "limit_payload",
  ],
  ["64 headers", { headers: manyHeaders(FETCH_LIMITS.sentHeaders) }, "ok"],
  ["65 headers", { headers: manyHeaders(FETCH_LIMITS.sentHeaders + 1) }, "request_invalid"],
  ["headers of 16 KiB", { headers: longHeader(FETCH_LIMITS.headerBytes) }, "ok"],
  [
    "a byte more of headers",
    { headers: longHeader(FETCH_LIMITS.headerBytes + 1) },
    "limit_payload",
  ],
  ["a body that is no base64", { method: "POST", body: "ä" }, "request_invalid"],
  ["GET with a body", { body: "" }, "request_invalid"],
  ["HEAD with a body", { method: "HEAD", body: "" }, "request_invalid"],
  ["CONNECT", { method: "CONNECT" }, "request_invalid"],
  ["TRACE", { method: "TRACE" }, "request_invalid"],
  ["a line break in a value", { headers: [["x", "a\r\nhost: evil"]] }, "request_invalid"],
  ["a NUL in a value", { headers: [["x", "a\0"]] }, "request_invalid"],
  ["a letter beyond Latin-1", { headers: [["x", "€"]] }, "request_invalid"],
  ["a blank in a name", { headers: [["x y", "a"]] }, "request_invalid"],
  ["no name", { headers: [["", "a"]] }, "request_invalid"],
  ["a key that does not exist", { agent: "x" }, "request_invalid"],
])("%s: %j is %s", async (_name, request, code) => {
  expect(await codeOf(fetchOf(request))).toBe(code);
});

test("a plugin call may make ten fetches, the next call ten more", async () => {
  const context = contextOf();
  for (let n = 0; n < FETCH_LIMITS.fetchesPerCall; n += 1) await fetchOf({}, context);
  expect(await codeOf(fetchOf({}, context))).toBe("limit_calls");
  expect(await codeOf(fetchOf())).toBe("ok");
  expect(sent).toHaveLength(FETCH_LIMITS.fetchesPerCall + 1);
});

test("so many fetches are under way at a time: of a plugin, and of all", async () => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const usual = answer;
  answer = async (...asked) => {
    await gate;
    return usual(...asked);
  };
  const open: Promise<unknown>[] = [];
  for (let n = 0; n < FETCH_LIMITS.openPerPlugin; n += 1) open.push(fetchOf());
  expect(await codeOf(fetchOf())).toBe("limit_calls");
  for (let n = open.length; n < FETCH_LIMITS.openPerHost; n += 1) {
    open.push(fetchOf({}, contextOf(`@acme/p${Math.floor(n / FETCH_LIMITS.openPerPlugin)}`)));
  }
  expect(await codeOf(fetchOf({}, contextOf("@acme/last")))).toBe("host_busy");
  release();
  await Promise.all(open);
  expect(await codeOf(fetchOf())).toBe("ok");
});

test("a fetch that fails gives its place back", async () => {
  answer = () => Promise.reject(new RbsmError("network_unreachable"));
  for (let n = 0; n < 2 * FETCH_LIMITS.openPerPlugin; n += 1) {
    expect(await codeOf(fetchOf())).toBe("network_unreachable");
  }
});

test("300 fetches a minute, and then one every 200 ms", async () => {
  for (let n = 0; n < RATE_LIMITS.fetches; n += 1) await fetchOf();
  expect(await codeOf(fetchOf())).toBe("limit_calls");
  now = 200;
  expect(await codeOf(fetchOf())).toBe("ok");
  expect(await codeOf(fetchOf())).toBe("limit_calls");
});

test("the fetch gets the plugin's grants and the end of its call", async () => {
  const call = new AbortController();
  const permits: unknown[] = [];
  const usual = answer;
  answer = async (request, permit) => {
    permits.push(permit);
    return usual(request, permit);
  };
  const context = { ...contextOf(), grants: ["network:api.example.com"] };
  const args = [{ method: "GET", url: URL_OF_API, headers: [], body: null }];
  await broker.handle(context, { method: "fetch", args, signal: call.signal });
  expect(permits).toEqual([{ grants: ["network:api.example.com"], signal: call.signal }]);
});
