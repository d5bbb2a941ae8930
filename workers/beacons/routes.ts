import { beaconSchema } from "@rising-bsm/protocol";
import { createRoute, createRoutes, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { requireFreshProof } from "../licenses/instance-proof.ts";
import { newInstance } from "../licenses/new-instance.ts";
import { receiveReport } from "./receive-report.ts";

const reportRoute = createRoute({
  method: "post",
  path: "/v1/beacons",
  middleware: [requireFreshProof] as const,
  security: PROOF,
  request: { body: jsonBody(beaconSchema) },
  responses: { 204: { description: "Taken, now or before" }, default: problemAnswer },
});

/** What instances report once a day. */
export const beacons = createRoutes().openapi(reportRoute, async (c) => {
  const now = Date.now();
  const { id: instanceId } = newInstance(c.get("proof"), now);
  const address = c.req.header("cf-connecting-ip");
  await receiveReport(c.env, { instanceId, address, now }, c.req.valid("json"));
  return c.body(null, 204);
});
