import {
  fromBase64url,
  hashLicenseKey,
  type KeyLookup,
  keyThumbprint,
  type LeaseClaims,
  RbsmError,
  type ServiceKeys,
  type SigningKey,
  verifyLease,
} from "@rising-bsm/protocol";
import type { HostStore } from "../store/host-store.ts";
import { checkLease, type LeaseCheck } from "./check-lease.ts";
import {
  type ClockReading,
  effectiveNow,
  type LicenseClock,
  raiseFloor,
  takeOffset,
} from "./license-clock.ts";
import { describeLicense, type LicenseInfo, NO_LICENSE, paidEntitlements } from "./license-info.ts";
import {
  type DownloadLink,
  type LicenseServer,
  newRequestId,
  requestActivation,
  requestDownload,
  type Requester,
  requestInstanceId,
  requestRenewal,
  requestReturn,
  signReceipt,
} from "./license-requests.ts";
import {
  listSeats,
  NO_SEAT,
  readFloor,
  readInstance,
  readSeat,
  seatChanges,
  type SeatRow,
  writeInstance,
} from "./license-rows.ts";
import { type Jitter, renewalDueAt, retryDueAt } from "./renewal-due.ts";

/** What licensing works with. */
export interface LicensesOptions {
  readonly store: HostStore;
  readonly server: LicenseServer;
  readonly key: SigningKey;
  /** The marketplace's lease keys as last verified; no request is made for them here. */
  readonly leaseKeys: () => Promise<ServiceKeys["lease"]>;
  readonly readClock: () => ClockReading;
  readonly jitter?: Jitter;
}

/** What went wrong with one plugin's license; the others are not touched by it. */
export interface LicenseProblem {
  readonly plugin: string;
  readonly error: unknown;
}

interface HeldLease {
  readonly claims: LeaseClaims;
  readonly dueAt: number;
}

/**
 * Opens the licenses stored on this host, each lease verified once; asks nobody. A lease that does
 * not verify is a problem of its plugin, not of the host.
 */
export async function openLicenses(
  options: LicensesOptions,
): Promise<{ licenses: Licenses; problems: LicenseProblem[] }> {
  const licenses = new Licenses(options, { floor: await readFloor(options.store), offset: null });
  return { licenses, problems: await licenses.reload() };
}

/** The licenses of this instance. What is synchronous answers from memory, without the network. */
export class Licenses {
  readonly #options: LicensesOptions;
  readonly #requester: Requester;
  readonly #jitter: Jitter;
  readonly #held = new Map<string, HeldLease>();
  readonly #running = new Map<string, Promise<unknown>>();
  #clock: LicenseClock;

  /** For {@link openLicenses}. */
  constructor(options: LicensesOptions, clock: LicenseClock) {
    this.#options = options;
    this.#clock = clock;
    this.#jitter = options.jitter ?? Math.random;
    this.#requester = { server: options.server, key: options.key, now: () => this.now() };
  }

