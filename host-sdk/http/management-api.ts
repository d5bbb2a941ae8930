import {
  HISTORY_LIMITS,
  HOST_HTTP_LIMITS,
  type Json,
  pluginNameSchema,
  RbsmError,
} from "@rising-bsm/protocol";
import { Hono } from "hono";
import { z } from "zod";
import type { PluginHost } from "../host.ts";
import type { Progress } from "../install/progress.ts";
import { LOG_LEVELS } from "../runtime/plugin-runtime.ts";
import { answerData, answerProblem, eventFrame } from "./answer.ts";
import { type ApiEnv, named, route } from "./api-env.ts";
import type { Mounted } from "./handler.ts";
import { addLicenseRoutes } from "./license-api.ts";
import { type HostPermission, requireActor } from "./permissions.ts";
import { readBody, readJsonBody } from "./read-body.ts";
import { addReviewRoutes } from "./review-api.ts";
import { addSettingsRoutes } from "./settings-api.ts";

const grantSchema = z.union([z.literal("requested"), z.array(z.string())]);
const installSchema = z.strictObject({
  name: pluginNameSchema,
  version: z.string().optional(),
  grant: grantSchema.default([]),
  licenseKey: z.string().optional(),
  acceptStale: z.boolean().optional(),
  acceptPublisher: z.boolean().optional(),
});
const updateSchema = z.strictObject({
  version: z.string().optional(),
  acceptGrants: z.union([z.boolean(), z.array(z.string())]).optional(),
  acceptPublisher: z.boolean().optional(),
  acceptStale: z.boolean().optional(),
  licenseKey: z.string().optional(),
});
const callSchema = z.strictObject({
  method: z.string().min(1),
  args: z.array(z.json()).default([]),
  deadlineMs: z.int().min(1).max(300_000).optional(),
});

const logChoiceSchema = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(HISTORY_LIMITS.logLines)
    .default(HISTORY_LIMITS.logLines),
  level: z.enum(LOG_LEVELS).default("debug"),
});

const body = <T>(request: Request, schema: z.ZodType<T>) =>
  readJsonBody(request, { schema, maxBytes: HOST_HTTP_LIMITS.apiBodyBytes });

/** The management API: JSON in, `{data}` or problem details out, each route behind one permission. */
export function createManagementApi(host: PluginHost): (mounted: Mounted) => Promise<Response> {
  const app = new Hono<ApiEnv>();
  addCollectionRoutes(app, host);
  addPluginRoutes(app, host);
  addLogAndScheduleRoutes(app, host);
  addSettingsRoutes(app, host);
  addLicenseRoutes(app, host);
  addReviewRoutes(app, host);
  app.notFound(() => answerProblem(new RbsmError("not_found")));
  app.onError((error) => answerProblem(error));
  return async function serveApi({ request, path, url, actor }) {
    const inner = new Request(new URL(path + url.search, url), request);
    return app.fetch(inner, { actor });
  };
}

function addCollectionRoutes(app: Hono<ApiEnv>, host: PluginHost): void {
  app.get("/api/plugins", (c) => {
    requireActor(c.env.actor, "plugin.view");
    return answerData(host.plugins());
  });
  app.post("/api/plugins", async (c) => {
    const actor = requireActor(c.env.actor, "plugin.install");
    const { name, ...choices } = await body(c.req.raw, installSchema);
    return answerOperation(c.req.raw, 201, (onProgress) =>
      host.install(name, { ...choices, actor, onProgress }),
    );
  });
  app.post("/api/plugins/sideload", async (c) => {
    const actor = requireActor(c.env.actor, "plugin.install");
    const bytes = await readBody(c.req.raw, HOST_HTTP_LIMITS.sideloadBodyBytes);
    const grant = c.req.query("grant") ?? "";
    const codes = grant === "requested" ? grant : grant.split(",").filter((code) => code !== "");
    return answerData(await host.sideload(bytes, { grant: codes, actor }), 201);
  });
  app.get("/api/plugins/updates", async (c) => {
    requireActor(c.env.actor, "plugin.view");
    return answerData(await host.checkForUpdates());
  });
  app.get("/api/trust", async (c) => {
    requireActor(c.env.actor, "plugin.view");
    return answerData(await host.trust());
  });
}

