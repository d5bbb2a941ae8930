import { env } from "cloudflare:workers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sendSigned } from "../../workers/licenses/sample-instance.ts";
import { auditOf } from "../../workers/licenses/sample-plugin.ts";
import { copyDatabase, setBack } from "./database.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";
import { DAY, HOUR } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { PLUGIN } from "./plans.ts";
import type { World } from "./world.ts";

let fixture: Fixture;
let world: World;

beforeAll(async () => {
  fixture = await openFixture();
}, 120_000);
afterAll(() => fixture.close());
beforeEach(async () => {
  world = await fixture.world({ machines: 2 });
});

/** A license of this plan, in use on the first machine. */
async function sellAndUse(plan: string): Promise<Machine> {
  await world.seller.issue(plan);
  const machine = world.machine(0);
  await machine.activate(world.license(0).key);
  expect(machine.state()).toBe("active");
  return machine;
}

function leaseOf({ holding }: Machine) {
  if (holding === null) throw new Error("No lease is held");
  const { token, claims } = holding;
  return { lease: token, seq: claims.seq, activationId: claims.jti.replace(/\.\d+$/, "") };
}

describe("a license that is copied to another machine", () => {
  test("unlocks nothing there: the lease names the key of the first", async () => {
    const owner = await sellAndUse("single");
    const thief = world.machine(1);
    await thief.stealDisk(owner);
    expect(thief.state()).toBe("none");
  });

  test("is not renewed, resumed or downloaded with by another key", async () => {
    const { lease, seq, activationId } = leaseOf(await sellAndUse("single"));
    const { key } = world.machine(1);
    const rid = "theirs";
    const renewal = await sendSigned(key, "/v1/leases", { body: { activationId, seq, rid }, rid });
    const path = `/v1/activations/${activationId}/resume`;
    const resumption = await sendSigned(key, path, { body: { lease } });
    const wanted = { plugin: PLUGIN, version: "1.0.0", lease };
    const download = await sendSigned(key, "/v1/downloads", { body: wanted });
    expect([renewal.status, resumption.status, download.status]).toEqual([403, 403, 403]);
  });
});

describe("a machine that is cloned with its key", () => {
  test("is found out within days, works no longer than its lease and grace, and costs the other nothing", async () => {
    const original = await sellAndUse("single");
    const copy = await original.clone();
    world.machines.push(copy);
    await world.pass(14 * DAY);
    const audit = await auditOf(world.license(0).id);
    expect(audit).toContain("license.conflict");
    world.jump(30 * DAY);
    await world.pass(6 * HOUR);
    await world.check();
    expect([original.state(), copy.state()].sort()).toEqual(["active", "restricted"]);
  });

  test("shares one lease: the seats never count more than one", async () => {
    const original = await sellAndUse("single");
    world.machines.push(await original.clone());
    await world.pass(3 * DAY);
    expect(world.ledger.live(world.license(0).id)).toHaveLength(1);
  });
});

describe("a seat", () => {
  test("is not laundered by machines that are taken off the network one after the other", async () => {
    const first = await sellAndUse("single");
    const { key, id } = world.license(0);
    for (let n = 0; n < 4; n++) {
      await first.giveBackUnheard();
      const next = world.machine(1);
      await next.activate(key);
      expect(next.state()).toBe("none");
      world.jump(3 * DAY);
    }
    expect(world.ledger.live(id)).toHaveLength(1);
    world.jump(2 * DAY);
    await world.machine(1).activate(key);
    expect(world.machine(1).state()).toBe("active");
  });

  test("is free at once when the marketplace has the receipt, and the lease is gone from the disk", async () => {
    const first = await sellAndUse("forever");
    await first.giveBack();
    await first.start();
    expect(first.state()).toBe("none");
    await world.machine(1).activate(world.license(0).key);
    expect(world.machine(1).state()).toBe("active");
    await world.check();
  });
});

describe("a clock that is set back", () => {
  test("does not revive what the marketplace has said is over", async () => {
    const machine = await sellAndUse("trial");
    await world.pass(40 * DAY);
    expect(machine.state()).toBe("restricted");
    machine.link.cut = true;
    machine.skew = -5 * 365 * DAY;
    for (const wait of [0, 3 * DAY, 30 * DAY]) {
      world.jump(wait);
      expect(machine.state()).toBe("restricted");
      await machine.start();
      expect(machine.state()).toBe("restricted");
    }
  });

  test("does not stop: the lease runs out in a process that goes on", async () => {
    const machine = await sellAndUse("single");
    machine.link.cut = true;
    for (let day = 0; day < 30; day++) {
      machine.skew -= DAY;
      world.jump(DAY);
    }
    expect(machine.state()).toBe("restricted");
  });

  test("or forward costs nobody anything once the marketplace answers", async () => {
    const machine = await sellAndUse("single");
    for (const skew of [5 * 365 * DAY, -5 * 365 * DAY]) {
      machine.skew = skew;
      await machine.start();
      await world.pass(2 * DAY);
      expect(machine.state()).toBe("active");
    }
  });
});

