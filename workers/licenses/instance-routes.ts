import {
  activationRequestSchema,
  activationResultSchema,
  assertPublicKey,
  base64url,
  instanceRequestSchema,
  instanceResultSchema,
  RbsmError,
} from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { activateLicense } from "./activate-license.ts";
import { registrationAudit } from "./instance-audit.ts";
import { requireProof } from "./instance-proof.ts";
import { networkDayOf } from "../network-days.ts";
import { onlineRequest } from "./instance-request.ts";
import { newInstance } from "./new-instance.ts";
import { registerInstance } from "./queries.ts";

const registerRoute = createRoute({
  method: "post",
  path: "/v1/instances",
  middleware: [requireProof] as const,
  security: PROOF,
  request: { body: jsonBody(instanceRequestSchema) },
  responses: {
    200: jsonAnswer(instanceResultSchema, "Registered, now or before"),
    default: problemAnswer,
  },
});

const activateRoute = createRoute({
  method: "post",
  path: "/v1/licenses/activate",
  middleware: [requireProof] as const,
  security: PROOF,
  request: { body: jsonBody(activationRequestSchema) },
  responses: { 200: jsonAnswer(activationResultSchema, "The first lease"), default: problemAnswer },
});

/** For hosts: who they are, and the first lease of a license. */
export const instanceRoutes = createRoutes()
  .openapi(registerRoute, async (c) => {
    const { publicKey } = c.get("proof");
    if (c.req.valid("json").publicKey !== base64url(publicKey)) {
      throw new RbsmError(
        "auth_proof_invalid",
        "The proof is by another key than the one to register",
      );
    }
    assertPublicKey(publicKey);
    const instance = newInstance(c.get("proof"), Date.now());
    const fact = { at: instance.createdAt, requestId: c.get("requestId") };
    const entry = registrationAudit(instance.id, fact);
    const address = c.req.header("cf-connecting-ip");
    const network = await networkDayOf(c.env, address, instance.createdAt);
    const instanceId = await registerInstance(writeDatabase(c.env), { instance, network }, entry);
    return c.json({ instanceId }, 200);
  })
  .openapi(activateRoute, async (c) => {
    const { id, lease } = await activateLicense(onlineRequest(c), c.req.valid("json"));
    return c.json({ activationId: id, lease }, 200);
  });
