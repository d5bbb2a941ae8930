import type { LeaseClaims, RefusalClaims } from "@rising-bsm/protocol";
import type { Asked, Asker, Verdict } from "./judge.ts";
import type { Ledger } from "./ledger.ts";

/** A lease that went over the wire, verified. */
export interface SignedLease {
  readonly token: string;
  readonly claims: LeaseClaims;
}

/** What an answer gives a host. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly lease: SignedLease | null;
  readonly refusal: RefusalClaims | null;
}

/** A request that the marketplace has acted on, and what it answered. */
export interface Exchange {
  readonly asked: Asked;
  readonly asker: Asker;
  readonly answer: Answer;
}

/** Throws when the answer is another than the rules say. */
export function assertAnswered(
  ledger: Ledger,
  verdict: Verdict,
  { asked, answer }: Exchange,
): void {
  const { status, text, lease } = answer;
  const said = `${asked.kind} was answered ${status} ${text}`;
  if (status >= 500) throw new Error(said);
  switch (verdict.kind) {
    case "refuse":
      if (status < 400) throw new Error(`${verdict.why}, but ${said}`);
      return;
    case "same":
      if (lease?.token === verdict.token) return;
      throw new Error(`The lease that was given before was expected, but ${said}`);
    case "grant":
      if (lease !== null && !ledger.tokens.has(lease.token)) return;
      throw new Error(`A new lease was expected, but ${said}`);
    default:
  }
}

/** Writes down what an answer says that has become of the licenses. */
export function note(ledger: Ledger, exchange: Exchange): void {
  const { asked, asker, answer } = exchange;
  const { jkt } = asker;
  if (asked.kind === "register") ledger.instances.add(jkt);
  if (asked.kind === "return" && answer.status === 200) noteReturn(ledger, asked.activationId, jkt);
  if (asked.kind === "resume" && answer.status === 409) noteWornOut(ledger, asked.activationId);
  if (answer.lease !== null) noteLease(ledger, exchange, answer.lease);
}

function noteReturn({ lines }: Ledger, activationId: string, jkt: string): void {
  const line = lines.get(activationId);
  if (line === undefined) return;
  if (line.jkt !== jkt) throw new Error("A lease was returned by somebody else");
  line.ended ??= "returned";
}

function noteWornOut({ lines }: Ledger, activationId: string): void {
  const line = lines.get(activationId);
  if (line !== undefined) line.isWornOut = true;
}

function noteLease(
  ledger: Ledger,
  { asked, asker }: Exchange,
  { token, claims }: SignedLease,
): void {
  if (asked.kind === "resume") noteResumed(ledger, { token, claims }, { ...asker, ...asked });
  else if (!ledger.tokens.has(token)) {
    const line = ledger.lineOf(claims.sub, asker.jkt);
    // Whoever enters the license key is no copy.
    if (asked.kind === "activate" && line !== undefined) {
      line.resumes = [];
      line.isWornOut = false;
    }
    ledger.record(token, claims, asker.rid);
  }
}

function noteResumed(
  ledger: Ledger,
  { token, claims }: SignedLease,
  shown: Asker & { readonly token: string },
): void {
  if (!ledger.tokens.has(token)) throw new Error("A resumed lease is one that was given before");
  const line = ledger.lineOf(claims.sub, shown.jkt);
  if (line?.token !== token) {
    ledger.instances.add(shown.jkt);
    ledger.remember(token, claims, shown.rid);
  } else if (shown.token !== token) line.resumes.push(ledger.now);
}