describe("a lease from before", () => {
  test("that is answered to a renewal is not taken", async () => {
    const machine = await sellAndUse("team");
    await world.pass(5 * DAY);
    const { seq } = leaseOf(machine);
    machine.link.fault = "old lease";
    await machine.renew();
    expect(leaseOf(machine).seq).toBe(seq);
    await world.check();
    machine.link.cut = true;
    world.jump(9 * DAY + HOUR);
    expect(machine.state()).toBe("active");
  });

  test("on a disk that was restored is not renewed once the license was taken back", async () => {
    const machine = await sellAndUse("single");
    await machine.backUp();
    await world.seller.change(world.license(0), "revoke");
    await world.pass(15 * DAY);
    expect(machine.state()).toBe("restricted");
    await machine.restore();
    await machine.renew();
    expect(machine.state()).toBe("restricted");
  });

  test("on a disk that was restored is followed by the newest one, and costs nobody anything", async () => {
    const machine = await sellAndUse("single");
    await machine.backUp();
    await world.pass(10 * DAY);
    const { seq } = leaseOf(machine);
    await machine.restore();
    await machine.renew();
    expect(leaseOf(machine).seq).toBeGreaterThanOrEqual(seq);
    await world.putRight();
  });
});

describe("an outage", () => {
  test.each([13, 26])("of %i days restricts nobody who renewed on its first day", async (days) => {
    const machine = await sellAndUse("single");
    machine.link.cut = true;
    for (let hours = 0; hours < days * 24; hours += 6) {
      world.jump(6 * HOUR);
      await machine.tick();
      expect(machine.isUnlocked()).toBe(true);
    }
    expect(machine.state()).toBe(days === 13 ? "active" : "grace");
  });

  test("without end restricts a subscription on the 28th day, and nothing is gone", async () => {
    const machine = await sellAndUse("single");
    machine.link.cut = true;
    world.jump(28 * DAY - HOUR);
    expect(machine.state()).toBe("grace");
    world.jump(HOUR);
    expect(machine.state()).toBe("restricted");
    machine.link.cut = false;
    await machine.renew();
    expect(machine.isUnlocked()).toBe(true);
  });

  test("without end never restricts a perpetual license", async () => {
    const machine = await sellAndUse("forever");
    machine.link.cut = true;
    world.jump(3_650 * DAY);
    await machine.start();
    expect(machine.isUnlocked()).toBe(true);
  });
});

describe("a refusal", () => {
  test("that is answered again does not end a newer lease", async () => {
    const machine = await sellAndUse("single");
    await world.seller.change(world.license(0), "suspend");
    await machine.renew();
    await world.seller.change(world.license(0), "reinstate");
    world.jump(HOUR);
    await machine.renew();
    machine.link.fault = "old refusal";
    await machine.renew();
    machine.link.cut = true;
    world.jump(20 * DAY);
    expect(machine.state()).toBe("grace");
    await world.check();
  });
});

test("the database of the marketplace that is set back costs nobody anything", async () => {
  await world.seller.issue("single");
  const copy = await copyAll();
  const machine = world.machine(0);
  await machine.activate(world.license(0).key);
  await world.pass(3 * DAY);
  await copy.setBack();
  await world.pass(2 * DAY);
  await world.putRight();
  expect(machine.isUnlocked()).toBe(true);
  const rows = await env.DB.prepare("SELECT count(*) AS n FROM activations").first<number>("n");
  expect(rows).toBe(1);
});

test("a marketplace that has forgotten an instance knows it again when that enters a license key", async () => {
  await world.seller.issue("single");
  const copy = await copyAll();
  const machine = world.machine(0);
  await machine.activate(world.license(0).key);
  const { claims } = machine.holding ?? {};
  await machine.giveBack();
  await copy.setBack();
  await machine.activate(world.license(0).key);
  expect(machine.state()).toBe("active");
  expect(machine.holding?.claims.aud).toBe(claims?.aud);
  expect(world.ledger.now).toBe(NOON);
});

async function copyAll() {
  const copy = await copyDatabase(world.ledger);
  return { setBack: () => setBack(world.ledger, copy) };
}
