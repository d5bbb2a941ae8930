import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createLicenseFixture,
  DAY,
  HOUR,
  LICENSE_KEY,
  type LicenseFixture,
  NOON,
  PLUGIN,
  type ProcessOptions,
} from "./license-fixture.ts";

let world: LicenseFixture;
let server: LicenseFixture["server"];
let time: LicenseFixture["time"];
beforeEach(async () => {
  world = await createLicenseFixture();
  ({ server, time } = world);
});
afterEach(() => world.close());

const pass = (ms: number) => world.pass(ms);
const start = () => world.start();
const startActivated = () => world.startActivated();
const restart = (options?: ProcessOptions) => world.restart(options);

describe("a license", () => {
  test("is none before activation", async () => {
    const { licenses } = await start();
    expect(licenses.check(PLUGIN)).toBeNull();
    expect(licenses.entitlements(PLUGIN)).toEqual([]);
    expect(licenses.info(PLUGIN)).toMatchObject({ state: "none", kind: null });
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({ code: "license_required" });
    await expect(licenses.requestDownload(PLUGIN, "1.0.0")).rejects.toMatchObject({
      code: "license_required",
    });
  });

  test("once activated is known to the next process without the network", async () => {
    await startActivated();
    server.lose = "request";
    const { licenses, problems } = await restart();
    expect(problems).toEqual([]);
    expect(licenses.entitlements(PLUGIN)).toEqual(["export", "rows"]);
    expect(licenses.info(PLUGIN)).toMatchObject({
      state: "active",
      kind: "subscription",
      org: "Muster GmbH",
      stateUntil: "2026-10-24T12:00:00.000Z",
    });
  });

  test("does not leave its key on the disk", async () => {
    const { store } = await startActivated();
    expect(JSON.stringify(await store.list("license"))).not.toContain("0123-4567");
  });

  test("gives a link to a paid bundle", async () => {
    const { licenses } = await startActivated();
    expect((await licenses.requestDownload(PLUGIN, "1.0.0")).url).toMatch(/^https:/);
  });

  test("that ran out is renewed before a link is asked for", async () => {
    const { licenses } = await startActivated();
    pass(20 * DAY);
    await licenses.requestDownload(PLUGIN, "1.0.0");
    expect(server.seq).toBe(2);
  });

  test.each([-2 * DAY, 2 * DAY])(
    "gives a link to a host whose clock is off by %i ms",
    async (off) => {
      await startActivated();
      world.time.system += off;
      const { licenses } = await restart();
      expect((await licenses.requestDownload(PLUGIN, "1.0.0")).url).toMatch(/^https:/);
    },
  );

  test("that was taken back says so when a link is refused", async () => {
    const { licenses } = await startActivated();
    server.refusal = "refunded";
    await expect(licenses.requestDownload(PLUGIN, "1.0.0")).rejects.toMatchObject({
      code: "license_refused",
      message: expect.stringContaining("payment was returned"),
    });
    expect(licenses.describe(PLUGIN)).toMatchObject({ state: "active", warning: "refused" });
  });
});

describe("states", () => {
  test("active until the lease ends, grace, then restricted; a renewal lifts everything", async () => {
    const { licenses } = await startActivated();
    const seen: string[] = [];
    for (let day = 0; day <= 28; day++) {
      seen.push(licenses.info(PLUGIN).state);
      pass(DAY);
    }
    expect(seen.indexOf("grace")).toBe(14);
    expect(seen.indexOf("restricted")).toBe(28);
    expect(licenses.entitlements(PLUGIN)).toEqual([]);
    await licenses.renewLease(PLUGIN);
    expect(licenses.info(PLUGIN).state).toBe("active");
  });

  test("of a floating license are hours", async () => {
    server.lic = { ...server.lic, kind: "floating", grace: 86_400 };
    server.leaseSeconds = 3_600;
    const { licenses } = await startActivated();
    pass(2 * HOUR);
    expect(licenses.check(PLUGIN)?.state).toBe("grace");
    pass(DAY);
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
  });

  test("of a perpetual license never change for versions it covers", async () => {
    server.lic = { ...server.lic, kind: "perpetual", updatesUntil: (NOON + 30 * DAY) / 1000 };
    const { licenses } = await startActivated();
    pass(5_000 * DAY);
    expect(licenses.check(PLUGIN, NOON + 30 * DAY)?.state).toBe("active");
    expect(licenses.check(PLUGIN, NOON + 31 * DAY)).toMatchObject({
      state: "restricted",
      notCovered: true,
    });
    expect(licenses.entitlements(PLUGIN, NOON)).toEqual(["export", "rows"]);
  });
});

