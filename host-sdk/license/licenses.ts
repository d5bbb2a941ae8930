import {
  hashLicenseKey,
  type OfflineRequest,
  type OfflineRequestFile,
  RbsmError,
  type ServiceKeys,
  type SigningKey,
  signOfflineRequest,
} from "@rising-bsm/protocol";
import type { HostStore } from "../store/host-store.ts";
import type { LeaseCheck } from "./check-lease.ts";
import { describeHeld, describeNone, type LicenseDescription } from "./describe-license.ts";
import {
  type HeldLeases,
  type LeaseAnswer,
  type LeaseOrder,
  type LicenseProblem,
  openHeldLeases,
} from "./held-leases.ts";
import type { ClockReading } from "./license-clock.ts";
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
  requestResume,
  requestReturn,
  signReceipt,
} from "./license-requests.ts";
import {
  createLicenseRows,
  type LicenseRows,
  NO_SEAT,
  type SeatRow,
  type StoredSeat,
} from "./license-rows.ts";
import {
  asksForRenewal,
  asksForResume,
  explainRefusal,
  isAway,
  licenseRequired,
} from "./refused-renewal.ts";
import type { Jitter } from "./renewal-due.ts";
import { RenewalPlan } from "./renewal-plan.ts";

export type { LicenseProblem } from "./held-leases.ts";

/** What licensing works with. */
export interface LicensesOptions {
  readonly store: HostStore;
  readonly server: LicenseServer;
  readonly key: SigningKey;
  /** The marketplace's lease keys as last verified; no request is made for them here. */
  readonly leaseKeys: () => Promise<ServiceKeys["lease"]>;
  /** Asks the marketplace whether it has other lease keys: where a lease does not verify. */
  readonly refreshKeys?: () => Promise<unknown>;
  readonly readClock: () => ClockReading;
  readonly jitter?: Jitter;
}

/** How many renewals are under way at a time. */
const RENEWALS_AT_ONCE = 8;

/** What an offline request has to say; the marketplace's answer is for {@link Licenses.adoptOffline}. */
export interface OfflineExchange {
  readonly rid: string;
  readonly nonce: string;
  /** What is held; null where a license key is shown instead. */
  readonly held: {
    readonly activationId: string;
    readonly seq: number;
    readonly lease: string;
  } | null;
}

/**
 * Opens the licenses stored on this host, each lease verified once; asks nobody. A lease that does
 * not verify is a problem of its plugin, not of the host.
 */
export async function openLicenses(
  options: LicensesOptions,
): Promise<{ licenses: Licenses; problems: LicenseProblem[] }> {
  const rows = createLicenseRows(options.store, options.key.keyId);
  const { leases, problems } = await openHeldLeases({ ...options, rows });
  const licenses = new Licenses(options, { rows, leases });
  await licenses.plan();
  return { licenses, problems };
}

interface Stored {
  readonly rows: LicenseRows;
  readonly leases: HeldLeases;
}

/** The licenses of this instance. What is synchronous answers from memory, without the network. */
export class Licenses {
  readonly #options: LicensesOptions;
  readonly #rows: LicenseRows;
  readonly #leases: HeldLeases;
  readonly #requester: Requester;
  readonly #plan: RenewalPlan;
  readonly #running = new Map<string, Promise<unknown>>();
  #changed: () => void = () => undefined;

