import { fromBase64, sha256Hex, trustRequestSchema } from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { requireAdmin } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { acceptTrust } from "./accept-trust.ts";
import { recordTrust } from "./queries.ts";

const uploadRoute = createRoute({
  method: "put",
  path: "/v1/trust",
  middleware: [requireAdmin] as const,
  security: TOKEN,
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
  const now = new Date();
  const accepted = await acceptTrust(c.env, files, now);
  const { rootVersion, targetsVersion } = accepted;
  const entry = auditEntry(c, {
    action: "trust.accept",
    subject: `root ${rootVersion}, targets ${targetsVersion}`,
    at: now.getTime(),
    detail: { root: await sha256Hex(files.root), targets: await sha256Hex(files.targets) },
  });
  await recordTrust(writeDatabase(c.env), entry);
  return c.json(accepted, 200);
});