type Operation = (onProgress: (progress: Progress) => void) => Promise<unknown>;

/** The result of an operation, or on the way to it its progress for those who ask for events. */
async function answerOperation(
  request: Request,
  status: number,
  work: Operation,
): Promise<Response> {
  const wantsEvents = request.headers.get("accept")?.includes("text/event-stream") === true;
  return wantsEvents ? streamProgress(work) : answerData(await work(() => undefined), status);
}

/** Progress as server-sent events; the last one is `done` with the plugin or `failed` with the problem. */
function streamProgress(work: Operation): Response {
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      const send = (event: string, data: unknown) =>
        controller.enqueue(eventFrame(event, toJson(data)));
      try {
        send("done", await work((progress) => send("progress", progress)));
      } catch (error) {
        send("failed", await answerProblem(error).json());
      }
      controller.close();
    },
  });
  return new Response(stream, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

function toJson(value: unknown): Json {
  return z.json().parse(JSON.parse(JSON.stringify(value)));
}

function addLogAndScheduleRoutes(app: Hono<ApiEnv>, host: PluginHost): void {
  app.get(route("/logs"), (c) => {
    requireActor(c.env.actor, "plugin.view");
    const choice = logChoiceSchema.safeParse(c.req.query());
    if (choice.success) return answerData(host.logs(named(c), choice.data));
    throw new RbsmError(
      "request_invalid",
      `limit is 1 to ${HISTORY_LIMITS.logLines}, level one of ${LOG_LEVELS.join(", ")}`,
    );
  });
  app.post(route("/schedules/:schedule/run"), async (c) => {
    requireActor(c.env.actor, "plugin.manage");
    return answerData(await host.runSchedule(named(c), c.req.param("schedule") ?? ""));
  });
}

function addPluginRoutes(app: Hono<ApiEnv>, host: PluginHost): void {
  const read = (rest: string, answer: (name: string) => unknown) =>
    app.get(route(rest), async (c) => {
      requireActor(c.env.actor, "plugin.view");
      return answerData(await answer(named(c)));
    });
  const act = (
    rest: string,
    permission: HostPermission,
    work: (name: string) => Promise<unknown>,
  ) =>
    app.post(route(rest), async (c) => {
      requireActor(c.env.actor, permission);
      return answerData(await work(named(c)));
    });

  read("", (name) => host.plugin(name));
  read("/history", (name) => host.history(name));
  read("/schedules", (name) => host.schedules(name));
  read("/usage", (name) => host.usage(name));
  act("/verify", "plugin.view", (name) => host.verify(name));
  act("/enable", "plugin.manage", (name) => host.enable(name));
  act("/disable", "plugin.manage", (name) => host.disable(name));
  act("/rollback", "plugin.install", (name) => host.rollback(name));
  app.post(route("/update"), async (c) => {
    const actor = requireActor(c.env.actor, "plugin.install");
    const choices = await body(c.req.raw, updateSchema);
    return answerOperation(c.req.raw, 200, (onProgress) =>
      host.update(named(c), { ...choices, actor, onProgress }),
    );
  });
  app.delete(route(""), async (c) => {
    requireActor(c.env.actor, "plugin.install");
    await host.uninstall(named(c), { keepData: c.req.query("keepData") === "true" });
    return new Response(null, { status: 204 });
  });
  app.post(route("/call"), async (c) => {
    const actor = requireActor(c.env.actor, "plugin.view");
    const { method, args, deadlineMs } = await body(c.req.raw, callSchema);
    // Whoever may see a plugin does not thereby decide how long it may keep the host busy.
    const { wallMs } = host.plugin(named(c)).limits;
    const limit = deadlineMs === undefined ? {} : { deadlineMs: Math.min(deadlineMs, wallMs) };
    const result = await host.call(named(c), method, args, {
      ...limit,
      actor,
      signal: c.req.raw.signal,
    });
    return answerData({ result });
  });
}
