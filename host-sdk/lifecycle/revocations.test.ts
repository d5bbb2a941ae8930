import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ADVISORIES_TARGET, type Revocation, REVOCATIONS_TARGET, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPluginHost, type PluginHost } from "../host.ts";
import { codeOf, greeter, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import type { StateEvent } from "./slots.ts";

const REASON = { en: "It sends data to others", de: "Es schickt Daten an Fremde" };
const ADVISORY = "https://example.com/RBSA-1";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

function entry<A extends Revocation["action"]>(action: A, versions = "<1.1.0") {
  return {
    id: `RBSA-${action}`,
    match: { plugin: HELLO, versions },
    action,
    reason: REASON,
    advisory: ADVISORY,
    issuedAt: "2026-11-01T00:00:00Z",
  };
}

async function openWithHello(): Promise<{ host: PluginHost; events: StateEvent[] }> {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: greeter("1.0.0") });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  const events: StateEvent[] = [];
  host.on("state", (event) => void events.push(event));
  return { host, events };
}

const changes = (events: readonly StateEvent[]) => events.map(({ change }) => change);
const greet = (host: PluginHost) => host.call(HELLO, "greet", ["Ada"]);

/** Publishes the offline list without any entry. */
function withdraw(): void {
  const empty = { type: "https://rising-bsm.com/revocations/v1", entries: [] };
  fixture.market.tuf.set(REVOCATIONS_TARGET, utf8(JSON.stringify(empty)));
  fixture.market.tuf.sign();
}

test("a disabled release stops at the next check, stays stopped and says why", async () => {
  const { host, events } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  expect(await greet(host)).toBe("Hello Ada from 1.0.0");
  await host.checkForUpdates();
  const reason = { code: "trust_revoked", message: expect.stringContaining(REASON.en) };
  const advisories = [
    { id: "RBSA-disable", action: "disable", reason: REASON, advisory: ADVISORY },
  ];
  expect(host.plugin(HELLO)).toMatchObject({ state: "revoked", reason, advisories });
  await expect(greet(host)).rejects.toMatchObject({
    code: "plugin_not_active",
    detail: { state: "revoked", reason },
  });
  expect(events).toMatchObject([{ change: "revoked", state: "revoked", reason }]);
  await expect(host.enable(HELLO)).rejects.toMatchObject({
    code: "trust_revoked",
    detail: { id: "RBSA-disable", action: "disable", reason: REASON, advisory: ADVISORY },
  });
  await host.close();
  await fixture.market.close();
  const again = await fixture.open();
  expect(again.plugin(HELLO)).toMatchObject({ state: "revoked", reason });
  expect(await codeOf(greet(again))).toBe("plugin_not_active");
  expect(await codeOf(again.enable(HELLO))).toBe("trust_revoked");
});

test("a call that runs when its plugin is revoked ends as it would have", async () => {
  const code = `export default { methods: {
    async slow() { await new Promise((done) => setTimeout(done, 300)); return "done"; } } };`;
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  fixture.market.revoke(entry("disable"));
  const running = host.call(HELLO, "slow");
  await host.checkForUpdates();
  expect(await running).toBe("done");
});

test("a plugin runs again by itself when the revocation is withdrawn, unless it was not wanted", async () => {
  const { host, events } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  await host.checkForUpdates();
  withdraw();
  await host.checkForUpdates();
  expect(await greet(host)).toBe("Hello Ada from 1.0.0");
  expect(changes(events)).toEqual(["revoked", "activated"]);
  await host.disable(HELLO);
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  expect(host.plugin(HELLO)).toMatchObject({ state: "disabled" });
  expect(await codeOf(host.enable(HELLO))).toBe("trust_revoked");
  withdraw();
  await host.checkForUpdates();
  expect(host.plugin(HELLO)).toMatchObject({ state: "disabled", advisories: [] });
  await host.enable(HELLO);
  expect(await greet(host)).toBe("Hello Ada from 1.0.0");
});

test("an update away from a revoked release makes the plugin run again", async () => {
  const { host } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  await fixture.market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  await host.update(HELLO);
  expect(await greet(host)).toBe("Hello Ada from 1.1.0");
  expect(host.plugin(HELLO)).toMatchObject({ state: "active", advisories: [] });
  expect(await codeOf(host.rollback(HELLO))).toBe("trust_revoked");
});

test("there is no way back to a release that was withdrawn from new installations", async () => {
  const { host } = await openWithHello();
  await fixture.market.publish({ name: HELLO, version: "1.1.0", code: greeter("1.1.0") });
  await host.update(HELLO);
  fixture.market.advise(entry("block-install"));
  await host.checkForUpdates();
  expect(await codeOf(host.rollback(HELLO))).toBe("trust_revoked");
  expect(await greet(host)).toBe("Hello Ada from 1.1.0");
});

