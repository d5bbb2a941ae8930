import { fromBase64, sha256Hex, trustRequestSchema, trustStateSchema } from "@rising-bsm/protocol";
import type { TrustRequest } from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { requireAdmin } from "../auth.ts";
import { readDatabase, writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { advance } from "../log/advance.ts";
import { acceptTrust } from "./accept-trust.ts";
import { loadTrustState } from "./queries.ts";

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

const stateRoute = createRoute({
  method: "get",
  path: "/v1/trust",
  responses: {
    200: jsonAnswer(trustStateSchema, "What is in force, and until when"),
    default: problemAnswer,
  },
});

/** What the offline ceremony made enters the service here. */
export const trust = createRoutes();

trust.openapi(uploadRoute, async (c) => {
  const files = readFiles(c.req.valid("json"));
  const now = new Date();
  const detail = { targets: await sha256Hex(files.targets) };
  const accepted = await acceptTrust(c.env, writeDatabase(c.env), {
    files,
    now,
    audit: ({ rootVersion, targetsVersion }) => {
      const subject = `root ${rootVersion}, targets ${targetsVersion}`;
      return auditEntry(c, { action: "trust.accept", subject, at: now.getTime(), detail });
    },
  });
  await advance(c.env, now);
  return c.json(accepted, 200);
});

function readFiles(body: TrustRequest) {
  return {
    roots: [...(body.roots ?? []), body.root].map((root) => fromBase64(root)),
    targets: fromBase64(body.targets),
    serviceKeys: fromBase64(body.serviceKeys),
    policy: fromBase64(body.policy),
    revocations: fromBase64(body.revocations),
  };
}

trust.openapi(stateRoute, async (c) => c.json(await loadTrustState(readDatabase(c.env)), 200));
