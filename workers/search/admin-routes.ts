import {
  searchCheckRequestSchema,
  searchCheckResultSchema,
  searchRebuildRequestSchema,
  searchRebuildResultSchema,
} from "@rising-bsm/protocol";
import { sql } from "drizzle-orm";
import { auditEntry, auditIf } from "../audit.ts";
import { requireAdmin } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { checkSearch } from "./check-search.ts";
import { continueRebuild, startRebuild } from "./rebuild.ts";

/** What one request does of a rebuild; the cron goes on. */
const STEPS_A_REQUEST = 10;

const checkRoute = createRoute({
  method: "post",
  path: "/v1/search/check",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { body: jsonBody(searchCheckRequestSchema) },
  responses: {
    200: jsonAnswer(searchCheckResultSchema, "What search says otherwise than the database"),
    default: problemAnswer,
  },
});

const rebuildRoute = createRoute({
  method: "post",
  path: "/v1/search/rebuild",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { body: jsonBody(searchRebuildRequestSchema) },
  responses: {
    200: jsonAnswer(searchRebuildResultSchema, "How far the rebuild is; search goes on meanwhile"),
    default: problemAnswer,
  },
});

export const searchAdmin = createRoutes()
  .openapi(checkRoute, async (c) => {
    const { cursor, limit } = c.req.valid("json");
    const check = { search: c.env.SEARCH, db: writeDatabase(c.env), limit };
    return c.json(await checkSearch(check, cursor), 200);
  })
  .openapi(rebuildRoute, async (c) => {
    const db = writeDatabase(c.env);
    if (c.req.valid("json").start) {
      const fact = { action: "search.rebuild", subject: "search", at: Date.now(), detail: {} };
      await auditIf(db, auditEntry(c, fact), sql`1`);
      await startRebuild(c.env.SEARCH);
    }
    return c.json(await continueRebuild(c.env, db, STEPS_A_REQUEST), 200);
  });