  /** For {@link openLicenses}. */
  constructor(options: LicensesOptions, { rows, leases }: Stored) {
    this.#options = options;
    this.#rows = rows;
    this.#leases = leases;
    this.#requester = { server: options.server, key: options.key, now: () => this.now() };
    this.#plan = new RenewalPlan({
      now: () => this.now(),
      counter: () => options.readClock().monotonic,
      jitter: options.jitter ?? Math.random,
    });
  }

  /** Calls `listener` whenever a lease came, was refused or went. */
  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  /** The time licenses are judged by. */
  now(): number {
    return this.#leases.now();
  }

  /** To be called now and then: the time that has passed is stored, for the next process. */
  keepTime(): Promise<void> {
    return this.#leases.keepTime();
  }

  /** Plugins that have a lease which verifies. */
  plugins(): string[] {
    return this.#leases.plugins();
  }

  /** What the held lease allows now; null when there is none that verifies. */
  check(plugin: string, publishedAt?: number): LeaseCheck | null {
    return this.#leases.check(plugin, publishedAt);
  }

  /** Names of what the license allows now, for `api.license.has`. */
  entitlements(plugin: string, publishedAt?: number): string[] {
    const held = this.#leases.get(plugin);
    const check = this.check(plugin, publishedAt);
    return held === undefined || check === null ? [] : paidEntitlements(held.claims, check);
  }

  /** For `api.license.info`. */
  info(plugin: string, publishedAt?: number): LicenseInfo {
    const held = this.#leases.get(plugin);
    const check = this.check(plugin, publishedAt);
    return held === undefined || check === null ? NO_LICENSE : describeLicense(held.claims, check);
  }

  /** For people: as it is, or as it will be at another time when no renewal gets through until then. */
  describe(plugin: string, publishedAt?: number, at = this.now()): LicenseDescription {
    const held = this.#leases.get(plugin);
    const check = this.#leases.check(plugin, publishedAt, at);
    const problem = this.#plan.problem(plugin);
    if (held === undefined || check === null) return describeNone(plugin, problem);
    return describeHeld(plugin, held, { check, now: at, problem });
  }

  /** Claims a license for a plugin; a repeated call after a crash finishes the first one. */
  activate(plugin: string, licenseKey: string): Promise<void> {
    return this.#alone(plugin, async () => {
      const instanceId = await this.#register();
      const { rid, before } = await this.#beginActivation(plugin, licenseKey);
      const wanted = { licenseKey, plugin, instanceId };
      await this.#exchange(plugin, { before, expects: "first" }, async (nonce) => {
        const ask = () => requestActivation(this.#requester, wanted, { rid, nonce });
        return ask().catch(async (error: unknown) => {
          if (!(await this.#isKnownAgain(instanceId, error))) throw error;
          return ask();
        });
      });
    });
  }

  /**
   * Asks for the next lease of one plugin; `license_required` when it has none. Where the two sides
   * do not hold the same lease, they first agree on the newest. A refusal that the marketplace has
   * signed is kept, and is `license_refused` with the reason.
   */
  renewLease(plugin: string): Promise<void> {
    return this.#alone(plugin, async () => {
      await this.#renew(plugin).catch((error: unknown) => {
        this.#plan.failed(plugin, this.#leases.get(plugin)?.claims ?? null, error);
        throw error;
      });
    });
  }

  /**
   * Renews the leases of `wanted` plugins whose time has come, and hands in receipts that were not
   * heard; what failed is tried again after a while.
   */
  async renewDue(wanted: (plugin: string) => boolean = () => true): Promise<LicenseProblem[]> {
    const problems: LicenseProblem[] = [];
    const due = this.#plan.due();
    for (let from = 0; from < due.length; from += RENEWALS_AT_ONCE) {
      const some = due.slice(from, from + RENEWALS_AT_ONCE);
      await Promise.all(
        some.map((plugin) =>
          this.#doDue(plugin, wanted).catch((error: unknown) => problems.push({ plugin, error })),
        ),
      );
    }
    return problems;
  }

  /** Makes the renewal of a plugin due now, or of all: its state changes, or the clock has jumped. */
  hurry(plugin?: string): void {
    this.#plan.hurry(plugin);
  }

  /** Destroys the lease here, then frees its seat; may be repeated until the marketplace heard it. */
  returnLease(plugin: string): Promise<void> {
    return this.#alone(plugin, async () => {
      await this.#finishRenewal(plugin);
      const { seat, version } = await this.#rows.seat(plugin);
      const { activationId } = seat;
      if (activationId === null) throw licenseRequired(plugin);
      const receipt = await this.#receiptFor(activationId, seat);
      const destroyed = { ...NO_SEAT, activationId, receipt };
      const next = await this.#rows.writeSeat(plugin, { seat: destroyed, version });
      this.#leases.drop(plugin);
      this.#changed();
      await this.#handIn(plugin, { activationId, receipt, version: next }).catch(
        (error: unknown) => {
          this.#plan.failed(plugin, null, error);
          throw error;
        },
      );
    });
  }

  /**
   * A link to a paid bundle, good for minutes; `license_required` without a lease. After a refusal the
   * lease is renewed first: that says why, or sets the clock that made the request look old.
   */
  async requestDownload(plugin: string, version: string): Promise<DownloadLink> {
    const claims = this.#leases.get(plugin)?.claims;
    if (claims !== undefined && claims.exp * 1000 <= this.now()) await this.renewLease(plugin);
    return this.#askForLink(plugin, version).catch(async (error: unknown) => {
      if (!asksForRenewal(error)) throw error;
      await this.renewLease(plugin);
      return this.#askForLink(plugin, version);
    });
  }

  async #askForLink(plugin: string, version: string): Promise<DownloadLink> {
    const { seat } = await this.#rows.seat(plugin);
    if (seat.lease === null) throw licenseRequired(plugin);
    return requestDownload(this.#requester, { plugin, version, lease: seat.lease });
  }

  /**
   * Begins an exchange by file: an activation with `licenseKey`, else the renewal of what is held
   * (`license_required`). The same request again has the same `rid`, also after a restart.
   */
  beginOffline(plugin: string, licenseKey?: string): Promise<OfflineExchange> {
    const nonce = newRequestId();
    return this.#alone(plugin, async () => {
      if (licenseKey !== undefined) {
        const begun = await this.#beginActivation(plugin, licenseKey, nonce);
        return { rid: begun.rid, nonce: begun.nonce ?? nonce, held: null };
      }
      const { rid, held } = await this.#beginRenewal(plugin);
      return { rid, nonce, held };
    });
  }

  /** Signs what goes out as a file. */
  signOffline(request: OfflineRequest): Promise<OfflineRequestFile> {
    return signOfflineRequest(request, this.#options.key);
  }

  /**
   * Takes a lease that came as a file: for this plugin, key and instance, and newer than what is held,
   * or of a license that was asked for by file, else `license_invalid` and nothing has changed. The
   * same file again changes nothing.
   */
  adoptOffline(
    plugin: string,
    answer: Required<Pick<LeaseAnswer, "activationId" | "lease" | "instanceId">>,
  ): Promise<void> {
    return this.#alone(plugin, async () => {
      const known = await this.#rows.instanceId();
      if (known !== null && known !== answer.instanceId)
        throw new RbsmError("license_invalid", "The lease is for another instance");
      const before = await this.#leases.current(plugin);
      const order: LeaseOrder = { before, sent: null, expects: "carried" };
      const { claims } = await this.#leases.adopt(plugin, answer, order);
      this.#plan.granted(plugin, claims);
      this.#changed();
    });
  }

  /** After the trust metadata was read: verifies everything again when the lease keys are others. */
  async followKeys(): Promise<void> {
    if (!(await this.#leases.reloadWithNewKeys())) return;
    await this.plan();
    this.#changed();
  }

  /** Plans the renewal of everything that is stored, as at the start. */
  async plan(): Promise<void> {
    for (const { plugin, seat } of await this.#rows.seats()) {
      const isHeld = seat !== null && seat.lease !== null;
      if (isHeld) this.#plan.granted(plugin, this.#leases.get(plugin)?.claims ?? null);
      else if (seat !== null && seat.receipt !== null) this.#plan.granted(plugin, null);
    }
  }

  async #doDue(plugin: string, wanted: (plugin: string) => boolean): Promise<void> {
    const { seat } = await this.#rows.seat(plugin);
    if (seat.receipt !== null) await this.returnLease(plugin);
    else if (wanted(plugin)) await this.renewLease(plugin);
  }

  /** With a nonce the activation is asked for by file, and only what was asked so goes on. */
  async #beginActivation(
    plugin: string,
    licenseKey: string,
    nonce: string | null = null,
  ): Promise<{ rid: string; nonce: string | null; before: StoredSeat }> {
    const keyHash = await hashLicenseKey(licenseKey);
    const { seat, version } = await this.#leases.current(plugin);
    const begun = seat.activation;
    if (begun?.keyHash === keyHash && (nonce === null || begun.nonce !== null))
      return { rid: begun.rid, nonce: begun.nonce, before: { seat, version } };
    const activation = { rid: newRequestId(), keyHash, nonce };
    return { ...activation, before: await this.#write(plugin, { ...seat, activation }, version) };
  }

  async #beginRenewal(plugin: string) {
    const { seat, version } = await this.#leases.current(plugin);
    const { activationId, lease, seq, renewalRid } = seat;
    if (activationId === null || lease === null) throw licenseRequired(plugin);
    const held = { activationId, lease, seq };
    if (renewalRid !== null) return { rid: renewalRid, held, before: { seat, version } };
    const rid = newRequestId();
    return { rid, held, before: await this.#write(plugin, { ...seat, renewalRid: rid }, version) };
  }

  async #renew(plugin: string, mayResume = true): Promise<void> {
    const { rid, held, before } = await this.#beginRenewal(plugin);
    const { activationId } = held;
    const renewal = this.#exchange(plugin, { before, expects: "next" }, async (nonce) => ({
      activationId,
      lease: await requestRenewal(this.#requester, held, { rid, nonce }),
    }));
    await renewal.catch(async (error: unknown) => {
      if (!mayResume || !asksForResume(error)) throw error;
      await this.#resume(plugin, error);
      await this.#renew(plugin, false);
    });
  }

  /** The other side holds another lease: one of the two was set back, or this one is a copy. */
  async #resume(plugin: string, cause: unknown): Promise<void> {
    const { held, before } = await this.#beginRenewal(plugin);
    const { activationId } = held;
    const resumption = this.#exchange(plugin, { before, expects: "newest" }, async (nonce) => {
      const ids = { rid: newRequestId(), nonce };
      return { activationId, lease: await requestResume(this.#requester, held, ids) };
    });
    await resumption.catch(async (error: unknown) => {
      if (!(error instanceof RbsmError)) throw error;
      if (error.code === "license_conflict") {
        await this.#leases.markClone(plugin, before);
        this.#changed();
      }
      const says = error.code.startsWith("license_") || isAway(error);
      throw says ? error : cause;
    });
  }

  /** A renewal whose answer was lost may have made a newer lease, and only the newest can be returned. */
  async #finishRenewal(plugin: string): Promise<void> {
    const { seat } = await this.#rows.seat(plugin);
    if (seat.renewalRid === null || seat.lease === null) return;
    await this.#renew(plugin).catch((error: unknown) => {
      const isRefusal = error instanceof RbsmError && error.code.startsWith("license_");
      if (!isRefusal) throw error;
    });
  }

  async #receiptFor(activationId: string, { lease, receipt }: SeatRow): Promise<string> {
    return receipt ?? signReceipt(this.#requester, { activationId, lease: lease ?? "" });
  }

  /** A marketplace that does not know the activation has no seat to free. */
  async #handIn(
    plugin: string,
    { version, ...returned }: { activationId: string; receipt: string; version: number },
  ): Promise<void> {
    await requestReturn(this.#requester, returned).catch((error: unknown) => {
      if (!(error instanceof RbsmError) || error.code !== "license_refused") throw error;
    });
    await this.#rows.writeSeat(plugin, { seat: NO_SEAT, version });
    this.#plan.forget(plugin);
  }

  /** Whoever replaced `instance.key` is another instance, with rows of its own. */
  async #register(): Promise<string> {
    const known = await this.#rows.instanceId();
    if (known !== null) return known;
    const instanceId = await requestInstanceId(this.#requester);
    await this.#rows.writeInstanceId(instanceId);
    return instanceId;
  }

  /** A marketplace that was set back may have forgotten the instance; its key gets the same id again. */
  async #isKnownAgain(instanceId: string, error: unknown): Promise<boolean> {
    if (!(error instanceof RbsmError) || error.code !== "auth_proof_invalid") return false;
    return (await requestInstanceId(this.#requester)) === instanceId;
  }

  async #exchange(
    plugin: string,
    order: Omit<LeaseOrder, "sent">,
    send: (nonce: string) => Promise<LeaseAnswer>,
  ): Promise<void> {
    const { readClock } = this.#options;
    const sent = { nonce: newRequestId(), monotonic: readClock().monotonic };
    const answer = await send(sent.nonce).catch(async (error: unknown) => {
      throw await this.#refused(plugin, error, { ...order.before, nonce: sent.nonce });
    });
    const adopt = () => this.#leases.adopt(plugin, answer, { ...order, sent });
    const { claims } = await adopt().catch(async (error: unknown) => {
      if (!(await this.#hasNewKeys(error))) throw error;
      return adopt();
    });
    this.#plan.granted(plugin, claims);
    this.#changed();
  }

  /** The refusal in an answer counts once it is verified; without one nothing has changed. */
  async #refused(
    plugin: string,
    error: unknown,
    stored: StoredSeat & { readonly nonce: string },
  ): Promise<unknown> {
    const token = error instanceof RbsmError ? error.detail["refusal"] : undefined;
    if (typeof token !== "string") return error;
    const refusal = await this.#leases.refuse(plugin, token, stored);
    if (refusal === null) return error;
    this.#changed();
    return explainRefusal(plugin, refusal);
  }

  async #hasNewKeys(error: unknown): Promise<boolean> {
    const isInvalid = error instanceof RbsmError && error.code === "license_invalid";
    if (!isInvalid || this.#options.refreshKeys === undefined) return false;
    await this.#options.refreshKeys();
    return this.#leases.reloadWithNewKeys();
  }

  async #write(plugin: string, seat: SeatRow, version: number | null): Promise<StoredSeat> {
    return { seat, version: await this.#rows.writeSeat(plugin, { seat, version }) };
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
