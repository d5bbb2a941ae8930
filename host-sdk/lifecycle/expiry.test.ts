import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const DAY_MS = 86_400_000;
const NIGHTLY = "@acme/nightly";

let fixture: HostFixture;
/** The host's clock; the marketplace stopped signing at the start. */
let time: number;
const now = () => new Date(time);
beforeEach(async () => {
  fixture = await createHostFixture();
  time = Date.now();
});
afterEach(() => fixture.close());

test("ten years after the last signature installed plugins run, restart, are called and scheduled", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  await market.publish({ name: "@acme/more", version: "1.0.0" });
  await market.publish({
    name: NIGHTLY,
    version: "1.0.0",
    manifest: { schedules: [{ name: "night", cron: "0 3 * * *" }] },
    code: `export default { schedules: { night() { return "slept"; } }, methods: { hi() { return "hi"; } } };`,
  });
  const before = await fixture.open({ now });
  await before.install(HELLO);
  await before.install(NIGHTLY);
  await market.publish({ name: HELLO, version: "1.1.0" });
  await before.close();

  time += 10 * 365 * DAY_MS;
  const host = await fixture.open({ now });
  expect(await host.call(HELLO, "version")).toBe("1.0.0");
  await host.disable(HELLO);
  await host.enable(HELLO);
  expect(await host.call(HELLO, "version")).toBe("1.0.0");
  expect(await host.verify(HELLO)).toMatchObject({ ok: true });
  expect(await host.runSchedule(NIGHTLY, "night")).toMatchObject({ runs: 1, failures: 0 });
  const [schedule] = await host.schedules(NIGHTLY);
  expect(Date.parse(schedule?.nextAt ?? "")).toBeGreaterThan(time);

  for (const refused of [host.install("@acme/more"), host.update(HELLO)]) {
    await expect(refused).rejects.toMatchObject({
      code: "trust_metadata_expired",
      message: expect.stringMatching(/expired at 20\d\d-.*Installed plugins keep running/),
      detail: { fix: expect.stringContaining("acceptStale") },
    });
  }
  expect(host.plugins().map(({ name, state }) => [name, state])).toEqual([
    [HELLO, "active"],
    [NIGHTLY, "active"],
  ]);
  await host.install("@acme/more", { acceptStale: true });
  await host.update(HELLO, { acceptStale: true });
  expect(await host.call(HELLO, "version")).toBe("1.1.0");
});

test("a first installation from a marketplace that has stopped signing takes acceptStale", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0" });
  time += 30 * DAY_MS;
  const host = await fixture.open({ now });
  expect(await codeOf(host.install(HELLO))).toBe("trust_metadata_expired");
  await host.install(HELLO, { acceptStale: true });
  expect(await host.call(HELLO, "version")).toBe("1.0.0");
});

test("after 48 hours without a refresh the page, the API and the host say so, and then no more", async () => {
  const { market } = fixture;
  market.setClock(now);
  await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open({ now });
  expect(await host.trust()).toMatchObject({ refreshedAt: null, stale: null });
  await host.install(HELLO);
  const refreshedAt = now().toISOString();
  const actor = { id: 1, permissions: "all" } as const;
  const get = async (path: string) =>
    (await host.handle(new Request(`http://host.example${path}`), { actor })).text();
  time += 2 * DAY_MS - 1;
  expect(await host.trust()).toMatchObject({ refreshedAt, stale: null });
  expect(await get("/")).not.toContain("alert");
  time += 1;
  expect(await host.trust()).toMatchObject({ refreshedAt, stale: { code: "unavailable" } });
  expect(JSON.parse(await get("/api/trust"))).toMatchObject({
    data: { refreshedAt, stale: { message: expect.stringContaining(refreshedAt) } },
  });
  for (const page of [await get("/"), await get("/?lang=de")])
    expect(page).toMatch(new RegExp(`role="alert">.*${refreshedAt}`));
  // Seven days after the last signature nothing is installed any more.
  time += 5 * DAY_MS;
  expect(await host.trust()).toMatchObject({ stale: { code: "trust_metadata_expired" } });
  await market.resign();
  await host.checkForUpdates();
  expect(await host.trust()).toMatchObject({ refreshedAt: now().toISOString(), stale: null });
});

test("a host that looks by itself writes the warning to its log", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const first = await fixture.open({ now });
  await first.install(HELLO);
  await first.close();
  time += 3 * DAY_MS;
  market.intercept((_request, response) => (response.destroy(), true));
  const warnings: string[] = [];
  const logger = { info() {}, warn: (message: string) => void warnings.push(message), error() {} };
  await fixture.open({ now, logger, updateCheckMs: 1 });
  await expect.poll(() => warnings.join(), { timeout: 60_000 }).toContain("was last verified at");
});