describe("renewal", () => {
  test("repeats the same rid after a lost answer and a restart, and gets the stored lease", async () => {
    const { licenses } = await startActivated();
    server.lose = "answer";
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({
      code: expect.stringMatching(/^network_/),
    });
    server.lose = null;
    const second = await restart();
    await second.licenses.renewLease(PLUGIN);
    expect(server.rids.at(-1)).toBe(server.rids.at(-2));
    expect(server.seq).toBe(2);
    await second.licenses.renewLease(PLUGIN);
    expect(server.seq).toBe(3);
  });

  test("repeats the same activation after a lost answer and a restart", async () => {
    const { licenses } = await start();
    server.lose = "answer";
    await expect(licenses.activate(PLUGIN, LICENSE_KEY)).rejects.toMatchObject({
      code: expect.stringMatching(/^network_/),
    });
    server.lose = null;
    const second = await restart();
    await second.licenses.activate(PLUGIN, LICENSE_KEY);
    expect(server.seq).toBe(1);
    expect(server.rids.at(-1)).not.toBe(server.rids[0]);
    expect(second.licenses.check(PLUGIN)?.state).toBe("active");
  });

  test("called twice at once is two renewals one after the other", async () => {
    const { licenses } = await startActivated();
    await Promise.all([licenses.renewLease(PLUGIN), licenses.renewLease(PLUGIN)]);
    expect(server.seq).toBe(3);
  });

  test.each(["license_refused", "license_conflict", "unavailable"] as const)(
    "answered with %s leaves the lease that is held",
    async (code) => {
      const { licenses } = await startActivated();
      server.refuse = code;
      await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({ code });
      expect(licenses.check(PLUGIN)?.state).toBe("active");
    },
  );

  test.each([
    ["for another plugin", { plugin: "@demo/other" }],
    ["for another instance", { aud: "instance-2" }],
    ["bound to another key", { cnf: { jkt: "x" } }],
    ["that is not newer", { seq: 1, jti: "activation-1.1" }],
    ["whose id is another activation's", { jti: "activation-2.2" }],
  ])("with a lease %s is refused and changes nothing", async (_, forged) => {
    const { licenses } = await startActivated();
    server.forge = forged;
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({ code: "license_invalid" });
    expect(licenses.info(PLUGIN).stateUntil).toBe("2026-10-24T12:00:00.000Z");
  });

  test("is due daily, and after a failure within the hour", async () => {
    const { licenses } = await startActivated();
    expect(await licenses.renewDue()).toEqual([]);
    expect(server.seq).toBe(1);
    pass(DAY);
    server.lose = "request";
    expect(await licenses.renewDue()).toMatchObject([{ plugin: PLUGIN }]);
    server.lose = null;
    expect(await licenses.renewDue()).toEqual([]);
    expect(server.seq).toBe(1);
    pass(HOUR);
    expect(await licenses.renewDue()).toEqual([]);
    expect(server.seq).toBe(2);
  });
});

test("a renewal that failed while the clock stood years ahead is tried again within the hour", async () => {
  await startActivated();
  time.system += 3_000 * DAY;
  server.lose = "request";
  const { licenses } = await restart();
  expect(await licenses.renewDue()).toHaveLength(1);
  time.system -= 3_000 * DAY;
  server.lose = null;
  pass(HOUR);
  expect(await licenses.renewDue()).toEqual([]);
  expect(server.seq).toBe(2);
});

describe("keys", () => {
  test("a lease by an unknown key is a problem of its plugin until the key is known", async () => {
    await startActivated();
    const { licenses, problems } = await restart({ leaseKeys: () => [] });
    expect(problems).toMatchObject([{ plugin: PLUGIN, error: { code: "license_invalid" } }]);
    expect(licenses.check(PLUGIN)).toBeNull();
    expect((await restart()).licenses.check(PLUGIN)?.state).toBe("active");
  });

  test("another instance key does not use this one's lease", async () => {
    await startActivated();
    await rm(join(world.dataDir, "instance.key"));
    expect((await restart()).licenses.info(PLUGIN).state).toBe("none");
  });
});

