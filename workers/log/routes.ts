import { z } from "zod";
import { requireAdmin } from "../auth.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { recover } from "./recover.ts";

const step = z.strictObject({
  step: z.enum(["verify", "restore", "finish"]),
  from: z.int().nonnegative().describe("Place in the log"),
});

const progress = z.object({
  size: z.int().describe("Entries of the log in the bucket"),
  next: step.nullable().describe("What to send next; null when all is done"),
  lost: z
    .array(z.object({ plugin: z.string(), version: z.string(), reason: z.string() }))
    .describe("Releases that cannot be served again"),
});

const recoverRoute = createRoute({
  method: "post",
  path: "/v1/log/recover",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { body: jsonBody(step) },
  responses: { 200: jsonAnswer(progress, "This step is done"), default: problemAnswer },
});

/** After a restore of the database: `npm run log-recover` sends the steps one after the other. */
export const log = createRoutes().openapi(recoverRoute, async (c) => {
  const { next, size, lost } = await recover(c.env, c.req.valid("json"));
  return c.json({ next, size, lost: [...lost] }, 200);
});
