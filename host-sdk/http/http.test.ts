import { afterAll, beforeAll, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import type { Actor } from "../lifecycle/actor.ts";
import { greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const admin: Actor = { id: "1", permissions: "all" };
const viewer: Actor = { id: "2", permissions: ["plugin.view"] };
const BASE = "/apps/plugins";

let fixture: HostFixture;
let host: PluginHost;
beforeAll(async () => {
  fixture = await createHostFixture();
  const { market } = fixture;
  await market.publish({
    name: HELLO,
    version: "1.0.0",
    code: greeter("1.0.0"),
    permissions: ["customers.view"],
    manifest: { displayName: { en: "Hello <b>", de: "Hallo <b>" } },
  });
  await market.publish({
    name: "@acme/pages",
    version: "1.0.0",
    manifest: {
      routes: [
        { method: "GET", path: "/open/:id", public: true },
        { method: "GET", path: "/own/*" },
        { method: "POST", path: "/open/form", public: true },
        { method: "POST", path: "/own/form" },
      ],
    },
    permissions: ["customers.view"],
    code: `export default { async handleRequest(request) {
      if (request.method === "POST") return (await this.api.customers.list()).total;
      const { pathname, search } = new URL(request.url);
      if (pathname === "/open/fails") throw new Error("inner detail");
      if (pathname === "/own/to") return new Response(null, { status: 302, headers: { location: new URL(request.url).searchParams.get("to") } });
      if (pathname === "/own/away") return new Response(null, { status: 302, headers: { location: "https://evil.example/" } });
      if (pathname === "/own/on") return new Response(null, { status: 302, headers: { location: "/own/there?x=1" } });
      return new Response("<h1>" + pathname + search + "</h1><script>alert(1)</script>", { headers: {
        "content-type": "text/html", "set-cookie": "session=stolen", "content-security-policy": "default-src *",
        "x-seen": [...request.headers.keys()].join(" "), "access-control-allow-origin": "*" } });
    } };`,
  });
  host = await fixture.open();
  await host.install("@acme/pages", { grant: "requested" });
});
afterAll(() => fixture.close());

function send(path: string, init: RequestInit & { actor?: Actor | null } = {}): Promise<Response> {
  const { actor = admin, ...rest } = init;
  return host.handle(new Request(`http://host.example${BASE}${path}`, rest), { actor, base: BASE });
}

async function post(path: string, body: unknown, actor: Actor | null = admin) {
  const response = await send(path, { method: "POST", body: JSON.stringify(body), actor });
  return { status: response.status, body: await response.json() };
}

test("a plugin is installed, listed, called and removed over HTTP", async () => {
  expect(await post("/api/plugins", { name: HELLO })).toMatchObject({
    status: 403,
    body: { code: "permission_not_granted", findings: [{ path: "permissions[0]" }] },
  });
  expect(await post("/api/plugins", { name: HELLO, grant: "requested" })).toMatchObject({
    status: 201,
    body: { data: { name: HELLO, state: "active", approvedBy: "1" } },
  });
  const list = await (await send("/api/plugins")).json();
  expect(list).toMatchObject({ data: [{ name: HELLO }, { name: "@acme/pages" }] });
  expect(await post(`/api/plugins/${HELLO}/call`, { method: "greet", args: ["Ada"] })).toEqual({
    status: 200,
    body: { data: { result: "Hello Ada from 1.0.0" } },
  });
  expect(await post(`/api/plugins/${HELLO}/call`, { method: "nothing" })).toMatchObject({
    status: 404,
  });
  expect(await post(`/api/plugins/${HELLO}/call`, { fn: "greet" })).toMatchObject({
    body: { code: "request_invalid" },
  });
  expect(await post(`/api/plugins/${HELLO}/verify`, {})).toMatchObject({
    body: { data: { ok: true } },
  });
  expect(await (await send(`/api/plugins/${HELLO}/logs`)).json()).toMatchObject({
    data: [{ message: "active 1.0.0" }],
  });
  expect(await (await send(`/api/plugins/${HELLO}/usage`)).json()).toMatchObject({
    data: { storageKeys: 1 },
  });
  expect(await (await send(`/api/plugins/${HELLO}/history`)).json()).toMatchObject({
    data: [{ change: "installed", state: "active", version: "1.0.0", reason: null }],
  });
  expect(await post(`/api/plugins/${HELLO}/disable`, {})).toMatchObject({
    body: { data: { state: "disabled" } },
  });
  expect(await post(`/api/plugins/${HELLO}/enable`, {})).toMatchObject({
    body: { data: { state: "active" } },
  });
  expect((await send(`/api/plugins/${HELLO}`, { method: "DELETE" })).status).toBe(204);
  expect((await send(`/api/plugins/${HELLO}`)).status).toBe(404);
});

test("log, schedules and figures of a plugin over HTTP", async () => {
  const name = "@acme/nightly";
  await fixture.market.publish({
    name,
    version: "1.0.0",
    manifest: { schedules: [{ name: "night", cron: "0 3 * * *" }] },
    code: `export default {
      async onActivate(api) { for (const level of ["debug", "info", "warn", "error"]) api.log(level, "a " + level, { n: 1 }); },
      schedules: { async night() { await this.api.customers.list(); } } };`,
  });
  await host.install(name, { grant: "requested" });
  const get = async (path: string) => (await send(`/api/plugins/${name}${path}`)).json();
  expect(await get("/logs?level=warn")).toMatchObject({
    data: [{ level: "warn" }, { level: "error", fields: { n: 1 }, call: expect.any(String) }],
  });
  expect(await get("/logs?limit=1")).toMatchObject({ data: [{ level: "error" }] });
  for (const query of ["limit=0", "limit=x", "level=loud", "lines=1"])
    expect(await get(`/logs?${query}`)).toMatchObject({ code: "request_invalid" });
  expect(await get("/schedules")).toMatchObject({
    data: [{ name: "night", cron: "0 3 * * *", lastAt: null, runs: 0 }],
  });
  expect(await post(`/api/plugins/${name}/schedules/night/run`, {}, viewer)).toMatchObject({
    status: 403,
  });
  expect(await post(`/api/plugins/${name}/schedules/noon/run`, {})).toMatchObject({ status: 404 });
  expect(await post(`/api/plugins/${name}/schedules/night/run`, {})).toMatchObject({
    body: { code: "permission_denied" },
  });
  expect(await get("/usage")).toMatchObject({
    data: {
      denials: { "customers.view": 1 },
      schedules: { runs: 1, failures: 1, skipped: 0 },
      hooks: { delivered: 0, failed: 0, dropped: 0 },
      p50Ms: expect.any(Number),
    },
  });
  const page = await (await send("/")).text();
  for (const shown of ["customers.view 1", "0 3 * * *", "permission_denied", "a error"])
    expect(page).toContain(shown);
  await host.uninstall(name);
  expect(await get("/history")).toMatchObject({ data: [{}, { change: "uninstalled" }] });
});

test("an actor that is none is refused", async () => {
  const wrong = [{ id: 1 }, { permissions: "all" }, { id: 1, permissions: "some" }, "admin", 7];
  for (const actor of wrong) {
    const options: object = { actor, base: BASE };
    const response = await host.handle(new Request(`http://host.example${BASE}/`), options);
    expect(await response.json()).toMatchObject({ code: "usage" });
  }
});

test("progress comes as server-sent events when it is asked for", async () => {
  const response = await send("/api/plugins", {
    method: "POST",
    headers: { accept: "text/event-stream" },
    body: JSON.stringify({ name: HELLO, grant: "requested" }),
  });
  const events = (await response.text()).split("\n\n").filter((event) => event !== "");
  expect(events[0]).toMatch(/^event: progress\ndata: \{"step":"resolve"/);
  expect(events.at(-1)).toMatch(/^event: done\ndata: \{"name":"@acme\/hello"/);
  const refused = await send("/api/plugins", {
    method: "POST",
    headers: { accept: "text/event-stream" },
    body: JSON.stringify({ name: "@acme/none", grant: "requested" }),
  });
  expect(await refused.text()).toMatch(/event: failed\ndata: .*"code":"plugin_not_found"/);
});

test("each route asks for its permission", async () => {
  expect(await post("/api/plugins", { name: HELLO }, viewer)).toMatchObject({
    body: { code: "permission_denied" },
  });
  expect(await post(`/api/plugins/${HELLO}/disable`, {}, viewer)).toMatchObject({ status: 403 });
  expect((await send("/api/plugins", { actor: viewer })).status).toBe(200);
  expect((await send("/api/plugins", { actor: null })).status).toBe(401);
  expect((await send("/", { actor: null })).status).toBe(401);
});

test.each([
  { "sec-fetch-site": "cross-site" },
  { "sec-fetch-site": "same-site" },
  { origin: "https://evil.example" },
  { origin: "null" },
])("a change sent by another site's page is refused: %o", async (headers) => {
  const response = await send(`/api/plugins/${HELLO}/disable`, { method: "POST", headers });
  expect(await response.json()).toMatchObject({ code: "auth_refused" });
});

test.each([{ "sec-fetch-site": "cross-site", origin: "null" }, { origin: "https://site.example" }])(
  "a public form may be sent from anywhere, without the rights of whoever sends it: %o",
  async (headers) => {
    const form = { method: "POST", headers, body: "a=b", actor: viewer };
    // Nobody's call runs with what the installer granted; the viewer's would not.
    expect((await send("/x/@acme/pages/open/form", form)).status).toBe(200);
    expect((await send("/x/@acme/pages/open/form", { ...form, headers: {} })).status).toBe(403);
    const own = await send("/x/@acme/pages/own/form", { ...form, actor: admin });
    expect(await own.json()).toMatchObject({ code: "auth_refused" });
  },
);

test("a change sent by the application's own page is taken", async () => {
  const headers = { "sec-fetch-site": "same-origin", origin: "http://host.example" };
  const response = await send("/api/plugins/@acme/pages/verify", { method: "POST", headers });
  expect(response.status).toBe(200);
});

test("a plugin's page cannot speak for the application", async () => {
  const headers = { cookie: "session=1", authorization: "Bearer x", "x-mine": "1" };
  const response = await send("/x/@acme/pages/own/page?q=1", { headers });
  expect(await response.text()).toContain("<h1>/own/page?q=1</h1>");
  expect(response.headers.get("set-cookie")).toBeNull();
  expect(response.headers.get("access-control-allow-origin")).toBeNull();
  expect(response.headers.get("content-security-policy")).toMatch(
    /^sandbox allow-forms allow-popups; default-src 'none'/,
  );
  expect((await send("/x/@acme/pages/own/away")).headers.get("location")).toBeNull();
  expect((await send("/x/@acme/pages/own/on")).headers.get("location")).toBe(
    `${BASE}/x/@acme/pages/own/there?x=1`,
  );
});

test("a plugin sees nothing that proves who the user is", async () => {
  const headers = { cookie: "session=1", authorization: "Bearer x", "x-mine": "1" };
  const answer = await (await send(`/x/${HELLO}/anything`, { headers })).text();
  expect(JSON.parse(answer)).toMatchObject({
    path: "/anything",
    headers: expect.arrayContaining(["x-mine"]),
  });
  expect(answer).not.toMatch(/cookie|authorization/);
});

test("declared routes decide what is reachable, and what without signing in", async () => {
  expect((await send("/x/@acme/pages/open/7", { actor: null })).status).toBe(200);
  expect((await send("/x/@acme/pages/own/7", { actor: null })).status).toBe(401);
  expect((await send("/x/@acme/pages/hidden")).status).toBe(404);
  expect((await send("/x/@acme/pages/open/7", { method: "DELETE" })).status).toBe(404);
  expect((await send(`/x/${HELLO}/`, { actor: null })).status).toBe(401);
  expect((await send("/x/@acme/none/")).status).toBe(404);
});

test("the page lists the plugins in both languages and calls a method without a script", async () => {
  const page = await (await send("/?lang=de")).text();
  expect(page).toContain('<html lang="de">');
  expect(page).toContain("Hallo &lt;b&gt;");
  expect(page).toContain("Ihre Kunden und deren Notizen sehen");
  expect(page).not.toContain("<script");
  const body = new URLSearchParams({ plugin: HELLO, method: "greet", args: '["<i>"]' });
  const called = await send("/call?lang=en", { method: "POST", body });
  expect(called.status).toBe(200);
  expect(await called.text()).toContain("Hello &lt;i&gt; from 1.0.0");
  const wrong = await send("/call", {
    method: "POST",
    body: new URLSearchParams({ plugin: HELLO, method: "greet", args: "{" }),
  });
  expect(wrong.status).toBe(400);
  expect(await wrong.text()).toContain("request_invalid");
  expect((await send("/nowhere")).status).toBe(404);
});

test.each([
  ["there?y=1#z", "/own/there?y=1#z"],
  ["/own/there", "/own/there"],
  ["http://host.example/own/there", "/own/there"],
  ["../../../../api/plugins", "/api/plugins"],
  ["//evil.example/", null],
  ["/\\\\evil.example/", null],
  ["https://evil.example/", null],
  ["javascript:alert(1)", null],
])("a redirect to %s stays inside the plugin's mount", async (to, path) => {
  const { headers } = await send(`/x/@acme/pages/own/to?to=${encodeURIComponent(to)}`);
  expect(headers.get("location")).toBe(path === null ? null : `${BASE}/x/@acme/pages${path}`);
});

test("the URL that a plugin sees is always of the host that was asked", async () => {
  await host.install(HELLO, { grant: "requested" });
  const response = await send(`/x/${HELLO}//evil.example/page`);
  expect(await response.json()).toMatchObject({ path: "//evil.example/page" });
});

test("what a plugin throws is shown to those who are signed in only", async () => {
  const problemFor = async (actor: Actor | null) =>
    (await send("/x/@acme/pages/open/fails", { actor })).json();
  expect(await problemFor(viewer)).toMatchObject({ code: "plugin_threw", detail: "inner detail" });
  const stranger = await problemFor(null);
  expect(stranger).toMatchObject({ code: "plugin_threw" });
  expect(JSON.stringify(stranger)).not.toContain("inner detail");
});

test("a base may end in a slash or be left out, and the @ of a name may be escaped", async () => {
  const ask = async (path: string, options?: { actor: Actor; base?: string }) =>
    (await host.handle(new Request(`http://host.example${path}`), options)).status;
  expect(await ask(`${BASE}/api/plugins`, { actor: admin, base: `${BASE}/` })).toBe(200);
  expect(await ask("/api/plugins", { actor: admin, base: "/" })).toBe(200);
  expect(await ask("/api/plugins", { actor: admin })).toBe(200);
  expect(await ask("/api/plugins")).toBe(401);
  expect(await ask("/x/%40acme/pages/own/page", { actor: admin })).toBe(200);
  expect(await ask("/api/plugins/%40acme/pages", { actor: admin })).toBe(200);
});

test("a problem says the status that it has, and nobody's request throws", async () => {
  const slow = "export default { methods: { never() { return new Promise(() => {}); } } };";
  await fixture.market.publish({ name: "@acme/slow", version: "1.0.0", code: slow });
  await host.install("@acme/slow");
  const response = await send("/api/plugins/@acme/slow/call", {
    method: "POST",
    body: JSON.stringify({ method: "never" }),
    signal: AbortSignal.timeout(50),
  });
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ status: 409, code: "cancelled" });
  const nobody = await host.handle(new Request("http://host.example/api/plugins"), null);
  expect(nobody.status).toBe(401);
});
