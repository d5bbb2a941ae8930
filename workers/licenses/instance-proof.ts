import { LICENSE_LIMITS, RbsmError, verifyProof } from "@rising-bsm/protocol";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../env.ts";
import { limitBody } from "../http.ts";

export type InstanceProof = Awaited<ReturnType<typeof verifyProof>>;

export interface ProvenEnv extends AppEnv {
  Variables: AppEnv["Variables"] & { proof: InstanceProof };
}

/**
 * Lets requests through that the instance key they carry has signed over this method, URL and body.
 * Where answering twice gives nothing new the time in the proof is not asked: a host whose clock is
 * wrong must still get the lease that tells it the time.
 */
function proofOf(maxAgeMs: number) {
  return createMiddleware<ProvenEnv>(async (c, next) => {
    const header = c.req.header("rbsm-proof");
    if (header === undefined) {
      throw new RbsmError("auth_proof_invalid", "The Rbsm-Proof header is missing");
    }
    // The signature is over the bytes, whatever their type is said to be.
    await limitBody(c);
    const { origin, pathname } = new URL(c.req.url);
    const proof = await verifyProof(header, {
      method: c.req.method,
      url: origin + pathname,
      body: new Uint8Array(await c.req.arrayBuffer()),
      now: new Date(),
      maxAgeS: maxAgeMs / 1000,
    });
    c.set("proof", proof);
    await next();
  });
}

export const requireFreshProof = proofOf(LICENSE_LIMITS.proofAgeMs);
export const requireProof = proofOf(Infinity);