test.each(["warn", "block-install"] as const)(
  "%s lets a plugin run, and is told once and shown",
  async (action) => {
    const { host, events } = await openWithHello();
    fixture.market.advise(entry(action, "*"));
    await host.checkForUpdates();
    await host.checkForUpdates();
    expect(await greet(host)).toBe("Hello Ada from 1.0.0");
    expect(events).toMatchObject([
      {
        change: "advised",
        state: "active",
        reason: { message: expect.stringContaining(REASON.en) },
      },
    ]);
    const advisories = [{ id: `RBSA-${action}`, action, reason: REASON, advisory: ADVISORY }];
    expect(host.plugin(HELLO)).toMatchObject({ state: "active", advisories });
    expect(await host.history(HELLO)).toMatchObject([
      { change: "installed" },
      { change: "advised" },
    ]);
    await host.close();
    const again = await fixture.open();
    expect(again.plugin(HELLO)).toMatchObject({ state: "active", advisories });
  },
);

test.each([
  ["warn", "ok"],
  ["block-install", "trust_revoked"],
  ["disable", "trust_revoked"],
] as const)(
  "installing a release with %s ends as %s, before its download",
  async (action, code) => {
    const { market } = fixture;
    const { sha256 } = await market.publish({ name: HELLO, version: "1.0.0" });
    market.revoke(entry(action));
    const host = await fixture.open();
    const installed = host.install(HELLO, { grant: "requested" });
    expect(await codeOf(installed)).toBe(code);
    expect(market.requests.includes(`/b/${sha256}.rbsm`)).toBe(code === "ok");
  },
);

test.each([
  ["its digest", (sha256: string, _key: string) => ({ sha256 })],
  [
    "its publisher's key",
    (_sha256: string, publisherKeyId: string) => ({ publisherKeyId, fromIndex: 0 }),
  ],
])("a release is also revoked by %s", async (_, matchOf) => {
  const { host } = await openWithHello();
  const { sha256, publisherKeyId } = host.plugin(HELLO);
  fixture.market.revoke({ ...entry("disable"), match: matchOf(sha256, publisherKeyId) });
  await host.checkForUpdates();
  expect(host.plugin(HELLO).state).toBe("revoked");
});

test("a key that is revoked from a later place in the log on stops nothing released before", async () => {
  const { host } = await openWithHello();
  const { publisherKeyId } = host.plugin(HELLO);
  const match = { publisherKeyId, fromIndex: fixture.market.log.size() };
  fixture.market.revoke({ ...entry("disable"), match });
  await host.checkForUpdates();
  expect(await greet(host)).toBe("Hello Ada from 1.0.0");
  await fixture.market.publish({ name: HELLO, version: "1.1.0" });
  expect(await codeOf(host.update(HELLO))).toBe("trust_revoked");
});

test("the online list cannot disable: the check refuses it, and everything runs on", async () => {
  const { host } = await openWithHello();
  fixture.market.advise(entry("warn", "*"));
  await host.checkForUpdates();
  const forged = {
    type: "https://rising-bsm.com/advisories/v1",
    entries: [{ ...entry("disable", "*") }],
  };
  fixture.market.tuf.set(ADVISORIES_TARGET, utf8(JSON.stringify(forged)));
  fixture.market.tuf.sign();
  expect(await codeOf(host.checkForUpdates())).toBe("trust_metadata_invalid");
  expect(await codeOf(host.update(HELLO))).toBe("trust_metadata_invalid");
  expect(await greet(host)).toBe("Hello Ada from 1.0.0");
  expect(host.plugin(HELLO)).toMatchObject({ state: "active", advisories: [{ id: "RBSA-warn" }] });
});

test("a revocation that comes with another plugin's installation is in force after it", async () => {
  const { host } = await openWithHello();
  await fixture.market.publish({ name: "@acme/other", version: "1.0.0" });
  fixture.market.revoke(entry("disable"));
  await host.install("@acme/other", { grant: "requested" });
  expect(host.plugin(HELLO).state).toBe("revoked");
});

/** Holds downloads of bundles back until the result is called. */
function holdDownloads(): () => void {
  const held: (() => void)[] = [];
  fixture.market.intercept(({ url = "" }, response) => {
    if (!url.startsWith("/b/")) return false;
    held.push(() => void response.destroy());
    return true;
  });
  return () => {
    fixture.market.intercept(null);
    for (const release of held) release();
  };
}

test("a revocation does not wait for an operation that is under way", async () => {
  const { host } = await openWithHello();
  await fixture.market.publish({ name: "@acme/other", version: "1.0.0" });
  const letGo = holdDownloads();
  const installing = codeOf(host.install("@acme/other", { grant: "requested" }));
  await expect
    .poll(() => fixture.market.requests.some((path) => path.startsWith("/b/")))
    .toBe(true);
  fixture.market.revoke(entry("disable"));
  const checking = codeOf(host.checkForUpdates());
  await expect.poll(() => host.plugin(HELLO).state, { timeout: 5_000 }).toBe("revoked");
  expect(await codeOf(greet(host))).toBe("plugin_not_active");
  letGo();
  await Promise.all([installing, checking]);
  expect(host.plugin(HELLO).state).toBe("revoked");
});

