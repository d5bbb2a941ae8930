import { fromBase64, trustRequestSchema } from "@rising-bsm/protocol";
import { z } from "zod";
import { requireAdmin } from "../auth.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer } from "../http.ts";
import { acceptTrust } from "./accept-trust.ts";

const uploadRoute = createRoute({
  method: "put",
  path: "/v1/trust",
  middleware: [requireAdmin] as const,
  request: { body: jsonBody(trustRequestSchema) },
  responses: {
    200: jsonAnswer(
      z.object({ rootVersion: z.int(), targetsVersion: z.int() }),
      "Checked, stored and in force",
    ),
    default: problemAnswer,
  },
});

/** What the offline ceremony made enters the service here. */
export const trust = createRoutes().openapi(uploadRoute, async (c) => {
  const body = c.req.valid("json");
  const files = {
    root: fromBase64(body.root),
    targets: fromBase64(body.targets),
    serviceKeys: fromBase64(body.serviceKeys),
  };
  return c.json(await acceptTrust(c.env, files, new Date()), 200);
});
