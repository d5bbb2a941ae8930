import { type LeaseClaims, LICENSE_LIMITS } from "@rising-bsm/protocol";
import { PLUGIN, type SoldPlan } from "./plans.ts";

export const SECOND = 1_000;
export const HOUR = 3_600 * SECOND;
export const DAY = 24 * HOUR;
const TRIAL_MS = 14 * DAY;

/** What was sold, and what became of it since. Times are milliseconds since 1970. */
export interface Sold {
  readonly id: string;
  /** The key that works; a transfer makes another one. */
  key: string;
  plan: SoldPlan;
  state: "active" | "suspended" | "revoked";
  payment: "ok" | "disputed" | "refunded";
  until: number | null;
  /** How it was bought; null when it was issued by hand. */
  order: Order | null;
  /** It began as a trial; by now it may be more. */
  readonly wasTrial: boolean;
}

/** What is known of the payment of a license. */
export interface Order {
  readonly id: string;
  paidAt: number;
  paidUntil: number | null;
  refundedAt: number | null;
  /** Disputes that are open. */
  readonly disputes: Set<string>;
}

/** One license on one instance, as far as the wire has shown it. */
export interface Line {
  readonly activationId: string;
  readonly soldId: string;
  readonly instanceId: string;
  readonly jkt: string;
  /** The newest lease, and the request that made it. */
  rid: string;
  token: string;
  claims: LeaseClaims;
  ended: "returned" | "transferred" | null;
  /** When the newest lease was answered to somebody who held an older one. */
  resumes: number[];
  /** That was too often; it stays so until the license key is entered again. */
  isWornOut: boolean;
}

/**
 * The book of what was sold and of every lease that left the marketplace. It knows the rules, not
 * how the Worker keeps them: it reads what goes over the wire, and never the Worker's tables.
 */
export class Ledger {
  now: number;
  sold = new Map<string, Sold>();
  lines = new Map<string, Line>();
  /** Keys of the instances that the marketplace knows. */
  instances = new Set<string>();
  /** Every lease that was ever signed, whoever got it. */
  readonly tokens = new Map<string, LeaseClaims>();
  /** When instances were refused a license key. */
  readonly refusals = new Map<string, number[]>();
  /** The marketplace's database was: it may have given a seat away twice in good faith. */
  wasSetBack = false;

  constructor(now: number) {
    this.now = now;
  }

  /** The sold license with this key. */
  byKey(key: string): Sold | undefined {
    return [...this.sold.values()].find((sold) => sold.key === key);
  }

  lineOf(soldId: string, jkt: string): Line | undefined {
    return [...this.lines.values()].find((line) => line.soldId === soldId && line.jkt === jkt);
  }

  /** Whether new leases of it may be made now. */
  isGood(sold: Sold): boolean {
    return !isBarred(sold) && (sold.until === null || sold.until > this.now);
  }

  /** Instances whose lease runs; a perpetual one runs until it is returned or taken away. */
  live(soldId: string): Line[] {
    return [...this.lines.values()].filter(
      (line) => line.soldId === soldId && heldUntil(line) > this.now,
    );
  }

  takenByOthers(soldId: string, jkt: string): number {
    return this.live(soldId).filter((line) => line.jkt !== jkt).length;
  }

  hasSeat({ id, plan }: Sold, jkt: string): boolean {
    return plan.seats === null || this.takenByOthers(id, jkt) < plan.seats + plan.overage;
  }

  /** An instance was refused a license key now. */
  noteRefusal(jkt: string): void {
    this.refusals.set(jkt, [...(this.refusals.get(jkt) ?? []), this.now]);
  }

  /** Writes down a lease that nobody has seen before; throws when it gives more than was paid for. */
  record(token: string, claims: LeaseClaims, rid: string): void {
    const sold = this.sold.get(claims.sub);
    if (sold === undefined) throw new Error(`A lease of a license that was never sold`);
    if (sold.plan.kind === "trial") sold.until ??= this.now + TRIAL_MS;
    const activationId = claims.jti.slice(0, claims.jti.lastIndexOf("."));
    const before = this.lines.get(activationId);
    this.#assertPaid(claims, sold);
    if (before !== undefined) assertSameLine(before, claims);
    this.tokens.set(token, claims);
    this.lines.set(activationId, {
      activationId,
      soldId: sold.id,
      instanceId: claims.aud,
      jkt: claims.cnf.jkt,
      rid,
      token,
      claims,
      ended: null,
      resumes: before?.resumes ?? [],
      isWornOut: before?.isWornOut ?? false,
    });
    this.assertSeats(sold);
    this.#assertFlagged(sold, claims);
  }

