import { WEBHOOK_LIMITS } from "@rising-bsm/protocol";
import { readRetryAfter } from "./decide-retry.ts";
import type { Outcome } from "./decide-retry.ts";
import { signedHeaders } from "./sign-event.ts";
import type { Message, Secret } from "./sign-event.ts";

/** One request. Its answer is followed nowhere and not read: what it holds is nobody's affair here. */
export async function sendEvent(
  url: string,
  message: Message,
  secrets: readonly [Secret, ...Secret[]],
): Promise<Outcome> {
  const headers = {
    "content-type": "application/json",
    "user-agent": "rising-bsm-marketplace",
    ...(await signedHeaders(message, secrets)),
  };
  const signal = AbortSignal.timeout(WEBHOOK_LIMITS.timeoutMs);
  const init: RequestInit = { method: "POST", redirect: "manual", headers, signal };
  try {
    const answer = await fetch(url, { ...init, body: message.body });
    await answer.body?.cancel();
    return outcomeOf(answer, message.now);
  } catch {
    const problem = signal.aborted
      ? `There was no answer within ${WEBHOOK_LIMITS.timeoutMs / 1000} s`
      : "It cannot be reached";
    return { delivered: false, status: null, problem, retryAfterMs: null };
  }
}

function outcomeOf({ ok, status, headers }: Response, now: number): Outcome {
  if (ok) return { delivered: true, status };
  const isRedirect = status >= 300 && status < 400;
  const problem = isRedirect ? `It answered ${status}, a redirect` : `It answered ${status}`;
  const retryAfterMs = readRetryAfter(headers.get("retry-after"), now);
  return { delivered: false, status, problem, retryAfterMs };
}
