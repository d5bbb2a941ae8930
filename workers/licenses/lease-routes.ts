import {
  leaseRequestSchema,
  leaseResultSchema,
  LICENSE_LIMITS,
  RbsmError,
  utf8,
  verifyProof,
} from "@rising-bsm/protocol";
import type { Context } from "hono";
import { z } from "zod";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { decideRenewal } from "./grant-lease.ts";
import type { HeldActivation } from "./grant-lease.ts";
import { instanceAudit } from "./instance-audit.ts";
import { requireFreshProof, requireProof } from "./instance-proof.ts";
import type { ProvenEnv } from "./instance-proof.ts";
import { endActivation, findHeld, flagConflict, writeLease } from "./queries.ts";
import { signNextLease } from "./sign-lease.ts";

const renewRoute = createRoute({
  method: "post",
  path: "/v1/leases",
  middleware: [requireProof] as const,
  security: PROOF,
  request: { body: jsonBody(leaseRequestSchema) },
  responses: {
    200: jsonAnswer(leaseResultSchema, "The next lease, the same one for the same rid"),
    default: problemAnswer,
  },
});

const returnRoute = createRoute({
  method: "delete",
  path: "/v1/activations/{id}",
  middleware: [requireFreshProof] as const,
  security: PROOF,
  request: {
    params: z.object({ id: z.string().max(64) }),
    body: jsonBody(z.strictObject({ receipt: z.string().max(8192) })),
  },
  responses: {
    200: jsonAnswer(z.object({ returned: z.literal(true) }), "The seat is free"),
    default: problemAnswer,
  },
});

/** For hosts that hold a lease: the next one, or giving it back. */
export const leaseRoutes = createRoutes()
  .openapi(renewRoute, async (c) => {
    const renewal = c.req.valid("json");
    if (renewal.rid !== c.get("proof").rid) {
      throw new RbsmError("auth_proof_invalid", "The proof is for another rid than the request");
    }
    return c.json({ lease: await renew(c, renewal) }, 200);
  })
  .openapi(returnRoute, async (c) => {
    const { id } = c.req.valid("param");
    const db = writeDatabase(c.env);
    const held = await findHeld(db, id);
    if (held === null || held.jkt !== c.get("proof").instanceKeyJkt)
      throw new RbsmError("license_unknown");
    if (held.activation.endedAt === null) {
      await checkReceipt(c.req.valid("json").receipt, held);
      const fact = { action: "license.return", at: Date.now(), requestId: c.get("requestId") };
      const entry = instanceAudit(held.activation, fact);
      if (!(await endActivation(db, held.activation, entry)))
        throw new RbsmError("license_conflict");
    }
    return c.json({ returned: true as const }, 200);
  });

type Renewal = z.output<typeof leaseRequestSchema>;

/** A renewal that lost the race is decided again on what the winner wrote. */
async function renew(c: Context<ProvenEnv>, { activationId, seq, rid }: Renewal): Promise<string> {
  const db = writeDatabase(c.env);
  const { instanceKeyJkt: jkt, nonce } = c.get("proof");
  for (let tries = 0; tries < 2; tries++) {
    const now = Date.now();
    const held = await findHeld(db, activationId);
    const decision = decideRenewal(held, { seq, rid, jkt }, now);
    if (decision.kind === "refuse") throw new RbsmError(decision.code);
    if (decision.kind === "stored") return decision.lease;
    if (decision.kind === "conflict") throw await conflict(c, decision.held, now);
    const { activation, license } = decision.held;
    const { instanceId } = activation;
    const terms = { license, activationId, instanceId, jkt, seq: decision.seq, nonce };
    const next = { rid, ...(await signNextLease(c.env, terms, now)) };
    if (await writeLease(db, activation, next)) return next.lease;
  }
  throw new RbsmError(
    "unavailable",
    "The lease is being renewed by another request at this moment",
  );
}

async function conflict(
  c: Context<ProvenEnv>,
  held: HeldActivation,
  at: number,
): Promise<RbsmError> {
  const fact = { action: "license.conflict", at, requestId: c.get("requestId") };
  const entry = instanceAudit(held.activation, fact);
  await flagConflict(writeDatabase(c.env), held.activation, entry);
  return new RbsmError("license_conflict");
}

/**
 * A receipt is a proof, by the key the lease is bound to, that names this activation and exactly
 * the newest lease: one for an older lease says nothing about the newer one that is still out.
 */
async function checkReceipt(receipt: string, { activation, jkt }: HeldActivation): Promise<void> {
  const signer = await verifyProof(receipt, {
    method: "RETURN",
    url: `urn:uuid:${activation.id}`,
    body: utf8(activation.lease),
    now: Date.now(),
    maxAgeS: LICENSE_LIMITS.receiptAgeMs / 1000,
  });
  if (signer.instanceKeyJkt !== jkt)
    throw new RbsmError("auth_proof_invalid", "The receipt is by another key");
}
