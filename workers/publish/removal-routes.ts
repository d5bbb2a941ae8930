import { RbsmError, removalRequestSchema, removalSchema } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { assertActsFor, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { advance } from "../log/advance.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { findRemovable, removePlugin } from "./removal-queries.ts";
import { assertMayRemove } from "./remove-plugin.ts";

const removeRoute = createRoute({
  method: "delete",
  path: "/v1/plugins/{scope}/{name}",
  middleware: [requirePublisher("yank")] as const,
  security: TOKEN,
  request: { params: pluginParams, body: jsonBody(removalRequestSchema) },
  responses: {
    200: jsonAnswer(removalSchema, "Removed, now or before; its name is never given again"),
    default: problemAnswer,
  },
});

/** Taking a plugin away: from the catalogue, not from who has it. */
export const removal = createRoutes();

removal.openapi(removeRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const principal = c.get("principal");
  const db = writeDatabase(c.env);
  const facts = await findRemovable(db, plugin);
  if (facts === undefined) throw new RbsmError("plugin_not_found");
  assertActsFor(principal, facts.publisher, facts.scope);
  const at = Date.now();
  const isAdmin = principal.kind === "admin";
  if (facts.removedAt === null) assertMayRemove({ ...facts, isAdmin }, at);
  const detail = c.req.valid("json");
  const entry = auditEntry(c, { action: "plugin.remove", subject: plugin, at, detail });
  const removedAt = new Date(await removePlugin(db, plugin, entry)).toISOString();
  await advance(c.env, new Date(), plugin);
  return c.json({ plugin, removedAt }, 200);
});