describe("rows that cannot be read", () => {
  test.each([
    ["seat", PLUGIN],
    ["clock", "clock"],
    ["instance id", "instance"],
    ["last word to listeners", "told"],
  ])("are as if there were none: a %s", async (_what, name) => {
    const { store, key } = await startActivated();
    const row = { kind: "license", key: `${key.keyId} ${name}`, value: { version: 2 } };
    await store.commit([row, { ...row, key: `${key.keyId} @demo/other` }]);
    const { licenses, keeper, problems } = await restart();
    expect(problems).toContainEqual({
      plugin: "@demo/other",
      error: expect.objectContaining({ code: "license_invalid" }),
    });
    await keeper.look();
    await licenses.activate(PLUGIN, LICENSE_KEY);
    expect((await restart()).licenses.check(PLUGIN)?.state).toBe("active");
  });
});

describe("an instance key that was replaced", () => {
  test("is registered anew, and the license activated again", async () => {
    await startActivated();
    await rm(join(world.dataDir, "instance.key"));
    const { licenses } = await restart();
    expect(licenses.check(PLUGIN)).toBeNull();
    await licenses.activate(PLUGIN, LICENSE_KEY);
    expect(licenses.check(PLUGIN)?.state).toBe("active");
    await licenses.renewLease(PLUGIN);
    const next = await restart();
    expect(next.problems).toEqual([]);
    expect(next.licenses.check(PLUGIN)?.state).toBe("active");
  });

  test("and put back from a backup is the old instance again", async () => {
    await startActivated();
    const file = join(world.dataDir, "instance.key");
    const old = await readFile(file);
    await rm(file);
    await (await restart()).licenses.activate(PLUGIN, LICENSE_KEY);
    await writeFile(file, old);
    const { licenses } = await restart();
    expect(licenses.check(PLUGIN)?.state).toBe("active");
  });
});

describe("the clock", () => {
  test("set back, in this process and the next, revives nothing", async () => {
    const { licenses } = await startActivated();
    pass(20 * DAY);
    await licenses.renewLease(PLUGIN);
    server.lic = { ...server.lic, grace: 0 };
    server.leaseSeconds = 60;
    pass(DAY);
    await licenses.renewLease(PLUGIN);
    pass(HOUR);
    time.system = NOON;
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
    const next = await restart();
    expect(next.licenses.now()).toBe(NOON + 21 * DAY);
  });

  test("set forward a year bricks nobody: the renewal is answered and tells the time", async () => {
    await startActivated();
    time.system = NOON + 365 * DAY;
    const { licenses } = await restart();
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
    await licenses.renewLease(PLUGIN);
    expect(licenses.check(PLUGIN)?.state).toBe("active");
    time.system = NOON;
    expect((await restart()).licenses.check(PLUGIN)?.state).toBe("active");
  });

  test("one far-future lease moves the floor by a day only", async () => {
    const { licenses } = await start();
    time.server = NOON + 3_000 * DAY;
    await licenses.activate(PLUGIN, LICENSE_KEY);
    expect((await restart()).licenses.now()).toBe(NOON + LICENSE_LIMITS.floorStepMs);
  });
});

describe("returning", () => {
  test("is made up for by not renewing what is no longer installed", async () => {
    const { licenses } = await startActivated();
    pass(2 * DAY);
    expect(await licenses.renewDue(() => false)).toEqual([]);
    expect(server.seq).toBe(1);
    await licenses.renewDue(() => true);
    expect(server.seq).toBe(2);
  });

  test("destroys the lease here before the seat is free there", async () => {
    const { licenses } = await startActivated();
    server.lose = "request";
    await expect(licenses.returnLease(PLUGIN)).rejects.toMatchObject({
      code: "network_unreachable",
    });
    expect(licenses.check(PLUGIN)).toBeNull();
    server.lose = null;
    const { licenses: next } = await restart();
    expect(next.check(PLUGIN)).toBeNull();
    await next.returnLease(PLUGIN);
    expect(server.returned).toBe(true);
    await expect(next.returnLease(PLUGIN)).rejects.toMatchObject({ code: "license_required" });
  });

  test("first fetches the lease whose answer was lost, because only the newest counts", async () => {
    const { licenses } = await startActivated();
    server.lose = "answer";
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({
      code: expect.stringMatching(/^network_/),
    });
    server.lose = null;
    await licenses.returnLease(PLUGIN);
    expect(server.returned).toBe(true);
  });
});

test("asking what a license allows takes no time worth measuring", async () => {
  const { licenses } = await startActivated();
  const before = performance.now();
  for (let n = 0; n < 10_000; n++) licenses.check(PLUGIN, NOON);
  expect((performance.now() - before) / 10_000).toBeLessThan(0.5);
});
