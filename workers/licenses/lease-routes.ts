import {
  leaseRequestSchema,
  leaseResultSchema,
  LICENSE_LIMITS,
  RbsmError,
  resumeRequestSchema,
  utf8,
  verifyProof,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import type { HeldActivation } from "./grant-lease.ts";
import { instanceAudit } from "./instance-audit.ts";
import { requireFreshProof, requireProof } from "./instance-proof.ts";
import { onlineRequest } from "./instance-request.ts";
import { endActivation, findHeld } from "./lease-queries.ts";
import { renewLease } from "./renew-lease.ts";
import { resumeLease } from "./resume-lease.ts";

const activationParams = z.object({ id: z.string().max(64) });

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

const resumeRoute = createRoute({
  method: "post",
  path: "/v1/activations/{id}/resume",
  middleware: [requireProof] as const,
  security: PROOF,
  request: { params: activationParams, body: jsonBody(resumeRequestSchema) },
  responses: {
    200: jsonAnswer(leaseResultSchema, "The newest lease that either side has"),
    default: problemAnswer,
  },
});

const returnRoute = createRoute({
  method: "delete",
  path: "/v1/activations/{id}",
  middleware: [requireFreshProof] as const,
  security: PROOF,
  request: {
    params: activationParams,
    body: jsonBody(z.strictObject({ receipt: z.string().max(8192) })),
  },
  responses: {
    200: jsonAnswer(z.object({ returned: z.literal(true) }), "The seat is free"),
    default: problemAnswer,
  },
});

/** For hosts that hold a lease: the next one, the newest one, or giving it back. */
export const leaseRoutes = createRoutes()
  .openapi(renewRoute, async (c) => {
    const renewal = c.req.valid("json");
    if (renewal.rid !== c.get("proof").rid) {
      throw new RbsmError("auth_proof_invalid", "The proof is for another rid than the request");
    }
    return c.json({ lease: await renewLease(onlineRequest(c), renewal) }, 200);
  })
  .openapi(resumeRoute, async (c) => {
    const held = { activationId: c.req.valid("param").id, lease: c.req.valid("json").lease };
    return c.json({ lease: await resumeLease(onlineRequest(c), held) }, 200);
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
