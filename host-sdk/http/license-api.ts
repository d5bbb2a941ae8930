import { HOST_HTTP_LIMITS, VERSION_LIMITS } from "@rising-bsm/protocol";
import type { Hono } from "hono";
import { z } from "zod";
import type { PluginHost } from "../host.ts";
import { answerData } from "./answer.ts";
import { type ApiEnv, named, route } from "./api-env.ts";
import { requireActor } from "./permissions.ts";
import { readSecretBody } from "./read-body.ts";

const activationSchema = z.strictObject({ licenseKey: z.string().min(1).max(100) });

const requestSchema = z.strictObject({
  licenseKey: z.string().min(1).max(100).optional(),
  version: z.string().min(1).max(VERSION_LIMITS.rangeLength).optional(),
});

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
  addOfflineRoutes(app, host);
}

/** The two files of a host without a network: the request as JSON, the answer as the body. */
function addOfflineRoutes(app: Hono<ApiEnv>, host: PluginHost): void {
  app.post(route("/license/request"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    const options = await readSecretBody(c.req.raw, {
      schema: requestSchema,
      maxBytes: HOST_HTTP_LIMITS.apiBodyBytes,
      shape: '{"licenseKey"?: "…", "version"?: "^1.0.0"}',
    });
    return answerData(await host.licenseRequest(named(c), options));
  });
  app.post("/api/licenses/import", async (c) => {
    const actor = requireActor(c.env.actor, "plugin.manage");
    const isOn = (name: string) => c.req.query(name) === "true";
    if (!isOn("leaseOnly")) requireActor(actor, "plugin.install");
    const archive = c.req.raw.body ?? new Uint8Array();
    const { grant = "" } = c.req.query();
    const imported = await host.importLicense(archive, {
      actor,
      grant: grant === "requested" ? grant : grant.split(",").filter((code) => code !== ""),
      leaseOnly: isOn("leaseOnly"),
      acceptStale: isOn("acceptStale"),
      acceptPublisher: isOn("acceptPublisher"),
    });
    return answerData(imported);
  });
}