  /** The time licenses are judged by. */
  now(): number {
    return effectiveNow(this.#clock, this.#options.readClock());
  }

  /**
   * Reads and verifies the stored leases again: after a restart, or when the keys have changed.
   * Answers what does not verify; those plugins have no license until they are activated again.
   */
  async reload(): Promise<LicenseProblem[]> {
    const problems: LicenseProblem[] = [];
    for (const { plugin, seat } of await listSeats(this.#options.store)) {
      if (seat.lease === null) continue;
      try {
        this.#hold(plugin, await this.#verify(plugin, seat.lease));
      } catch (error) {
        this.#held.delete(plugin);
        problems.push({ plugin, error });
      }
    }
    return problems;
  }

  /** What the held lease allows now; null when there is none that verifies. */
  check(plugin: string, publishedAt?: number): LeaseCheck | null {
    const held = this.#held.get(plugin);
    return held === undefined ? null : checkLease(held.claims, { now: this.now(), publishedAt });
  }

  /** Names of what the license allows now, for `api.license.has`. */
  entitlements(plugin: string, publishedAt?: number): string[] {
    const held = this.#held.get(plugin);
    const check = this.check(plugin, publishedAt);
    return held === undefined || check === null ? [] : paidEntitlements(held.claims, check);
  }

  /** For `api.license.info` and for people. */
  info(plugin: string, publishedAt?: number): LicenseInfo {
    const held = this.#held.get(plugin);
    const check = this.check(plugin, publishedAt);
    return held === undefined || check === null ? NO_LICENSE : describeLicense(held.claims, check);
  }

  /** Claims a license for a plugin; a repeated call after a crash finishes the first one. */
  activate(plugin: string, licenseKey: string): Promise<void> {
    return this.#alone(plugin, async () => {
      const instanceId = await this.#register();
      const keyHash = await hashLicenseKey(licenseKey);
      const { seat, version } = await readSeat(this.#options.store, plugin);
      const rid = seat.activation?.keyHash === keyHash ? seat.activation.rid : newRequestId();
      const asked = { ...seat, activation: { rid, keyHash } };
      const next = await this.#write(plugin, { seat: asked, version });
      await this.#adopt(plugin, next, (nonce) =>
        requestActivation(this.#requester, { licenseKey, plugin, instanceId }, { rid, nonce }),
      );
    });
  }

  /** Asks for the next lease of one plugin; `license_required` when it has none. */
  renewLease(plugin: string): Promise<void> {
    return this.#alone(plugin, () => this.#renew(plugin));
  }

  async #renew(plugin: string): Promise<void> {
    const { seat, version } = await readSeat(this.#options.store, plugin);
    const held = this.#held.get(plugin);
    const { activationId } = seat;
    if (held === undefined || activationId === null) throw licenseRequired(plugin);
    const rid = seat.renewalRid ?? newRequestId();
    const next = await this.#write(plugin, { seat: { ...seat, renewalRid: rid }, version });
    const { seq } = held.claims;
    await this.#adopt(plugin, next, async (nonce) => {
      const lease = await requestRenewal(this.#requester, { activationId, seq }, { rid, nonce });
      return { activationId, lease };
    });
  }

  /** Renews the leases of `wanted` plugins whose time has come; what failed is tried again after a while. */
  async renewDue(wanted: (plugin: string) => boolean = () => true): Promise<LicenseProblem[]> {
    const problems: LicenseProblem[] = [];
    for (const [plugin, { claims, dueAt }] of this.#held) {
      if (dueAt > this.now() || !wanted(plugin)) continue;
      await this.renewLease(plugin).catch((error: unknown) => {
        this.#held.set(plugin, { claims, dueAt: retryDueAt(claims, this.now(), this.#jitter) });
        problems.push({ plugin, error });
      });
    }
    return problems;
  }

  /** Destroys the lease here, then frees its seat; may be repeated until the marketplace heard it. */
  returnLease(plugin: string): Promise<void> {
    return this.#alone(plugin, async () => {
      await this.#finishRenewal(plugin);
      const { seat, version } = await readSeat(this.#options.store, plugin);
      const { activationId } = seat;
      if (activationId === null) throw licenseRequired(plugin);
      const receipt = await this.#receiptFor(activationId, seat);
      const destroyed = { ...NO_SEAT, activationId, receipt };
      const next = await this.#write(plugin, { seat: destroyed, version });
      this.#held.delete(plugin);
      await requestReturn(this.#requester, { activationId, receipt });
      await this.#write(plugin, { seat: NO_SEAT, version: next });
    });
  }

