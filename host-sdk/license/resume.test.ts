import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMemoryStore } from "../store/memory-store.ts";
import {
  createLicenseFixture,
  DAY,
  LICENSE_KEY,
  type LicenseFixture,
  type LicenseProcess,
  PLUGIN,
  randomSigningKey,
} from "./license-fixture.ts";

let world: LicenseFixture;
let server: LicenseFixture["server"];
beforeEach(async () => {
  world = await createLicenseFixture();
  ({ server } = world);
});
afterEach(() => world.close());

const LICENSE = "license";

/** What the host's database held: calling the result sets it back to that. */
async function backUp({ store }: LicenseProcess): Promise<() => Promise<void>> {
  const rows = await store.list(LICENSE);
  return async () => {
    const written = rows.map(({ key, value }) => ({ kind: LICENSE, key, value }));
    await store.commit(written);
  };
}

const resumes = () => server.paths.filter((path) => path.endsWith("/resume")).length;

describe("a host's database that was set back", () => {
  test("has the newest lease again after one renewal, and the next one too", async () => {
    const host = await world.startActivated();
    const restore = await backUp(host);
    await host.licenses.renewLease(PLUGIN);
    await host.licenses.renewLease(PLUGIN);
    await restore();
    const { licenses } = await world.restart();
    await licenses.renewLease(PLUGIN);
    expect(server.seq).toBe(4);
    expect(resumes()).toBe(1);
    expect(licenses.describe(PLUGIN)).toMatchObject({ state: "active", warning: null });
    await licenses.renewLease(PLUGIN);
    expect(server.seq).toBe(5);
    expect(resumes()).toBe(1);
  });

  test("to the middle of a renewal loses nothing either", async () => {
    const host = await world.startActivated();
    server.lose = "answer";
    await expect(host.licenses.renewLease(PLUGIN)).rejects.toThrow();
    const restore = await backUp(host);
    server.lose = null;
    await host.licenses.renewLease(PLUGIN);
    await host.licenses.renewLease(PLUGIN);
    await restore();
    const { licenses } = await world.restart();
    await licenses.renewLease(PLUGIN);
    expect(licenses.check(PLUGIN)?.state).toBe("active");
    expect(server.seq).toBe(4);
  });

  test("returns the newest lease, not the one it found", async () => {
    const host = await world.startActivated();
    server.lose = "answer";
    await expect(host.licenses.renewLease(PLUGIN)).rejects.toThrow();
    const restore = await backUp(host);
    server.lose = null;
    await host.licenses.renewLease(PLUGIN);
    await host.licenses.renewLease(PLUGIN);
    await restore();
    await (await world.restart()).licenses.returnLease(PLUGIN);
    expect(server.returned).toBe(true);
  });
});

describe("a marketplace that was set back", () => {
  test("takes the host's lease over, and goes on from it", async () => {
    const { licenses } = await world.startActivated();
    const restore = server.backUp();
    await licenses.renewLease(PLUGIN);
    await licenses.renewLease(PLUGIN);
    restore();
    await licenses.renewLease(PLUGIN);
    expect(server.seq).toBe(4);
    expect(licenses.describe(PLUGIN)).toMatchObject({ state: "active", problem: null });
  });

  test("and does not know the activation any more learns of it from the host", async () => {
    const { licenses } = await world.startActivated();
    server.forget();
    await licenses.renewLease(PLUGIN);
    expect(server.seq).toBe(2);
  });

  test("takes the license key too, from the first number on", async () => {
    const { licenses } = await world.startActivated();
    await licenses.renewLease(PLUGIN);
    await licenses.renewLease(PLUGIN);
    server.forget();
    await licenses.activate(PLUGIN, LICENSE_KEY);
    expect(server.seq).toBe(1);
    await licenses.renewLease(PLUGIN);
    expect(server.seq).toBe(2);
  });

  test("cannot have an old answer count as a new one", async () => {
    const { licenses } = await world.startActivated();
    const restore = server.backUp();
    await licenses.renewLease(PLUGIN);
    restore();
    server.forge = { nonce: "of another request" };
    await expect(licenses.activate(PLUGIN, LICENSE_KEY)).rejects.toMatchObject({
      code: "license_invalid",
    });
    expect(licenses.check(PLUGIN)?.state).toBe("active");
  });
});

