import {
  licenseDetailSchema,
  licensePageSchema,
  pluginNameSchema,
  RbsmError,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { assertOwnsPlugin, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, problemAnswer, TOKEN } from "../http.ts";
import { findLicense } from "./license-queries.ts";
import { cutPage, openListCursor } from "./list-cursor.ts";
import { showActivation, showLicense } from "./show-license.ts";
import { listActivations, listLicenses } from "./view-queries.ts";

const ITEMS = 100;

const pageQuery = z.object({
  cursor: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(ITEMS).default(20),
});

const listRoute = createRoute({
  method: "get",
  path: "/v1/licenses",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: { query: pageQuery.extend({ plugin: pluginNameSchema }) },
  responses: {
    200: jsonAnswer(licensePageSchema, "The plugin's licenses, the newest first"),
    default: problemAnswer,
  },
});

const showRoute = createRoute({
  method: "get",
  path: "/v1/licenses/{id}",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: { params: z.object({ id: z.uuid() }), query: pageQuery },
  responses: {
    200: jsonAnswer(licenseDetailSchema, "The license and the instances that hold it"),
    default: problemAnswer,
  },
});

/** For whoever sells: what was sold, and where it runs. */
export const viewRoutes = createRoutes()
  .openapi(listRoute, async (c) => {
    const { plugin, cursor, limit } = c.req.valid("query");
    await assertOwnsPlugin(c, plugin);
    const now = Date.now();
    const list = `licenses ${plugin}`;
    const after = await openListCursor(c.env, list, cursor);
    const found = await listLicenses(writeDatabase(c.env), plugin, { after, limit: limit + 1 });
    const position = (row: (typeof found)[number]) => ({ at: row.createdAt, id: row.id });
    const { rows, nextCursor } = await cutPage(c.env, found, { list, limit, position });
    return c.json({ items: rows.map((license) => showLicense(license, now)), nextCursor }, 200);
  })
  .openapi(showRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { cursor, limit } = c.req.valid("query");
    const db = writeDatabase(c.env);
    const license = await findLicense(db, id);
    if (license === null) throw new RbsmError("not_found");
    await assertOwnsPlugin(c, license.plugin);
    const list = `activations ${id}`;
    const after = await openListCursor(c.env, list, cursor);
    const found = await listActivations(db, id, { after, limit: limit + 1 });
    const position = (row: (typeof found)[number]) => ({ at: row.heldUntil, id: row.id });
    const { rows, nextCursor } = await cutPage(c.env, found, { list, limit, position });
    const activations = rows.map(showActivation);
    return c.json({ ...showLicense(license, Date.now()), activations, nextCursor }, 200);
  });
