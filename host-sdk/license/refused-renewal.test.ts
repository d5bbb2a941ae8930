import { type REFUSAL_REASONS } from "@rising-bsm/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createLicenseFixture,
  DAY,
  LICENSE_KEY,
  type LicenseFixture,
  NOON,
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

const REFUSED = { code: "license_refused" };
const ENDING: readonly (typeof REFUSAL_REASONS)[number][] = [
  "suspended",
  "revoked",
  "disputed",
  "refunded",
  "returned",
];

/** A host that was refused a day after its activation, and what it was told. */
async function startRefused(reason: (typeof REFUSAL_REASONS)[number]) {
  const host = await world.startActivated();
  world.pass(DAY);
  server.refusal = reason;
  await expect(host.licenses.renewLease(PLUGIN)).rejects.toMatchObject(REFUSED);
  return host;
}

describe("a signed refusal", () => {
  test.each(ENDING)("%s ends the grace, not the lease that runs", async (reason) => {
    const { licenses } = await startRefused(reason);
    expect(licenses.describe(PLUGIN)).toMatchObject({
      state: "active",
      stateUntil: "2026-10-24T12:00:00.000Z",
      warning: "refused",
      refusal: { reason, at: "2026-10-11T12:00:00.000Z" },
      problem: { code: "license_refused" },
    });
    world.pass(13 * DAY);
    expect(licenses.describe(PLUGIN)).toMatchObject({
      state: "restricted",
      warning: "restricted",
      entitlements: {},
    });
    expect(licenses.entitlements(PLUGIN)).toEqual([]);
  });

  test("says why, in words", async () => {
    const { licenses } = await world.startActivated();
    server.refusal = "disputed";
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject({
      message: `The license of ${PLUGIN} is not renewed while its payment is disputed`,
      detail: { reason: "disputed", fix: expect.stringContaining("sold") },
    });
  });

  test("in the grace restricts at once", async () => {
    const { licenses } = await world.startActivated();
    world.pass(20 * DAY);
    expect(licenses.check(PLUGIN)?.state).toBe("grace");
    server.refusal = "revoked";
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject(REFUSED);
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
  });

  test("of what has only run out leaves the grace as it was", async () => {
    const { licenses } = await startRefused("ended");
    expect(licenses.describe(PLUGIN)).toMatchObject({
      warning: null,
      refusal: { reason: "ended" },
    });
    world.pass(20 * DAY);
    expect(licenses.check(PLUGIN)?.state).toBe("grace");
  });

  test("ends a perpetual license with its last lease, and not before", async () => {
    server.lic = { ...server.lic, kind: "perpetual" };
    const { licenses } = await startRefused("refunded");
    expect(licenses.check(PLUGIN)).toMatchObject({ state: "active", until: NOON + 14 * DAY });
    world.pass(13 * DAY);
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
  });

  test("outlives a restart, and the next lease lifts it", async () => {
    await startRefused("suspended");
    world.pass(15 * DAY);
    const { licenses } = await world.restart();
    expect(licenses.check(PLUGIN)?.state).toBe("restricted");
    server.refusal = null;
    await licenses.renewLease(PLUGIN);
    expect(licenses.describe(PLUGIN)).toMatchObject({
      state: "active",
      refusal: null,
      problem: null,
    });
    expect((await world.restart()).licenses.describe(PLUGIN).refusal).toBeNull();
  });

  test("moves the floor: setting the clock back does not bring the lease back", async () => {
    await startRefused("suspended");
    world.pass(13 * DAY);
    const late = await world.restart();
    await expect(late.licenses.renewLease(PLUGIN)).rejects.toMatchObject(REFUSED);
    world.time.system = NOON;
    expect((await world.restart()).licenses.check(PLUGIN)?.state).toBe("restricted");
  });
});

describe("what does not count as a refusal", () => {
  test.each([
    ["of another license", { sub: "license-2" }],
    ["of another activation", { activation: "activation-2" }],
    ["of another plugin", { plugin: "@demo/other" }],
    ["for another instance", { aud: "instance-2" }],
    ["from before the lease", { iat: NOON / 1000 - 1 }],
    ["of the lease's own second that answers somebody else", { iat: NOON / 1000, nonce: "x" }],
  ])("one %s", async (_, forged) => {
    const { licenses } = await world.startActivated();
    world.pass(DAY);
    server.refusal = "revoked";
    server.forgeRefusal = forged;
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject(REFUSED);
    expect(licenses.describe(PLUGIN)).toMatchObject({ refusal: null, warning: null });
    world.pass(20 * DAY);
    expect(licenses.check(PLUGIN)?.state).toBe("grace");
  });

  test("one by a key that is not listed", async () => {
    const { licenses } = await world.startActivated();
    world.pass(DAY);
    server.refusal = "revoked";
    server.key = await randomSigningKey();
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject(REFUSED);
    expect(licenses.describe(PLUGIN).refusal).toBeNull();
  });

  test("one without a signature, such as strangers get", async () => {
    const { licenses } = await world.startActivated();
    server.refuse = "license_refused";
    await expect(licenses.renewLease(PLUGIN)).rejects.toMatchObject(REFUSED);
    expect(licenses.describe(PLUGIN).refusal).toBeNull();
  });

  test("one that was stored for an older lease", async () => {
    const { store, key } = await startRefused("suspended");
    const row = await store.get("license", `${key.keyId} ${PLUGIN}`);
    const { refusal } = Object(row?.value);
    server.refusal = null;
    await (await world.restart()).licenses.renewLease(PLUGIN);
    const after = await store.get("license", `${key.keyId} ${PLUGIN}`);
    const value = { ...Object(after?.value), refusal };
    await store.commit([{ kind: "license", key: `${key.keyId} ${PLUGIN}`, value }]);
    const { licenses, problems } = await world.restart();
    expect(problems).toEqual([]);
    expect(licenses.describe(PLUGIN).refusal).toBeNull();
  });
});

test("a license key that was entered anew lifts a refusal", async () => {
  const { licenses } = await startRefused("returned");
  server.refusal = null;
  await licenses.activate(PLUGIN, LICENSE_KEY);
  expect(licenses.describe(PLUGIN)).toMatchObject({ state: "active", refusal: null });
});