describe("a copy of the host", () => {
  test("is told apart when the marketplace has had enough, until the key is entered", async () => {
    const { licenses } = await world.startActivated();
    server.hard = true;
    server.seq = 7;
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({ code: "license_conflict" });
    expect(licenses.describe(PLUGIN)).toMatchObject({ state: "active", warning: "clone" });
    const next = await world.restart();
    expect(next.licenses.describe(PLUGIN).warning).toBe("clone");
    world.pass(20 * DAY);
    expect(next.licenses.check(PLUGIN)?.state).toBe("grace");
    await next.licenses.activate(PLUGIN, LICENSE_KEY);
    expect(next.licenses.describe(PLUGIN)).toMatchObject({ state: "active", warning: null });
    expect((await world.restart()).licenses.describe(PLUGIN).warning).toBeNull();
  });

  test("and the original both work as long as they agree", async () => {
    const host = await world.startActivated();
    const copied = await host.store.list(LICENSE);
    const copy = createMemoryStore();
    await copy.commit(copied.map(({ key, value }) => ({ kind: LICENSE, key, value })));
    const twin = await world.start({ wrapStore: () => copy });
    await host.licenses.renewLease(PLUGIN);
    await twin.licenses.renewLease(PLUGIN);
    await host.licenses.renewLease(PLUGIN);
    expect(resumes()).toBe(2);
    expect(host.licenses.check(PLUGIN)?.state).toBe("active");
    expect(twin.licenses.check(PLUGIN)?.state).toBe("active");
  });
});

test("two hosts on one store have a license each", async () => {
  const host = await world.startActivated();
  const other = await world.start({ keyFolder: "other" });
  expect(other.problems).toEqual([]);
  expect(other.licenses.check(PLUGIN)).toBeNull();
  await other.licenses.activate(PLUGIN, LICENSE_KEY);
  expect((await world.restart()).licenses.check(PLUGIN)?.state).toBe("active");
  expect((await world.restart({ keyFolder: "other" })).licenses.check(PLUGIN)?.state).toBe(
    "active",
  );
  expect(host.key.keyId).not.toBe(other.key.keyId);
});

describe("lease keys", () => {
  test("that the host has not heard of yet are asked for, and the lease counts", async () => {
    const [first, second] = [server.key, await randomSigningKey()];
    let listed = [first];
    const refreshKeys = async () => void (listed = [first, second]);
    const { licenses } = await world.startActivated({ leaseKeys: () => listed, refreshKeys });
    server.key = second;
    await licenses.renewLease(PLUGIN);
    expect(licenses.describe(PLUGIN)).toMatchObject({ state: "active", problem: null });
    expect(server.seq).toBe(2);
  });

  test("that were stolen and taken off the list end their leases, and a renewal brings the next", async () => {
    const second = await randomSigningKey();
    await world.startActivated();
    const { licenses, problems } = await world.restart({ leaseKeys: () => [second] });
    expect(problems).toMatchObject([{ plugin: PLUGIN }]);
    expect(licenses.check(PLUGIN)).toBeNull();
    server.key = second;
    expect(await licenses.renewDue()).toEqual([]);
    expect(licenses.check(PLUGIN)?.state).toBe("active");
  });

  test("that are new reset a floor that a stolen key has driven up", async () => {
    const [stolen, fresh] = [server.key, await randomSigningKey()];
    let listed = [stolen];
    const options = { leaseKeys: () => listed };
    const { licenses } = await world.startActivated(options);
    world.time.server += 3_000 * DAY;
    for (let step = 0; step < 10; step++) await licenses.renewLease(PLUGIN);
    world.time.server -= 3_000 * DAY;
    const poisoned = await world.restart(options);
    expect(poisoned.licenses.now()).toBeGreaterThan(world.time.system + 9 * DAY);
    listed = [fresh];
    await poisoned.licenses.followKeys();
    expect(poisoned.licenses.now()).toBe(world.time.system);
    expect((await world.restart(options)).licenses.now()).toBe(world.time.system);
  });

  test("that could not be read when the host was opened are looked at again, though they are the same", async () => {
    const keys = [server.key];
    let listed = keys;
    const options = { leaseKeys: () => listed };
    await world.startActivated(options);
    listed = [];
    const blind = await world.restart(options);
    expect(blind.licenses.check(PLUGIN)).toBeNull();
    listed = keys;
    await blind.licenses.followKeys();
    expect(blind.licenses.check(PLUGIN)?.state).toBe("active");
  });

  test("that are replaced as planned leave the floor where honest leases put it", async () => {
    const [first, second] = [server.key, await randomSigningKey()];
    let listed = [first];
    const options = { leaseKeys: () => listed };
    const { licenses } = await world.startActivated(options);
    world.pass(10 * DAY);
    await licenses.renewLease(PLUGIN);
    listed = [first, second];
    world.time.system -= 10 * DAY;
    expect((await world.restart(options)).licenses.now()).toBe(world.time.server);
  });
});
