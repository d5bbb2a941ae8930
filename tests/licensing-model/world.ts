import { env } from "cloudflare:workers";
import { LICENSE_LIMITS, signingKeyFromSeed } from "@rising-bsm/protocol";
import { vi } from "vitest";
import { signingKey } from "../../workers/env.ts";
import { countRows, type DatabaseCopy, setBack } from "./database.ts";
import { HOUR, Ledger, type Line, type Sold } from "./ledger.ts";
import { listedKey, Machine, type Surroundings } from "./machine.ts";
import { Seller } from "./seller.ts";
import { Wire } from "./wire.ts";

const TICK = 6 * HOUR;

/** One marketplace, whoever sells on it, and machines that use what was sold. */
export class World {
  readonly ledger: Ledger;
  readonly wire: Wire;
  readonly seller: Seller;
  readonly machines: Machine[] = [];
  databaseCopy: DatabaseCopy | null = null;
  #around: Surroundings | null = null;
  #rows = 0;

  private constructor(now: number) {
    this.ledger = new Ledger(now);
    this.wire = new Wire(this.ledger);
    this.seller = new Seller(this.ledger);
  }

  /** A world at this time, with nothing sold yet and as many new machines. */
  static async create(now: number, { machines, empty }: { machines: number; empty: DatabaseCopy }) {
    const world = new World(now);
    vi.setSystemTime(now);
    await setBack(world.ledger, empty);
    world.ledger.wasSetBack = false;
    const { ledger, wire } = world;
    world.#around = { ledger, wire, leaseKeys: [listedKey(await signingKey(env, "LEASE_KEY"))] };
    for (let n = 0; n < machines; n++) await world.addMachine();
    return world;
  }

  async addMachine(): Promise<void> {
    if (this.#around === null) throw new Error("The world is not ready");
    const key = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
    this.machines.push(await Machine.create(this.#around, key));
  }

  machine(index: number): Machine {
    return pick(this.machines, index);
  }

  license(index: number): Sold {
    return pick([...this.ledger.sold.values()], index);
  }

  get isSelling(): boolean {
    return this.ledger.sold.size > 0;
  }

  /** Time passes everywhere; every host that runs looks four times a day whether something is due. */
  async pass(duration: number): Promise<void> {
    const end = this.ledger.now + duration;
    while (this.ledger.now < end) {
      this.jump(Math.min(TICK, end - this.ledger.now));
      for (const machine of this.machines) if (machine.isRunning) await machine.tick();
    }
  }

  /** Time passes, and nobody does anything. */
  jump(duration: number): void {
    this.ledger.now += duration;
    vi.setSystemTime(this.ledger.now);
  }

  /** What has to be true after everything that happens. */
  async check(): Promise<void> {
    if (this.wire.violation !== null) throw this.wire.violation;
    for (const sold of this.ledger.sold.values()) this.ledger.assertSeats(sold);
    for (const machine of this.machines) machine.check();
    const rows = await countRows();
    if (rows < this.#rows) throw new Error(`${this.#rows - rows} rows are gone`);
    this.#rows = rows;
  }

  forgetRows(): void {
    this.#rows = 0;
  }

  /**
   * Networks, clocks and processes are put right and every host asks once. Then nothing of what
   * went wrong before may be seen any more: whoever has a good license and an activation has what a
   * host has that nothing ever happened to.
   */
  async putRight(): Promise<void> {
    for (const machine of this.machines) {
      machine.link.cut = false;
      machine.link.fault = null;
      machine.skew = 0;
      if (!machine.isRunning) await machine.start();
    }
    for (const machine of this.machines) await this.#askOnce(machine);
    await this.check();
    for (const machine of this.machines) this.#assertUndisturbed(machine);
  }

  /** Enters the license key again where that was in vain, and renews what is held. */
  async #askOnce(machine: Machine): Promise<void> {
    const { entered } = machine;
    if (entered !== null) await machine.activate(entered);
    if (machine.entered !== null)
      throw new Error("A license key was entered, and nothing came of it");
    if (machine.holding !== null) await machine.renew();
  }

  #assertUndisturbed(machine: Machine): void {
    const { holding } = machine;
    if (holding === null || !this.#isEntitled(machine)) return;
    const line = this.ledger.lineOf(holding.claims.sub, machine.jkt);
    if (line?.claims.iat !== holding.claims.iat || !machine.isUnlocked()) {
      throw new Error("A host with a good license is worse off than one that nothing happened to");
    }
  }

  #isEntitled({ holding, jkt }: Machine): boolean {
    const sold = this.ledger.sold.get(holding?.claims.sub ?? "");
    if (sold === undefined || !this.ledger.isGood(sold)) return false;
    const line = this.ledger.lineOf(sold.id, jkt);
    if (line === undefined || line.ended !== null || isSpent(line)) return false;
    return this.ledger.hasSeat(sold, jkt) || this.ledger.live(sold.id).includes(line);
  }
}

/** The newest lease was asked for again so often that two machines may share it. */
function isSpent({ resumes, isWornOut }: Line): boolean {
  return isWornOut || resumes.length >= LICENSE_LIMITS.resumes;
}

function pick<T>(list: readonly T[], index: number): T {
  const one = list[index % list.length];
  if (one === undefined) throw new Error("There is none");
  return one;
}
