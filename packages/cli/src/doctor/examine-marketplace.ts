import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import type { Check } from "./examine.ts";

const TIMEOUT_MS = 2_000;

/** Whether the marketplace answers, and whether its clock and this one agree. */
export async function examineMarketplace(url: string, cancelled: AbortSignal): Promise<Check[]> {
  const name = "marketplace";
  if (!URL.canParse("/health", url)) {
    return [{ name, state: "fails", detail: `"${url}" is no web address`, fix: NO_ADDRESS }];
  }
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), cancelled]);
  try {
    const sentAt = Date.now();
    const answer = await fetch(new URL("/health", url), { signal, redirect: "error" });
    await answer.body?.cancel();
    const tookMs = Date.now() - sentAt;
    if (!answer.ok) {
      const detail = `${url} answers ${answer.status}`;
      return [{ name, state: "fails", detail, fix: "correct --url, or ask its operator" }];
    }
    const reached: Check = { name, state: "ok", detail: `${url}, ${tookMs} ms` };
    return [reached, clockCheck(answer.headers.get("date"), sentAt + tookMs / 2)];
  } catch (error) {
    return [{ name, state: "fails", detail: `${url}: ${reason(error)}`, fix: FIX }];
  }
}

const NO_ADDRESS =
  "pass the marketplace's address, https://…; the folder of a mirror has no health to ask about";
const FIX = "check the address, the network and a proxy; plugins that are installed run on without";

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS} ms`;
  const { cause } = error;
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}

/** Proofs of this instance are dated: the marketplace refuses what is too far from its own time. */
function clockCheck(date: string | null, now: number): Check {
  const name = "clock";
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return { name, state: "ok", detail: "the marketplace tells no time" };
  const seconds = Math.round((now - theirs) / 1_000);
  const detail = `${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} the marketplace`;
  if (Math.abs(now - theirs) < LICENSE_LIMITS.proofAgeMs) return { name, state: "ok", detail };
  return { name, state: "fails", detail, fix: "set the clock, best by NTP" };
}