  /** A renewal whose answer was lost may have made a newer lease, and only the newest can be returned. */
  async #finishRenewal(plugin: string): Promise<void> {
    const { seat } = await readSeat(this.#options.store, plugin);
    if (seat.renewalRid === null || !this.#held.has(plugin)) return;
    await this.#renew(plugin).catch((error: unknown) => {
      const isRefusal = error instanceof RbsmError && error.code.startsWith("license_");
      if (!isRefusal) throw error;
    });
  }

  async #receiptFor(activationId: string, { lease, receipt }: SeatRow): Promise<string> {
    return receipt ?? signReceipt(this.#requester, { activationId, lease: lease ?? "" });
  }

  /** A link to a paid bundle, good for minutes; `license_required` without a lease. */
  async requestDownload(plugin: string, version: string): Promise<DownloadLink> {
    const claims = this.#held.get(plugin)?.claims;
    if (claims !== undefined && claims.exp * 1000 <= this.now()) await this.renewLease(plugin);
    const { seat } = await readSeat(this.#options.store, plugin);
    if (seat.lease === null) throw licenseRequired(plugin);
    return requestDownload(this.#requester, { plugin, version, lease: seat.lease });
  }

  /** Whoever replaced `instance.key` is another instance, whatever id is stored. */
  async #register(): Promise<string> {
    const { store, key } = this.#options;
    const known = await readInstance(store);
    if (known?.keyId === key.keyId) return known.instanceId;
    const instanceId = await requestInstanceId(this.#requester);
    await writeInstance(store, { instanceId, keyId: key.keyId });
    return instanceId;
  }

  /** Sends, verifies, stores, and only then lets the lease count. */
  async #adopt(plugin: string, version: number, send: Send): Promise<void> {
    const { store, readClock } = this.#options;
    const sent = { nonce: newRequestId(), monotonic: readClock().monotonic };
    const { activationId, lease } = await send(sent.nonce);
    const reading = readClock();
    const claims = await this.#verify(plugin, lease);
    const before = this.#held.get(plugin)?.claims;
    if (before?.sub === claims.sub && claims.seq <= before.seq) {
      throw new RbsmError(
        "license_invalid",
        `The lease of ${plugin} is not newer than the one held`,
      );
    }
    const issuedAt = claims.iat * 1000;
    const { floor } = raiseFloor(this.#clock, issuedAt, reading);
    const seat = { ...NO_SEAT, activationId, lease };
    await store.commit(seatChanges(plugin, { seat, version, floor }));
    // Another plugin's lease may have moved the clock while this one was being stored.
    const moved = raiseFloor(this.#clock, issuedAt, reading);
    this.#clock = takeOffset(moved, { issuedAt, nonce: claims.nonce }, { sent, reading });
    this.#hold(plugin, claims);
  }

  #hold(plugin: string, claims: LeaseClaims): void {
    this.#held.set(plugin, { claims, dueAt: renewalDueAt(claims, this.#jitter) });
  }

  async #verify(plugin: string, lease: string): Promise<LeaseClaims> {
    const { store, key, leaseKeys } = this.#options;
    const audience = (await readInstance(store))?.instanceId ?? "";
    const claims = await verifyLease(lease, { keys: keyLookup(await leaseKeys()), audience });
    const jkt = await keyThumbprint(key.publicKey);
    if (claims.plugin === plugin && claims.cnf.jkt === jkt) return claims;
    throw new RbsmError("license_invalid", `The lease is not for ${plugin} on this instance`);
  }

  #write(plugin: string, stored: { seat: SeatRow; version: number | null }): Promise<number> {
    return this.#options.store.commit(seatChanges(plugin, stored));
  }

  /** One request a plugin at a time: two renewals at once would be a conflict with oneself. */
  async #alone<T>(plugin: string, work: () => Promise<T>): Promise<T> {
    const before = this.#running.get(plugin);
    const mine = (before ?? Promise.resolve()).then(work, work);
    this.#running.set(plugin, mine);
    try {
      return await mine;
    } finally {
      if (this.#running.get(plugin) === mine) this.#running.delete(plugin);
    }
  }
}

type Send = (nonce: string) => Promise<{ activationId: string; lease: string }>;

/** Keys that are out of use for new leases still verify the ones they signed. */
function keyLookup(keys: ServiceKeys["lease"]): KeyLookup {
  return (kid) => {
    const found = keys.find((key) => key.kid === kid);
    return found === undefined ? undefined : fromBase64url(found.publicKey);
  };
}

function licenseRequired(plugin: string): RbsmError {
  return new RbsmError("license_required", `There is no license for ${plugin} on this instance`);
}