test("disabling a plugin does not wait for an operation that is under way either", async () => {
  const { host } = await openWithHello();
  await fixture.market.publish({ name: "@acme/other", version: "1.0.0" });
  const letGo = holdDownloads();
  const installing = codeOf(host.install("@acme/other", { grant: "requested" }));
  await expect
    .poll(() => fixture.market.requests.filter((path) => path.startsWith("/b/")).length)
    .toBe(2);
  const disabling = host.disable(HELLO);
  await expect(greet(host)).rejects.toMatchObject({ detail: { state: "disabled" } });
  letGo();
  await Promise.all([installing, disabling]);
  expect(host.plugin(HELLO).state).toBe("disabled");
  await host.enable(HELLO);
  expect(await greet(host)).toBe("Hello Ada from 1.0.0");
});

test("an update that began before a revocation does not bring the plugin back", async () => {
  const { host } = await openWithHello();
  const slow = `export default { methods: { greet: () => "hi" },
    onActivate: () => new Promise((done) => setTimeout(done, 1_500)) };`;
  await fixture.market.publish({ name: HELLO, version: "1.1.0", code: slow });
  await fixture.market.publish({ name: "@acme/other", version: "1.0.0" });
  const activating = new Promise<void>((resolve) => {
    const onProgress = ({ step }: { step: string }) => void (step === "activate" && resolve());
    void host.update(HELLO, { onProgress }).catch(() => undefined);
  });
  await activating;
  const letGo = holdDownloads();
  const installing = codeOf(host.install("@acme/other", { grant: "requested" }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  fixture.market.revoke(entry("disable", "*"));
  const checking = codeOf(host.checkForUpdates());
  await expect.poll(() => host.plugin(HELLO).version, { timeout: 10_000 }).toBe("1.1.0");
  expect(await codeOf(greet(host))).toBe("plugin_not_active");
  letGo();
  await Promise.all([installing, checking]);
  expect(host.plugin(HELLO).state).toBe("revoked");
});

test("what was verified stays in force when its file disappears", async () => {
  const { host } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  await rm(join(fixture.dataDir, "trust", "verified.json"));
  fixture.market.intercept((_request, response) => Boolean(response.destroy()));
  await host.update(HELLO).catch(() => undefined);
  expect(host.plugin(HELLO).state).toBe("revoked");
});

test("a release is not loaded when its revocation is known and not yet applied", async () => {
  const { host } = await openWithHello();
  await host.close();
  fixture.market.revoke(entry("disable"));
  const other = await fixture.open();
  await other.checkForUpdates();
  await other.close();
  const again = await fixture.open();
  expect(await codeOf(greet(again))).toBe("plugin_not_active");
});

test("a host that is opened without its marketplace knows what is revoked as well", async () => {
  const { host } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  await host.close();
  const alone = await createPluginHost({ dataDir: fixture.dataDir, runSchedules: false });
  expect(alone.plugin(HELLO)).toMatchObject({ state: "revoked", advisories: [{ reason: REASON }] });
  expect(await codeOf(alone.enable(HELLO))).toBe("trust_revoked");
  await alone.close();
});

test.each([
  ["damaged", (file: string) => writeFile(file, "{")],
  ["lost", (file: string) => rm(file)],
])("a %s copy of the verified lists does not bring a revoked plugin back", async (_, harm) => {
  const { host } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  await host.close();
  await harm(join(fixture.dataDir, "trust", "verified.json"));
  const again = await fixture.open();
  expect(again.plugin(HELLO).state).toBe("revoked");
  await again.checkForUpdates();
  expect(again.plugin(HELLO).state).toBe("revoked");
});

test("lists that cannot be read at all are an error in the log, and the next check reads them again", async () => {
  const { host } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  await host.close();
  const file = join(fixture.dataDir, "trust", "verified.json");
  await rm(file);
  await mkdir(file);
  const errors: string[] = [];
  const logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (message: string) => void errors.push(message),
  };
  const again = await fixture.open({ logger });
  expect(errors).toContain("The verified trust state cannot be read");
  await rm(file, { recursive: true });
  await again.checkForUpdates();
  expect(again.plugin(HELLO).state).toBe("revoked");
});

test("a host looks for revocations by itself", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open({ updateCheckMs: 20 });
  await host.install(HELLO, { grant: "requested" });
  const revoked = new Promise<void>((resolve) => {
    host.on("state", ({ change }) => void (change === "revoked" && resolve()));
  });
  fixture.market.revoke(entry("disable"));
  await revoked;
  expect(host.plugin(HELLO).state).toBe("revoked");
});

test("pages tell the reason in the reader's language", async () => {
  const { host } = await openWithHello();
  fixture.market.revoke(entry("disable"));
  await host.checkForUpdates();
  const actor = { id: "1", permissions: "all" } as const;
  const page = async (lang: string) =>
    (await host.handle(new Request(`http://host/?lang=${lang}`), { actor })).text();
  expect(await page("de")).toContain(REASON.de);
  expect(await page("de")).toContain("Vom Marktplatz gestoppt");
  expect(await page("de")).not.toContain(REASON.en);
  expect(await page("en")).toContain(REASON.en);
  expect(await page("en")).toContain(`href="${ADVISORY}"`);
});
