import {
  activationRequestSchema,
  activationResultSchema,
  base64url,
  BEACON_LIMITS,
  instanceRequestSchema,
  instanceResultSchema,
  RbsmError,
} from "@rising-bsm/protocol";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { activateLicense } from "./activate-license.ts";
import { requireProof } from "./instance-proof.ts";
import { onlineRequest } from "./instance-request.ts";
import { newInstance } from "./new-instance.ts";
import { register } from "./register.ts";

const registerRoute = createRoute({
  method: "post",
  path: "/v1/instances",
  middleware: [requireProof] as const,
  security: PROOF,
  request: { body: jsonBody(instanceRequestSchema) },
  responses: {
    200: jsonAnswer(instanceResultSchema, "The id of the key"),
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
    const request = onlineRequest(c);
    // Above the quota it is not stored, but knows its id: it becomes known with its first license.
    await register(request, BEACON_LIMITS.registrationsPerNetwork);
    return c.json({ instanceId: newInstance(request.proof, 0).id }, 200);
  })
  .openapi(activateRoute, async (c) => {
    const { id, lease } = await activateLicense(onlineRequest(c), c.req.valid("json"));
    return c.json({ activationId: id, lease }, 200);
  });
