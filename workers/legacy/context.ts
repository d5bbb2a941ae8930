import type { AppContext } from "../http.ts";
import type { VerificationContext } from "./run-verification.ts";

/** What a verification has to know of its request. */
export function contextOf(c: AppContext): VerificationContext {
  const { env } = c;
  return { env, requestId: c.get("requestId"), address: c.req.header("cf-connecting-ip") };
}
