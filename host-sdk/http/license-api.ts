import { HOST_HTTP_LIMITS } from "@rising-bsm/protocol";
import type { Hono } from "hono";
import { z } from "zod";
import type { PluginHost } from "../host.ts";
import { answerData } from "./answer.ts";
import { type ApiEnv, named, route } from "./api-env.ts";
import { requireActor } from "./permissions.ts";
import { readSecretBody } from "./read-body.ts";

const activationSchema = z.strictObject({ licenseKey: z.string().min(1).max(100) });

/** What administrators see of licenses and do with them. */
export function addLicenseRoutes(app: Hono<ApiEnv>, host: PluginHost): void {
  app.get("/api/licenses", (c) => {
    requireActor(c.env.actor, "plugin.view");
    return answerData(host.licenses());
  });
  app.get(route("/license"), (c) => {
    requireActor(c.env.actor, "plugin.view");
    return answerData(host.license(named(c)));
  });
  app.post(route("/license"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    const { licenseKey } = await readSecretBody(c.req.raw, {
      schema: activationSchema,
      maxBytes: HOST_HTTP_LIMITS.apiBodyBytes,
      shape: '{"licenseKey": "…"}',
    });
    return answerData(await host.activateLicense(named(c), licenseKey));
  });
  app.delete(route("/license"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    return answerData(await host.returnLicense(named(c)));
  });
  app.post(route("/license/renew"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    return answerData(await host.renewLicense(named(c)));
  });
}
