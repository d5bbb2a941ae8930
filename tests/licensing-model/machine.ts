import {
  base64url,
  keyThumbprint,
  type LeaseClaims,
  type RefusalClaims,
  RbsmError,
  type ServiceKeys,
  type SigningKey,
} from "@rising-bsm/protocol";
import { createMarketplace } from "../../host-sdk/client/marketplace.ts";
import { type Licenses, openLicenses } from "../../host-sdk/license/licenses.ts";
import { ORIGIN } from "../../workers/testing.ts";
import { createDisk, type Disk } from "./disk.ts";
import { DAY, HOUR, type Ledger, SECOND } from "./ledger.ts";
import { PLUGIN } from "./plans.ts";
import type { Answer } from "./bookkeeper.ts";
import type { Link, Sent, Wire } from "./wire.ts";

/** What every machine is connected to. */
export interface Surroundings {
  readonly ledger: Ledger;
  readonly wire: Wire;
  readonly leaseKeys: ServiceKeys["lease"];
}

/** What a machine's disk holds of its license, as this model expects it. */
interface Holding {
  readonly token: string;
  readonly claims: LeaseClaims;
  /** True time at which it came. */
  readonly since: number;
  /** The marketplace has signed that it renews no more, and that grace is over. */
  readonly refused: boolean;
}

interface Backup {
  readonly disk: Disk;
  readonly holding: Holding | null;
  readonly signedTime: number;
}

const OFFSET_FRESH = 48 * HOUR;
const LONGEST_OUTAGE = 26 * DAY;

/** A computer with a host: its key, its disk, its clocks, and a process while it runs. */
export class Machine {
  readonly key: SigningKey;
  readonly jkt: string;
  readonly link: Link;
  readonly #around: Surroundings;
  #disk: Disk;
  #licenses: Licenses | null = null;
  /** How far the wall clock is off. */
  skew = 0;
  #startedAt = 0;
  #holding: Holding | null = null;
  /** True time at which this process was told the time. */
  #toldAt: number | null = null;
  /** The latest signed time that came while the wall clock was about right. */
  #signedTime = 0;
  #backup: Backup | null = null;
  #hasStolen = false;
  /** The license key that somebody entered here and that has not come to anything yet. */
  #entered: string | null = null;

  private constructor(
    around: Surroundings,
    identity: { key: SigningKey; jkt: string },
    disk: Disk,
  ) {
    this.#around = around;
    this.#disk = disk;
    this.key = identity.key;
    this.jkt = identity.jkt;
    this.link = {
      cut: false,
      fault: null,
      onSent: (sent) => this.#noteSent(sent),
      onAnswer: (sent, answer) => this.#noteAnswer(sent, answer),
    };
  }

  static async create(around: Surroundings, key: SigningKey): Promise<Machine> {
    const jkt = await keyThumbprint(key.publicKey);
    const machine = new Machine(around, { key, jkt }, createDisk());
    await machine.start();
    return machine;
  }

