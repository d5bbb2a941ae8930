import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import { heldUntil, isBarred, type Ledger, type Line, type Sold } from "./ledger.ts";

/** What a host asks for. */
export type Asked =
  | { readonly kind: "register" }
  | { readonly kind: "activate"; readonly licenseKey: string }
  | { readonly kind: "renew"; readonly activationId: string; readonly seq: number }
  | { readonly kind: "resume"; readonly activationId: string; readonly token: string }
  | { readonly kind: "return"; readonly activationId: string };

/** Who asks: the key that signed the request, and the id that makes it repeatable. */
export interface Asker {
  readonly jkt: string;
  readonly rid: string;
}

/** What a request must be answered with: a new lease, one that was given out before, or a refusal. */
export type Verdict =
  | { readonly kind: "grant" }
  | { readonly kind: "same"; readonly token: string }
  | { readonly kind: "refuse"; readonly why: string }
  /** Either is right. */
  | { readonly kind: "open" };

const GRANT: Verdict = { kind: "grant" };
const OPEN: Verdict = { kind: "open" };
const refuse = (why: string): Verdict => ({ kind: "refuse", why });

/** The rules, from the ledger alone. */
export function judge(ledger: Ledger, asked: Asked, asker: Asker): Verdict {
  switch (asked.kind) {
    case "activate":
      return judgeActivation(ledger, asked, asker);
    case "renew":
      return judgeRenewal(ledger, asked, asker);
    case "resume":
      return judgeResume(ledger, asked, asker);
    default:
      return OPEN;
  }
}

type AskedFor<Kind extends Asked["kind"]> = Extract<Asked, { kind: Kind }>;

function judgeActivation(
  ledger: Ledger,
  { licenseKey }: AskedFor<"activate">,
  { jkt, rid }: Asker,
): Verdict {
  if (isHeldOff(ledger, jkt) || !ledger.instances.has(jkt)) return OPEN;
  const sold = ledger.byKey(licenseKey);
  if (sold === undefined) return refuse("unknown key");
  const line = ledger.lineOf(sold.id, jkt);
  if (line?.rid === rid && line.ended === null) return { kind: "same", token: line.token };
  if (!ledger.isGood(sold)) return refuse("not good");
  if (!ledger.hasSeat(sold, jkt)) return refuse("no seat");
  return judgeTrial(ledger, sold, jkt);
}

/** One trial an instance; whether one counts that became more since is not said. */
function judgeTrial({ lines, sold: all }: Ledger, sold: Sold, jkt: string): Verdict {
  if (sold.plan.kind !== "trial") return GRANT;
  const others = [...lines.values()]
    .filter((line) => line.jkt === jkt && line.soldId !== sold.id)
    .map(({ soldId }) => all.get(soldId));
  if (others.some((other) => other?.plan.kind === "trial")) return refuse("trial used");
  return others.some((other) => other?.wasTrial === true) ? OPEN : GRANT;
}

/** Ten wrong keys within an hour: what comes then may be refused whatever it is. */
function isHeldOff({ refusals, now }: Ledger, jkt: string): boolean {
  const since = now - LICENSE_LIMITS.activationWindowMs;
  const recent = (refusals.get(jkt) ?? []).filter((at) => at > since);
  return recent.length >= LICENSE_LIMITS.activationAttempts;
}

function judgeRenewal(
  ledger: Ledger,
  { activationId, seq }: AskedFor<"renew">,
  { jkt, rid }: Asker,
): Verdict {
  const line = ledger.lines.get(activationId);
  if (line?.jkt !== jkt) return refuse("unknown activation");
  if (line.ended !== null) return refuse("ended");
  const isRepeated = line.claims.seq === seq + 1 && line.rid === rid;
  if (isRepeated) return { kind: "same", token: line.token };
  if (line.claims.seq !== seq) return refuse("spent");
  return judgeNext(ledger, line);
}

function judgeNext(ledger: Ledger, line: Line): Verdict {
  const sold = ledger.sold.get(line.soldId);
  if (sold === undefined || !ledger.isGood(sold)) return refuse("not good");
  return isSeated(ledger, sold, line) ? GRANT : refuse("seat lost");
}

function isSeated(ledger: Ledger, sold: Sold, line: Line): boolean {
  return heldUntil(line) > ledger.now || ledger.hasSeat(sold, line.jkt);
}

/** A host shows the lease it holds, because it lost its newest one or the marketplace did. */
function judgeResume(
  ledger: Ledger,
  { activationId, token }: AskedFor<"resume">,
  { jkt }: Asker,
): Verdict {
  const shown = ledger.tokens.get(token);
  if (shown?.cnf.jkt !== jkt) return refuse("no lease of this instance");
  const sold = ledger.sold.get(shown.sub);
  if (sold === undefined || isBarred(sold)) return refuse("not good");
  const line = ledger.lineOf(sold.id, jkt);
  if (line === undefined) return judgeForgotten(ledger, sold, { token, jkt });
  if (line.claims.seq >= shown.seq) return judgeOlder(ledger, sold, line);
  return line.activationId === activationId ? judgeForgotten(ledger, sold, { token, jkt }) : OPEN;
}

/** The marketplace was set back: what the host has is newer than what it knows. */
function judgeForgotten(
  ledger: Ledger,
  sold: Sold,
  { token, jkt }: { readonly token: string; readonly jkt: string },
): Verdict {
  return ledger.isGood(sold) && ledger.hasSeat(sold, jkt) ? { kind: "same", token } : OPEN;
}

function judgeOlder(ledger: Ledger, sold: Sold, line: Line): Verdict {
  if (line.ended !== null) return refuse("ended");
  const isClear = ledger.isGood(sold) && isSeated(ledger, sold, line);
  const since = ledger.now - LICENSE_LIMITS.resumeWindowMs;
  const recent = line.resumes.filter((at) => at > since).length;
  const isOften = line.isWornOut || recent >= LICENSE_LIMITS.resumes;
  return isClear && !isOften ? { kind: "same", token: line.token } : OPEN;
}
