import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostStore } from "../store/host-store.ts";
import {
  createLicenseFixture,
  DAY,
  LICENSE_KEY,
  type LicenseFixture,
  PLUGIN,
} from "./license-fixture.ts";

let world: LicenseFixture;
let server: LicenseFixture["server"];
/** The commit that fails, counted from now on, and whether it has stored before it did. */
let fault: { at: number; stored: boolean } | null;
beforeEach(async () => {
  world = await createLicenseFixture();
  ({ server } = world);
  fault = null;
});
afterEach(() => world.close());

function faulty(store: HostStore): HostStore {
  return {
    ...store,
    async commit(changes) {
      if (fault === null || --fault.at > 0) return store.commit(changes);
      const { stored } = fault;
      fault = null;
      if (stored) await store.commit(changes);
      throw new Error("the disk is gone");
    },
  };
}

const options = { wrapStore: faulty };
const WAYS = [
  { at: 1, stored: false },
  { at: 1, stored: true },
  { at: 2, stored: false },
  { at: 2, stored: true },
];

/** In the same process and in the next one, the license is as if nothing had happened. */
async function expectUndisturbed(licenses: { renewLease(plugin: string): Promise<void> }) {
  await licenses.renewLease(PLUGIN);
  const { licenses: next, problems } = await world.restart();
  expect(problems).toEqual([]);
  expect(next.describe(PLUGIN)).toMatchObject({ state: "active", warning: null });
  await next.renewLease(PLUGIN);
  expect(server.paths.filter((path) => path.endsWith("/resume"))).toEqual([]);
}

describe.each(WAYS)("a store that fails at write $at (stored: $stored)", (way) => {
  test("of an activation: the next try finishes it", async () => {
    const { licenses } = await world.start(options);
    fault = { ...way, at: way.at + 1 };
    await expect(licenses.activate(PLUGIN, LICENSE_KEY)).rejects.toThrow("the disk");
    await licenses.activate(PLUGIN, LICENSE_KEY);
    await expectUndisturbed(licenses);
  });

  test("of a renewal: nothing is lost, and nothing was asked twice", async () => {
    const { licenses } = await world.startActivated(options);
    fault = { ...way };
    await expect(licenses.renewLease(PLUGIN)).rejects.toThrow("the disk");
    expect(licenses.check(PLUGIN)?.state).toBe("active");
    await expectUndisturbed(licenses);
  });

  test("of a return: the seat is free after the next try", async () => {
    const { licenses } = await world.startActivated(options);
    fault = { ...way };
    await licenses.returnLease(PLUGIN).catch(() => undefined);
    const { licenses: next } = await world.restart();
    await next.returnLease(PLUGIN).catch(() => undefined);
    expect(server.returned).toBe(true);
    expect((await world.restart()).licenses.check(PLUGIN)).toBeNull();
  });
});

test("a lease that was stored although the store failed counts from the next request on", async () => {
  const { licenses } = await world.startActivated(options);
  world.pass(DAY);
  fault = { at: 2, stored: true };
  await expect(licenses.renewLease(PLUGIN)).rejects.toThrow("the disk");
  server.refuse = "unavailable";
  await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({ code: "unavailable" });
  expect(licenses.describe(PLUGIN).leaseFrom).toBe("2026-10-11T12:00:00.000Z");
});

test.each([false, true])(
  "a refusal that could not be stored (stored: %s) counts after the next one",
  async (stored) => {
    const { licenses } = await world.startActivated(options);
    world.pass(20 * DAY);
    server.refusal = "revoked";
    fault = { at: 2, stored };
    await expect(licenses.renewLease(PLUGIN)).rejects.toThrow("the disk");
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({ code: "license_refused" });
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
    expect((await world.restart()).licenses.check(PLUGIN)?.state).toBe("restricted");
  },
);

test.each([false, true])(
  "what could not be noted as told (stored: %s) is told once",
  async (stored) => {
    const { keeper, events } = await world.startActivated(options);
    fault = { at: 1, stored };
    await keeper.tell();
    await keeper.tell();
    await keeper.tell();
    expect(events).toHaveLength(1);
  },
);
