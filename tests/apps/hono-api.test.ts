import { fileURLToPath } from "node:url";
import { createTestHost, type TestHost } from "@rising-bsm/host-sdk/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildApp } from "./build-app.ts";
import app from "./hono-api/src/index.ts";
import { expectSame } from "./same-as-node.ts";

let host: TestHost;
beforeAll(async () => {
  host = await createTestHost(await buildApp(fileURLToPath(new URL("hono-api", import.meta.url))));
});
afterAll(() => host?.close());

const json = (value: unknown, more: RequestInit = {}): RequestInit & { body: string } => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  ...more,
  body: typeof value === "string" ? value : JSON.stringify(value),
});
const ORDER = { customer: "Müller & Söhne", email: "a@b.de", lines: [{ article: "x", count: 2 }] };

test.each([
  ["/", 200],
  ["/who", 200],
  ["/hello/Zo%C3%AB/a/b%2Fc", 200],
  ["/hello/%E4%BD%A0%E5%A5%BD/%F0%9F%91%8B", 200],
  ["/hello/%zz/broken", 200],
  ["/optional", 200],
  ["/optional/word", 200],
  ["/queries?a=1&a=2&b=%20x+y&c&d=%C3%A9", 200],
  ["/queries?a[]=1&__proto__=2", 200],
  ["/orders?q=ab&tag=x&tag=y&limit=5", 200],
  ["/orders?q=a&limit=1000", 400],
  ["/orders/12", 200],
  ["/orders/twelve", 404],
  ["/api/time", 200],
  ["/cookies", 200],
  ["/signed", 200],
  ["/old", 301],
  ["/html", 200],
  ["/response", 418],
  ["/late", 200],
  ["/refused", 403],
  ["/broken", 500],
  ["/nowhere", 404],
  ["//double", 404],
])("GET %s is %i, in the sandbox as in Node", async (path, status) => {
  expect((await expectSame({ app, host }, path)).status).toBe(status);
});

test.each(["/", "/html", "/nowhere", "/api/time"])(
  "HEAD %s has headers and no body",
  async (path) => {
    const response = await expectSame({ app, host }, path, { method: "HEAD" });
    expect(await response.text()).toBe("");
  },
);

test.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
  "%s finds its handler",
  async (method) => {
    const response = await expectSame({ app, host }, "/any", { method });
    expect(await response.text()).toBe(method);
    await expectSame({ app, host }, "/either", { method });
    await expectSame({ app, host }, "/orders/3", { method });
  },
);

test("a JSON body is validated, and every mistake comes back", async () => {
  const good = await expectSame({ app, host }, "/orders", json(ORDER));
  expect(good.status).toBe(201);
  expect(good.headers.get("location")).toBe("/orders/7");
  expect(await good.json()).toEqual({ ...ORDER, note: "", count: 2 });
  const bad = await expectSame(
    { app, host },
    "/orders",
    json({ ...ORDER, email: "no", lines: [] }),
  );
  expect(bad.status).toBe(400);
  expect(await bad.text()).toMatch(/email[^]*lines/);
});

test.each([
  ["a body that is no JSON", json("{nope")],
  ["a deep body", json(`${"[".repeat(500)}${"]".repeat(500)}`)],
  ["no body", { method: "POST" }],
  ["no content type", { method: "POST", body: JSON.stringify(ORDER), headers: {} }],
  ["a date that is none", json({ ...ORDER, due: "2026-02-30" })],
  ["keys of the prototype", json('{"__proto__":{"customer":"x"},"constructor":1}')],
])("POST with %s is answered the same", async (_what, init) => {
  await expectSame({ app, host }, "/orders", init);
});

test("text and bytes of any kind arrive and leave unchanged", async () => {
  const every = Uint8Array.from({ length: 1_024 }, (_, index) => index % 256);
  const echoed = await expectSame({ app, host }, "/echo", { method: "POST", body: every });
  expect(new Uint8Array(await echoed.arrayBuffer())).toEqual(every.toReversed());
  await expectSame({ app, host }, "/text", { method: "POST", body: "straße 𝒳 \u0000 \ufeff x" });
  await expectSame({ app, host }, "/text", {
    method: "POST",
    body: Uint8Array.of(0xff, 0xfe, 0x41),
  });
  await expectSame({ app, host }, "/echo", { method: "POST", body: "" });
});

test("a body of half a megabyte crosses both ways", async () => {
  const body = new Uint8Array(512 * 1_024).fill(0xab);
  const echoed = await expectSame({ app, host }, "/echo", { method: "POST", body });
  expect((await echoed.arrayBuffer()).byteLength).toBe(body.length);
});

test("cookies are read and set, several at once", async () => {
  const headers = { cookie: "seen=4; other=%C3%A4" };
  const response = await expectSame({ app, host }, "/cookies", { headers });
  expect(response.headers.getSetCookie()).toEqual([
    "seen=5; Path=/; HttpOnly",
    "language=de-AT; Max-Age=60; Path=/; SameSite=Lax",
  ]);
  expect(await response.json()).toEqual({ seen: "4", other: "ä" });
});

test("a matching ETag is 304 without a body", async () => {
  const first = await expectSame({ app, host }, "/api/time");
  const headers = { "if-none-match": first.headers.get("etag") ?? "" };
  expect((await expectSame({ app, host }, "/api/time", { headers })).status).toBe(304);
});

test("a preflight request is answered", async () => {
  const headers = { origin: "https://app.example", "access-control-request-method": "PUT" };
  const response = await expectSame({ app, host }, "/api/time", { method: "OPTIONS", headers });
  expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
});

test("the request can be read twice by way of a clone", async () => {
  expect(await (await expectSame({ app, host }, "/raw", json({ a: [1] }))).json()).toEqual({
    json: { a: [1] },
  });
});

test("fifty requests at once keep their answers apart", async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, id) => {
      const response = await host.request(new Request(`https://app.example/orders/${id}`));
      return response.json();
    }),
  );
  expect(answers).toEqual(Array.from({ length: 50 }, (_, id) => ({ id })));
});
