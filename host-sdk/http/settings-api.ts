import { AUDIT_LIMITS, HOST_HTTP_LIMITS, RbsmError } from "@rising-bsm/protocol";
import type { Hono } from "hono";
import { z } from "zod";
import type { PluginHost } from "../host.ts";
import { answerData } from "./answer.ts";
import { type ApiEnv, named, route } from "./api-env.ts";
import { requireActor } from "./permissions.ts";
import { readJsonBody, readSecretBody } from "./read-body.ts";

const settingsSchema = z.record(z.string(), z.json());
const secretSchema = z.strictObject({ value: z.string() });
const auditSchema = z.object({
  plugin: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(AUDIT_LIMITS.rowsPerPage).optional(),
});

const { apiBodyBytes: maxBytes } = HOST_HTTP_LIMITS;
const secretBody = { schema: secretSchema, maxBytes, shape: '{"value": "…"}' };

/** What administrators enter and look through: settings, secrets (names only) and the audit. */
export function addSettingsRoutes(app: Hono<ApiEnv>, host: PluginHost): void {
  app.get(route("/settings"), (c) => {
    requireActor(c.env.actor, "plugin.manage");
    return answerData(host.settings(named(c)));
  });
  app.put(route("/settings"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    const values = await readJsonBody(c.req.raw, { schema: settingsSchema, maxBytes });
    return answerData(await host.configure(named(c), values));
  });
  app.get(route("/secrets"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    return answerData(await host.secrets(named(c)));
  });
  app.put(route("/secrets/:secret"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    const { value } = await readSecretBody(c.req.raw, secretBody);
    await host.setSecret(named(c), c.req.param("secret") ?? "", value);
    return answerData(await host.secrets(named(c)));
  });
  app.delete(route("/secrets/:secret"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    await host.setSecret(named(c), c.req.param("secret") ?? "", null);
    return answerData(await host.secrets(named(c)));
  });
  app.get("/api/audit", async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    const query = auditSchema.safeParse(c.req.query());
    if (query.success) return answerData(await host.audit(query.data));
    throw new RbsmError("request_invalid", `limit is 1 to ${AUDIT_LIMITS.rowsPerPage}`);
  });
}
