import {
  fromBase64url,
  type KeyLookup,
  keyThumbprint,
  type LeaseClaims,
  RbsmError,
  type RefusalClaims,
  type ServiceKeys,
  type SigningKey,
  verifyLease,
  verifyRefusal,
} from "@rising-bsm/protocol";
import { checkLease, type LeaseCheck } from "./check-lease.ts";
import {
  type ClockReading,
  effectiveNow,
  keepFloor,
  type LicenseClock,
  type NonceSent,
  raiseFloor,
  restoreClock,
  takeOffset,
} from "./license-clock.ts";
import {
  type ClockRow,
  clockRow,
  type LicenseRows,
  NO_SEAT,
  type SeatRow,
  type StoredSeat,
} from "./license-rows.ts";
import { concernsLease, endsGrace, refusesLease } from "./refusal.ts";

/** What the held leases are verified and stored with. */
export interface HeldLeasesOptions {
  readonly rows: LicenseRows;
  readonly key: SigningKey;
  /** The marketplace's lease keys as last verified; no request is made for them here. */
  readonly leaseKeys: () => Promise<ServiceKeys["lease"]>;
  readonly readClock: () => ClockReading;
}

/** What went wrong with one plugin's license; the others are not touched by it. */
export interface LicenseProblem {
  readonly plugin: string;
  readonly error: unknown;
}

/** A lease that verified, and what the marketplace has said about it since. */
export interface HeldLease {
  readonly token: string;
  readonly activationId: string;
  readonly claims: LeaseClaims;
  readonly refusal: RefusalClaims | null;
  readonly clone: boolean;
}

/** An answer of the marketplace that may take the place of what is held. */
export interface LeaseAnswer {
  readonly activationId: string;
  readonly lease: string;
  /** Given where the marketplace has just said which instance this is. */
  readonly instanceId?: string;
}

/** What an answer is held against. */
export interface LeaseOrder {
  /** The seat as it was stored when the answer was asked for. */
  readonly before: StoredSeat;
  /** What this process has sent; null when the answer came another way. */
  readonly sent: NonceSent | null;
  /**
   * `next`: the number has to be higher. `newest`: the lease that is held is an answer too.
   * `first`: whoever answers the nonce has just signed, so the number may begin anew. `carried`: it
   * came as a file, which may be an old one; of another license than is held it has to be the answer
   * to what was asked for last.
   */
  readonly expects: "next" | "newest" | "first" | "carried";
}

/**
 * The leases of this instance: each verified once, when it comes in or is read from the store. What
 * is synchronous answers from memory. The network is other modules' business.
 */
export class HeldLeases {
  readonly #options: HeldLeasesOptions;
  readonly #held = new Map<string, HeldLease>();
  #clock: LicenseClock;
  #kids: readonly string[] | null;
  /** The keys that the stored leases were last read with. */
  #readWith: readonly string[] = [];

  /** For {@link openHeldLeases}. */
  constructor(options: HeldLeasesOptions, stored: ClockRow) {
    this.#options = options;
    this.#clock = restoreClock(stored, options.readClock());
    this.#kids = stored.kids;
  }