  /** A second machine with a copy of everything that this one has on its disk. */
  async clone(): Promise<Machine> {
    const copy = new Machine(this.#around, this, await this.#disk.copy());
    copy.#holding = this.#holding;
    copy.#signedTime = this.#signedTime;
    await copy.start();
    return copy;
  }

  get isRunning(): boolean {
    return this.#licenses !== null;
  }

  get hasBackup(): boolean {
    return this.#backup !== null;
  }

  get holding(): Holding | null {
    return this.#holding;
  }

  async start(): Promise<void> {
    const { ledger, wire, leaseKeys } = this.#around;
    this.#startedAt = ledger.now;
    this.#toldAt = null;
    const { licenses, problems } = await openLicenses({
      store: this.#disk.store,
      server: createMarketplace({ url: ORIGIN, fetch: wire.fetchOf(this.link) }),
      key: this.key,
      leaseKeys: async () => leaseKeys,
      readClock: () => ({
        system: ledger.now + this.skew,
        monotonic: ledger.now - this.#startedAt,
      }),
      jitter: () => 0.5,
    });
    if (problems[0] !== undefined && !this.#hasStolen) throw problems[0].error;
    this.#licenses = licenses;
  }

  stop(): void {
    this.#licenses = null;
  }

  async backUp(): Promise<void> {
    const disk = await this.#disk.copy();
    this.#backup = { disk, holding: this.#holding, signedTime: this.#signedTime };
  }

  /** The disk becomes what it was; the process on it is another one. */
  async restore(): Promise<void> {
    if (this.#backup === null) throw new Error("There is no backup");
    this.#disk = await this.#backup.disk.copy();
    this.#holding = this.#backup.holding;
    this.#signedTime = this.#backup.signedTime;
    await this.start();
  }

  /** What an administrator or the host's own timer does; whatever fails, fails as an RbsmError. */
  async attempt(work: (licenses: Licenses) => Promise<unknown>): Promise<void> {
    if (this.#licenses === null) throw new Error("The machine is off");
    try {
      await work(this.#licenses);
    } catch (error) {
      if (!(error instanceof RbsmError)) throw error;
    }
  }

  async activate(licenseKey: string): Promise<void> {
    this.#entered = licenseKey;
    await this.attempt((licenses) => licenses.activate(PLUGIN, licenseKey));
  }

  get entered(): string | null {
    return this.#entered;
  }

  renew(): Promise<void> {
    return this.attempt((licenses) => licenses.renewLease(PLUGIN));
  }

  giveBack(): Promise<void> {
    return this.attempt((licenses) => licenses.returnLease(PLUGIN));
  }

  /** The seat is returned by a host that nobody hears. */
  async giveBackUnheard(): Promise<void> {
    this.link.cut = true;
    await this.giveBack();
  }

  /** The other machine's rows become this one's, as somebody would write them into its store. */
  async stealDisk(other: Machine): Promise<void> {
    for (const { key, value } of await other.#disk.store.list("license")) {
      const mine = key.replace(other.key.keyId, this.key.keyId);
      await this.#disk.store.commit([{ kind: "license", key: mine, value }]);
    }
    this.#hasStolen = true;
    await this.start();
  }

  state(): string {
    return this.#licenses?.info(PLUGIN).state ?? "off";
  }

  tick(): Promise<void> {
    return this.attempt((licenses) => licenses.renewDue());
  }

  #noteSent({ asked }: Sent): void {
    // The receipt leaves a host that has destroyed its lease, and no other.
    if (asked.kind === "return") this.#holding = null;
  }

  #noteAnswer({ asked, asker }: Sent, { lease, refusal, status }: Answer): void {
    if (asked.kind === "activate" && [200, 403].includes(status)) this.#entered = null;
    if (refusal !== null) this.#noteRefusal(refusal, asker.nonce);
    if (lease !== null && this.#isNews(lease.claims)) this.#take(lease, asker.nonce);
  }

  /** Only a word about the lease that is held, newer than that, ends anything. */
  #noteRefusal({ sub, seq, iat, reason, nonce }: RefusalClaims, asked: string | undefined): void {
    const held = this.#holding;
    if (held === null || reason === "ended" || sub !== held.claims.sub) return;
    const isNews = iat > held.claims.iat || (iat === held.claims.iat && nonce === asked);
    if (isNews && seq >= held.claims.seq) this.#holding = { ...held, refused: true };
  }

  #take({ token, claims }: NonNullable<Answer["lease"]>, nonce: string | undefined): void {
    const { now } = this.#around.ledger;
    this.#holding = { token, claims, since: now, refused: false };
    if (claims.nonce === nonce) this.#toldAt = now;
    if (Math.abs(this.skew) <= DAY) {
      this.#signedTime = Math.max(this.#signedTime, claims.iat * SECOND);
    }
  }

  #isNews({ sub, seq }: LeaseClaims): boolean {
    const held = this.#holding?.claims;
    return held?.sub !== sub || seq > held.seq;
  }

  /** Whether this process knows the true time, one way or the other. */
  get knowsTime(): boolean {
    const { now } = this.#around.ledger;
    return this.skew === 0 || (this.#toldAt !== null && now - this.#toldAt < OFFSET_FRESH);
  }

  /** Whether everything that was paid for is on. */
  isUnlocked(): boolean {
    const paid = Object.keys(this.#holding?.claims.ent ?? {}).sort();
    return paid.length > 0 && sameList(this.#entitlements(), paid);
  }

  #entitlements(): string[] {
    return this.#licenses?.entitlements(PLUGIN).toSorted() ?? [];
  }

  /** Holds what the host says against what came to it over the wire. */
  check(): void {
    if (this.#licenses === null) return;
    const said = this.#licenses.info(PLUGIN);
    const unlocked = this.#entitlements();
    const paid = Object.keys(this.#holding?.claims.ent ?? {});
    const extra = unlocked.filter((name) => !paid.includes(name));
    if (extra.length > 0) throw new Error(`Nobody paid for ${extra.join(", ")}`);
    if (this.#licenses.now() < this.#signedTime) throw new Error("A clock set back was believed");
    if (this.knowsTime) this.#expectState(said.state, this.#stateByTheBook());
    if (this.#holding?.claims.lic.kind !== "perpetual") this.#expectLease(said);
    this.#assertKept(said.state);
  }

  #expectState(actual: string, expected: string): void {
    if (actual !== expected) throw new Error(`The state is ${actual}, by the book ${expected}`);
    const isOn = expected === "active" || expected === "grace";
    if (isOn !== this.isUnlocked())
      throw new Error(`In state ${expected} it is ${this.#entitlements().join()}`);
  }

  /** It goes by the newest lease that it was given, not by an older one. */
  #expectLease({ state, stateUntil }: ReturnType<Licenses["info"]>): void {
    if (this.#holding === null || state !== "active" || stateUntil === null) return;
    const { exp } = this.#holding.claims;
    if (Date.parse(stateUntil) !== exp * SECOND)
      throw new Error(`It is active until ${stateUntil}`);
  }

  #stateByTheBook(): string {
    if (this.#holding === null) return "none";
    const { claims, refused } = this.#holding;
    const { now } = this.#around.ledger;
    const isRunning = now < claims.exp * SECOND;
    if (refused && !isRunning) return "restricted";
    if (isRunning || claims.lic.kind === "perpetual") return "active";
    return now < (claims.exp + claims.lic.grace) * SECOND ? "grace" : "restricted";
  }

  /** What was promised to whoever paid, in its own words. */
  #assertKept(state: string): void {
    if (this.#holding === null || this.#holding.refused) return;
    const { claims, since } = this.#holding;
    const { now } = this.#around.ledger;
    const { kind, until } = claims.lic;
    const isPaid = until === null || until * SECOND > now;
    const isShort = this.knowsTime && kind !== "floating" && now - since <= LONGEST_OUTAGE;
    if ((kind === "perpetual" || (isPaid && isShort)) && !this.isUnlocked()) {
      throw new Error(`Whoever paid is locked out: ${state} after ${(now - since) / DAY} days`);
    }
  }
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

/** A lease key as trust metadata lists it. */
export function listedKey({ keyId, publicKey }: SigningKey): ServiceKeys["lease"][number] {
  return { kid: keyId, publicKey: base64url(publicKey), from: "2020-01-01T00:00:00Z" };
}