  /** The marketplace takes over a lease that it had forgotten, and with it until when was paid. */
  remember(token: string, claims: LeaseClaims, rid: string): void {
    const activationId = claims.jti.slice(0, claims.jti.lastIndexOf("."));
    const { sub: soldId, aud: instanceId, cnf, lic } = claims;
    const { resumes = [], isWornOut = false } = this.lines.get(activationId) ?? {};
    const known = { activationId, soldId, instanceId, jkt: cnf.jkt, resumes, isWornOut };
    this.lines.set(activationId, { ...known, rid, token, claims, ended: null });
    const sold = this.sold.get(soldId);
    if (sold === undefined) return;
    const hasEnd = sold.until !== null || sold.plan.kind === "trial";
    if (hasEnd && lic.until !== null) sold.until = Math.max(sold.until ?? 0, lic.until * SECOND);
    this.assertSeats(sold);
  }

  assertSeats({ id, plan }: Sold): void {
    if (plan.seats === null) return;
    const live = this.live(id).length;
    if (live > plan.seats + plan.overage) {
      throw new Error(
        `${live} live leases of a license with ${plan.seats} + ${plan.overage} seats`,
      );
    }
  }

  #assertPaid(claims: LeaseClaims, sold: Sold): void {
    if (!this.isGood(sold)) throw new Error(`A new lease of a license that is ${describe(sold)}`);
    const { plan, until } = sold;
    const span = plan.kind === "floating" ? LICENSE_LIMITS.floatingLeaseMs : LICENSE_LIMITS.leaseMs;
    const facts: [string, string | number | null, string | number | null][] = [
      ["plugin", claims.plugin, PLUGIN],
      ["kind", claims.lic.kind, plan.kind],
      ["seats", claims.lic.seats, plan.seats],
      ["until", claims.lic.until, until === null ? null : until / SECOND],
      ["entitlements", JSON.stringify(claims.ent), JSON.stringify(plan.entitlements)],
      ["iat", claims.iat, this.now / SECOND],
      ["exp", claims.exp, Math.min(this.now + span, until ?? Infinity) / SECOND],
    ];
    for (const [name, actual, paid] of facts) {
      if (actual !== paid) throw new Error(`The lease says ${name} ${actual}, sold was ${paid}`);
    }
  }

  /** Whoever sits above the seats is told so, and nobody else. */
  #assertFlagged(sold: Sold, { lic, cnf }: LeaseClaims): void {
    const seats = sold.plan.seats ?? Infinity;
    if (lic.overage === true && this.takenByOthers(sold.id, cnf.jkt) < seats) {
      throw new Error("A lease says that there are too many instances, and there are not");
    }
    const live = this.live(sold.id);
    const flagged = live.filter(({ claims }) => claims.lic.overage === true).length;
    if (flagged < live.length - seats && !this.wasSetBack) {
      throw new Error(`${live.length} instances on ${seats} seats, and ${flagged} are told so`);
    }
  }
}

/** Until when the line's seat is taken. */
export function heldUntil({ claims, ended }: Line): number {
  if (ended === "returned") return 0;
  return claims.lic.kind === "perpetual" && ended === null ? Infinity : claims.exp * SECOND;
}

/** Somebody or the payment says no; that it ran out is another matter. */
export function isBarred({ state, payment }: Sold): boolean {
  return state !== "active" || payment !== "ok";
}

function assertSameLine(before: Line, { seq, aud, cnf }: LeaseClaims): void {
  if (seq <= before.claims.seq) throw new Error(`seq ${seq} after ${before.claims.seq}`);
  if (aud !== before.instanceId || cnf.jkt !== before.jkt) {
    throw new Error("The lease of one instance was given to another");
  }
}

function describe({ state, payment, until }: Sold): string {
  return `${state}, ${payment}, until ${until === null ? "ever" : new Date(until).toISOString()}`;
}
