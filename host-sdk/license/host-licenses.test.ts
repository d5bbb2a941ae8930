import type { Json } from "@rising-bsm/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { PluginHost } from "../host.ts";
import { greeter, HELLO } from "../testing/expectations.ts";
import { DAY, LICENSE_KEY } from "./license-fixture.ts";
import { createLicensedFixture, type LicensedFixture } from "./licensed-host-fixture.ts";

let fixture: LicensedFixture;
let licensing: LicensedFixture["licensing"];
beforeEach(async () => {
  fixture = await createLicensedFixture();
  ({ licensing } = fixture);
});
afterEach(() => fixture.close());

const ADMIN = { id: "1", permissions: "all" } as const;

interface Asked {
  readonly body?: Json;
  readonly actor?: object | null;
}

async function ask(host: PluginHost, request: string, { body, actor = ADMIN }: Asked = {}) {
  const [method = "", path = ""] = request.split(" ");
  const url = `http://host/plugins${path}`;
  const sent = new Request(url, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const options = { actor: actor as typeof ADMIN | null, base: "/plugins" };
  const answer = await host.handle(sent, options);
  return { status: answer.status, ...Object(await answer.json()) };
}

const page = async (host: PluginHost, lang: string, form?: Record<string, string>) => {
  const [path, init] =
    form === undefined
      ? ["/", {}]
      : ["/license", { method: "POST", body: new URLSearchParams(form) }];
  const url = `http://host${path}?lang=${lang}`;
  return (await host.handle(new Request(url, init), { actor: ADMIN })).text();
};

describe("a license", () => {
  beforeEach(() => fixture.sell(greeter("1.0.0")));

  test("is activated, shown, renewed and given back by calls", async () => {
    const host = await fixture.open();
    await host.install(HELLO, { grant: "requested" });
    expect(host.license(HELLO)).toMatchObject({ plugin: HELLO, state: "none", warning: null });
    expect(await host.activateLicense(HELLO, LICENSE_KEY)).toMatchObject({
      state: "active",
      licenseId: "license-1",
      entitlements: { export: true, rows: 500 },
    });
    await host.renewLicense(HELLO);
    expect(licensing.seq).toBe(2);
    expect(host.licenses()).toEqual([host.license(HELLO)]);
    expect(host.plugin(HELLO).license).toEqual(host.license(HELLO));
    expect(await host.returnLicense(HELLO)).toMatchObject({ state: "none", licenseId: null });
    expect(licensing.returned).toBe(true);
    await expect(host.renewLicense(HELLO)).rejects.toMatchObject({ code: "license_required" });
  });

  test("may be activated before the plugin is installed", async () => {
    const host = await fixture.open();
    expect(() => host.license(HELLO)).toThrow(
      expect.objectContaining({ code: "plugin_not_found" }),
    );
    await host.activateLicense(HELLO, LICENSE_KEY);
    expect(host.license(HELLO).state).toBe("active");
    const wrong = { code: "plugin_not_found" };
    await expect(host.activateLicense("hello", LICENSE_KEY)).rejects.toMatchObject(wrong);
  });

  test("tells listeners and the plugin's history what becomes of it, over restarts too", async () => {
    const first = await fixture.openLicensed();
    await vi.waitFor(async () => {
      expect((await first.history(HELLO)).map(({ change }) => change)).toContain("license-active");
    });
    await first.close();
    fixture.pass(20 * DAY);
    licensing.refuse = "unavailable";
    const host = await fixture.open({ runSchedules: false });
    const heard: string[] = [];
    const stop = host.on("license", ({ before, state, reason }) => {
      heard.push(`${before} ${state} ${reason}`);
    });
    await host.renewLicenses();
    await vi.waitFor(() => expect(heard).toEqual(["active grace unrenewed"]));
    stop();
    const last = (await host.history(HELLO)).at(-1);
    expect(last).toMatchObject({
      change: "license-grace",
      state: "active",
      reason: { code: "license_expired", message: "The license could not be renewed in time" },
    });
    expect(() => host.on("licence" as "license", () => undefined)).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });

  test("is kept by the host itself, without a call", async () => {
    const first = await fixture.openLicensed();
    await first.close();
    fixture.pass(3 * DAY);
    await fixture.open();
    await vi.waitFor(() => expect(licensing.seq).toBe(2), { timeout: 30_000 });
  });
});

describe("over HTTP", () => {
  beforeEach(() => fixture.sell(greeter("1.0.0")));

  test("administrators see, enter, renew and give back", async () => {
    const host = await fixture.open();
    await host.install(HELLO, { grant: "requested" });
    const at = `/api/plugins/${HELLO}/license`;
    expect(await ask(host, "GET /api/licenses")).toEqual({ status: 200, data: [] });
    expect(await ask(host, `POST ${at}`, { body: { licenseKey: LICENSE_KEY } })).toMatchObject({
      status: 200,
      data: { state: "active" },
    });
    expect(await ask(host, `GET ${at}`)).toMatchObject({ status: 200, data: { plugin: HELLO } });
    expect(await ask(host, "GET /api/licenses")).toMatchObject({ data: [{ plugin: HELLO }] });
    expect(await ask(host, `POST ${at}/renew`)).toMatchObject({ data: { state: "active" } });
    licensing.refusal = "suspended";
    expect(await ask(host, `POST ${at}/renew`)).toMatchObject({
      status: 403,
      code: "license_refused",
    });
    expect(await ask(host, `GET ${at}`)).toMatchObject({ data: { warning: "refused" } });
    expect(await ask(host, `DELETE ${at}`)).toMatchObject({ data: { state: "none" } });
    expect(await ask(host, "GET /api/plugins/@acme/other/license")).toMatchObject({ status: 404 });
  });

  test("viewing and managing are two permissions", async () => {
    const host = await fixture.open();
    const at = `/api/plugins/${HELLO}/license`;
    const viewer = { id: "2", permissions: ["plugin.view"] };
    const changes = [`POST ${at}`, `DELETE ${at}`, `POST ${at}/renew`];
    for (const request of [...changes, "GET /api/licenses", `GET ${at}`])
      expect(await ask(host, request, { actor: null })).toMatchObject({ status: 401 });
    for (const request of changes)
      expect(await ask(host, request, { actor: viewer })).toMatchObject({ status: 403 });
    expect(await ask(host, "GET /api/licenses", { actor: viewer })).toMatchObject({ status: 200 });
    expect(licensing.rids).toEqual([]);
  });

  test.each([
    ["no key", {}],
    ["two", { licenseKey: LICENSE_KEY, key: LICENSE_KEY }],
  ])("a body with %s is refused without repeating it", async (_, body) => {
    const host = await fixture.open();
    const answer = await ask(host, `POST /api/plugins/${HELLO}/license`, { body });
    expect(answer).toMatchObject({ status: 400, code: "request_invalid" });
    expect(JSON.stringify(answer)).not.toContain("0123");
  });
});

describe("the page", () => {
  beforeEach(() => fixture.sell(greeter("1.0.0")));

  test("takes a key without a script, and never shows it", async () => {
    const host = await fixture.open();
    await host.install(HELLO, { grant: "requested" });
    expect(await page(host, "en")).not.toContain("License");
    const html = await page(host, "en", { plugin: HELLO, licenseKey: ` ${LICENSE_KEY} ` });
    expect(html).toContain("<strong>active</strong> · subscription");
    expect(html).not.toContain("0123-4567");
    expect(await page(host, "de", { plugin: HELLO })).toContain("Lizenz: <strong>aktiv</strong>");
    expect(licensing.seq).toBe(2);
    licensing.refuse = "license_refused";
    expect(await page(host, "en", { plugin: HELLO, licenseKey: "RBSM-WRONG" })).toContain(
      "license_refused",
    );
  });

  test.each([
    ["nothing for 12 days", 12, null],
    ["a banner from the 13th on", 13, "renewal"],
    ["what is off", 30, "restricted"],
  ])("shows %s without a renewal", async (_, days, warning) => {
    await (await fixture.openLicensed()).close();
    fixture.pass(days * DAY);
    const host = await fixture.open({ runSchedules: false });
    for (const lang of ["en", "de"]) {
      const found = /role="alert" data-warning="(\w+)"/.exec(await page(host, lang))?.[1] ?? null;
      expect(found).toBe(warning);
    }
  });
});

describe("what plugin code does to api.license", () => {
  const LIAR = `export default class {
    onActivate(api) {
      const yes = () => true;
      const tricks = [
        () => { api.license.has = yes; },
        () => { this.api.license = { has: yes, info: () => ({ state: "active" }) }; },
        () => { Object.defineProperty(api, "license", { value: { has: yes } }); },
        () => { Object.defineProperty(api.license, "has", { value: yes }); },
        () => { Object.setPrototypeOf(api.license, { has: yes }); },
        () => { Array.prototype.includes = yes; },
        () => { Object.defineProperty(Array.prototype, "includes", { value: yes }); },
        () => { String.prototype.toString = () => "export"; },
        () => { Object.prototype.has = yes; },
        () => { JSON.parse = () => ({ license: { entitlements: ["secret"], info: {} } }); },
        () => { api.license.info().entitlements.secret = true; },
        () => { api.license.info().state = "active"; },
        () => { globalThis.api = { license: { has: yes } }; },
      ];
      this.worked = tricks.filter((trick) => { try { trick(); return true; } catch { return false; } });
    }
    ask(name) { return { has: this.api.license.has(name), state: this.api.license.info().state }; }
  }`;

  test("changes nothing that the host, or the next version of the plugin, goes by", async () => {
    await fixture.sell(LIAR);
    const host = await fixture.openLicensed();
    await host.call(HELLO, "ask", ["secret"]);
    expect(host.license(HELLO).entitlements).toEqual({ export: true, rows: 500, beta: false });
    expect(host.licenses()).toEqual([host.license(HELLO)]);
    await fixture.sell(HONEST, "1.1.0");
    await host.update(HELLO);
    expect(await host.call(HELLO, "ask", ["secret"])).toEqual({ has: false, state: "active" });
  });

  const HONEST = `export default class {
    ask(name) { return { has: this.api.license.has(name), state: this.api.license.info().state }; }
  }`;

  test("does not even fool its own code where the realm is frozen", async () => {
    await fixture.sell(LIAR.replace("this.api.license = {", "this.apiOfMine = {"));
    const host = await fixture.openLicensed();
    expect(await host.call(HELLO, "ask", ["secret"])).toEqual({ has: false, state: "active" });
    expect(await host.call(HELLO, "ask", ["export"])).toEqual({ has: true, state: "active" });
    licensing.refuse = "unavailable";
    fixture.pass(40 * DAY);
    expect(await host.call(HELLO, "ask", ["export"])).toEqual({ has: false, state: "restricted" });
    expect(host.license(HELLO)).toMatchObject({ state: "restricted", entitlements: {} });
  });
});