  /** The time licenses are judged by. */
  now(): number {
    return effectiveNow(this.#clock, this.#options.readClock());
  }

  /** The plugin's lease when it has one that verifies. */
  get(plugin: string): HeldLease | undefined {
    return this.#held.get(plugin);
  }

  /** Plugins that have a lease which verifies. */
  plugins(): string[] {
    return [...this.#held.keys()];
  }

  /** What the held lease allows, now or at another time; null when there is none that verifies. */
  check(plugin: string, publishedAt?: number, now = this.now()): LeaseCheck | null {
    const held = this.#held.get(plugin);
    if (held === undefined) return null;
    const refused = endsGrace(held.refusal);
    return checkLease(held.claims, { now, publishedAt, refused });
  }

  /**
   * Reads and verifies the stored leases again: after a restart, or when the keys have changed.
   * Answers what does not verify; those plugins have no license until the next lease.
   */
  async load(): Promise<LicenseProblem[]> {
    const problems: LicenseProblem[] = [];
    this.#readWith = kidsOf(await this.#options.leaseKeys());
    for (const { plugin, seat } of await this.#options.rows.seats()) {
      if (seat === null) problems.push({ plugin, error: damaged(plugin) });
      else
        await this.#take(plugin, seat).catch((error: unknown) => problems.push({ plugin, error }));
    }
    await this.#followKeys();
    return problems;
  }

  /** True when other lease keys are listed than the leases were last read with; they are then read again. */
  async reloadWithNewKeys(): Promise<boolean> {
    const kids = kidsOf(await this.#options.leaseKeys());
    if (kids.length === 0 || sameKids(kids, this.#readWith)) return false;
    await this.load();
    return true;
  }

  /** The plugin's seat as it is stored now, and the lease in it when it verifies. */
  async current(plugin: string): Promise<StoredSeat & { readonly held: HeldLease | undefined }> {
    const stored = await this.#options.rows.seat(plugin);
    const known = this.#held.get(plugin);
    // A commit may have failed after it had stored.
    if (stored.seat.lease !== (known?.token ?? null)) {
      await this.#take(plugin, stored.seat).catch(() => undefined);
    }
    return { ...stored, held: this.#held.get(plugin) };
  }

  /** Verifies, stores, and only then lets the lease count. Throws `license_invalid`. */
  async adopt(plugin: string, answer: LeaseAnswer, order: LeaseOrder): Promise<HeldLease> {
    const { rows, readClock } = this.#options;
    const { activationId, lease, instanceId } = answer;
    const reading = readClock();
    const audience = instanceId ?? (await rows.instanceId()) ?? "";
    const claims = await this.#verify(plugin, lease, audience);
    const { before, sent } = order;
    const known = this.#held.get(plugin);
    if (KEEPS_SAME.includes(order.expects) && known?.token === lease) return known;
    if (!isAcceptable(order, answer, claims)) throw notNewer(plugin);
    const issuedAt = claims.iat * 1000;
    const learn = (clock: LicenseClock) =>
      takeOffset(
        raiseFloor(clock, issuedAt, reading),
        { issuedAt, nonce: claims.nonce },
        { sent, reading },
      );
    const activation = answers(order, claims) ? null : before.seat.activation;
    const seat = { ...NO_SEAT, activationId, lease, seq: claims.seq, activation };
    await rows.writeSeat(plugin, {
      seat,
      version: before.version,
      clock: this.#row(learn(this.#clock), reading),
      ...(instanceId === undefined ? {} : { instanceId }),
    });
    // Another plugin's lease may have moved the clock while this one was being stored.
    this.#clock = learn(this.#clock);
    const held = { token: lease, activationId, claims, refusal: null, clone: false };
    this.#held.set(plugin, held);
    return held;
  }

  /**
   * Stores a signed refusal of the held lease and lets it count. Answers its claims, null when it
   * does not verify or speaks about another lease.
   */
  async refuse(
    plugin: string,
    token: string,
    { seat, version, nonce }: StoredSeat & { readonly nonce: string },
  ): Promise<RefusalClaims | null> {
    const held = this.#held.get(plugin);
    const refusal = await this.#verifyRefusal(token).catch(() => null);
    if (held === undefined || refusal === null || !refusesLease(refusal, held, nonce)) return null;
    const reading = this.#options.readClock();
    const learn = (clock: LicenseClock) => raiseFloor(clock, refusal.iat * 1000, reading);
    const refused = { ...seat, refusal: token };
    const clock = this.#row(learn(this.#clock), reading);
    await this.#options.rows.writeSeat(plugin, { seat: refused, version, clock });
    this.#clock = learn(this.#clock);
    this.#held.set(plugin, { ...held, refusal });
    return refusal;
  }

  /** Stores how far the time has come, now and then, so that a restart does not take it back. */
  async keepTime(): Promise<void> {
    const reading = this.#options.readClock();
    const kept = keepFloor(this.#clock, reading);
    if (kept === null) return;
    await this.#options.rows.writeClock(this.#row(kept, reading));
    // A lease may have moved the clock while this was being stored.
    this.#clock = keepFloor(this.#clock, reading) ?? this.#clock;
  }

  /** Stores that the marketplace takes this installation for a copy, until the next lease. */
  async markClone(plugin: string, { seat, version }: StoredSeat): Promise<void> {
    if (!seat.clone) {
      await this.#options.rows.writeSeat(plugin, { seat: { ...seat, clone: true }, version });
    }
    const held = this.#held.get(plugin);
    if (held !== undefined) this.#held.set(plugin, { ...held, clone: true });
  }

  /** The lease counts no more; that it is gone from the store is the caller's business. */
  drop(plugin: string): void {
    this.#held.delete(plugin);
  }

  /** Holds the lease of a stored seat, or drops what is held when there is none or it does not verify. */
  async #take(plugin: string, seat: SeatRow): Promise<void> {
    const before = this.#held.get(plugin);
    const replace = (lease: HeldLease | null) => {
      // An answer that came meanwhile is newer than the row.
      if (this.#held.get(plugin) !== before) return;
      if (lease === null) this.#held.delete(plugin);
      else this.#held.set(plugin, lease);
    };
    await this.#open(plugin, seat).then(replace, (error: unknown) => {
      replace(null);
      throw error;
    });
  }

  async #open(plugin: string, seat: SeatRow): Promise<HeldLease | null> {
    const { lease, activationId, clone } = seat;
    if (lease === null || activationId === null) return null;
    const audience = (await this.#options.rows.instanceId()) ?? "";
    const claims = await this.#verify(plugin, lease, audience);
    const refusal = await this.#storedRefusal(seat.refusal, { activationId, claims });
    return { token: lease, activationId, claims, refusal, clone };
  }

  async #storedRefusal(
    token: string | null,
    lease: Pick<HeldLease, "activationId" | "claims">,
  ): Promise<RefusalClaims | null> {
    if (token === null) return null;
    const refusal = await this.#verifyRefusal(token).catch(() => null);
    return refusal !== null && concernsLease(refusal, lease) ? refusal : null;
  }

  /**
   * A stolen lease key may have driven the floor up. Lease keys are listed under the offline keys, so
   * where a new one appears only times count that a key still listed has signed.
   */
  async #followKeys(): Promise<void> {
    const kids = kidsOf(await this.#options.leaseKeys());
    const before = this.#kids;
    if (kids.length === 0 || sameKids(kids, before)) return;
    const reading = this.#options.readClock();
    const isNew = before !== null && kids.some((kid) => !before.includes(kid));
    if (isNew) this.#clock = this.#clockOfHeld(reading);
    this.#kids = kids;
    await this.#options.rows.writeClock(this.#row(this.#clock, reading));
  }

  #clockOfHeld(reading: ClockReading): LicenseClock {
    const times = [...this.#held.values()].map(({ claims }) => claims.iat * 1000);
    const floor = Math.min(this.#clock.floor, Math.max(0, ...times));
    return { floor, floorAt: reading.monotonic, offset: null };
  }

  #row(clock: LicenseClock, { boot }: ClockReading): ClockRow {
    return clockRow(clock, { kids: this.#kids, boot });
  }

  async #verify(plugin: string, lease: string, audience: string): Promise<LeaseClaims> {
    const { key, leaseKeys } = this.#options;
    const claims = await verifyLease(lease, { keys: keyLookup(await leaseKeys()), audience });
    const jkt = await keyThumbprint(key.publicKey);
    if (claims.plugin === plugin && claims.cnf.jkt === jkt) return claims;
    throw new RbsmError("license_invalid", `The lease is not for ${plugin} on this instance`);
  }

  async #verifyRefusal(token: string): Promise<RefusalClaims> {
    const { rows, leaseKeys } = this.#options;
    const audience = (await rows.instanceId()) ?? "";
    return verifyRefusal(token, { keys: keyLookup(await leaseKeys()), audience });
  }
}

/** Opens the leases stored for this instance; asks nobody. */
export async function openHeldLeases(
  options: HeldLeasesOptions,
): Promise<{ leases: HeldLeases; problems: LicenseProblem[] }> {
  const leases = new HeldLeases(options, await options.rows.clock());
  return { leases, problems: await leases.load() };
}

/** Where the lease that is held already is an answer too. */
const KEEPS_SAME: readonly LeaseOrder["expects"][] = ["newest", "carried"];

function isAcceptable(
  { before: { seat }, sent, expects }: LeaseOrder,
  { activationId }: LeaseAnswer,
  claims: LeaseClaims,
): boolean {
  // The id beside a lease is not signed, the one inside is.
  if (claims.jti !== `${activationId}.${claims.seq}`) return false;
  const isOther = seat.lease === null || seat.activationId !== activationId;
  if (!isOther && claims.seq > seat.seq) return true;
  if (expects === "carried") return answersRequest(seat, claims);
  return isOther || (expects === "first" && sent !== null && claims.nonce === sent.nonce);
}

/** Whether it ends what was asked with a license key; a renewal in between leaves that as it is. */
function answers({ before, expects }: LeaseOrder, claims: LeaseClaims): boolean {
  return expects === "first" || answersRequest(before.seat, claims);
}

/** Only an activation is bound to its file: a renewal is held against the number of the lease before. */
function answersRequest({ activation }: SeatRow, { nonce }: LeaseClaims): boolean {
  return activation !== null && activation.nonce !== null && activation.nonce === nonce;
}

function notNewer(plugin: string): RbsmError {
  return new RbsmError("license_invalid", `The lease of ${plugin} is not newer than the one held`);
}

function damaged(plugin: string): RbsmError {
  return new RbsmError("license_invalid", `What is stored of the license of ${plugin} is damaged`, {
    fix: "Enter the license key again, or restore the host's database from a backup.",
  });
}

function kidsOf(keys: ServiceKeys["lease"]): string[] {
  return keys.map(({ kid }) => kid).toSorted();
}

function sameKids(kids: readonly string[], before: readonly string[] | null): boolean {
  return before !== null && kids.join(" ") === before.join(" ");
}

/** Keys that are out of use for new leases still verify the ones they signed. */
function keyLookup(keys: ServiceKeys["lease"]): KeyLookup {
  return (kid) => {
    const found = keys.find((key) => key.kid === kid);
    return found === undefined ? undefined : fromBase64url(found.publicKey);
  };
}
