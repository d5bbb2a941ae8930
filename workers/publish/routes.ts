import { RbsmError, publishResultSchema } from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { assertOwnsPlugin, requireAdmin, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import type { AppContext } from "../http.ts";
import { advance } from "../log/advance.ts";
import { pluginNameOf, pluginParams, versionParams } from "../plugin-address.ts";
import type { Version } from "../schema.ts";
import { revokedKey, throwRefusal } from "./check-signature.ts";
import { publishRelease } from "./publish-release.ts";
import type { Publication } from "./publish-release.ts";
import {
  approveVersion,
  findRemoval,
  findSigner,
  findVersion,
  listInReview,
  markVersion,
  moveChannel,
  rejectVersion,
} from "./queries.ts";
import type { Mark, Target } from "./queries.ts";
import { removedPlugin } from "./remove-plugin.ts";

const VERSION_PATH = "/v1/plugins/{scope}/{name}/versions/{version}";
const reason = z.string().trim().min(1).max(500);
const stateSchema = z.object({ version: z.string(), status: z.string() });
const changed = { 200: jsonAnswer(stateSchema, "Done, now or before"), default: problemAnswer };

const publishRoute = createRoute({
  method: "put",
  path: VERSION_PATH,
  middleware: [requirePublisher("publish")] as const,
  security: TOKEN,
  request: {
    params: versionParams,
    body: {
      description: "The .rbsm bytes, with their Content-Length",
      content: { "application/octet-stream": { schema: z.any() } },
    },
  },
  responses: {
    200: jsonAnswer(publishResultSchema, "The same bytes were published before"),
    201: jsonAnswer(publishResultSchema, "Published, or waiting for review"),
    default: problemAnswer,
  },
});

const markBody = jsonBody(
  z.strictObject({ reason: reason.nullable().describe("Null takes the mark away again") }),
);

const yankRoute = createRoute({
  method: "post",
  path: `${VERSION_PATH}/yank`,
  middleware: [requirePublisher("yank")] as const,
  security: TOKEN,
  request: { params: versionParams, body: markBody },
  responses: changed,
});

const deprecateRoute = createRoute({
  method: "post",
  path: `${VERSION_PATH}/deprecate`,
  middleware: [requirePublisher("yank")] as const,
  security: TOKEN,
  request: { params: versionParams, body: markBody },
  responses: changed,
});

const approveRoute = createRoute({
  method: "post",
  path: `${VERSION_PATH}/approve`,
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { params: versionParams },
  responses: changed,
});

const rejectRoute = createRoute({
  method: "post",
  path: `${VERSION_PATH}/reject`,
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { params: versionParams, body: jsonBody(z.strictObject({ reason })) },
  responses: changed,
});

const channelRoute = createRoute({
  method: "put",
  path: "/v1/plugins/{scope}/{name}/channels/{channel}",
  middleware: [requirePublisher("publish")] as const,
  security: TOKEN,
  request: {
    params: pluginParams.extend({ channel: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/) }),
    body: jsonBody(z.strictObject({ version: versionParams.shape.version })),
  },
  responses: changed,
});

const queueRoute = createRoute({
  method: "get",
  path: "/v1/review-queue",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  responses: {
    200: jsonAnswer(
      z.object({
        items: z.array(
          z.object({
            plugin: z.string(),
            version: z.string(),
            sha256: z.string(),
            size: z.int(),
            submittedAt: z.iso.datetime(),
          }),
        ),
      }),
      "What waits for a decision, the oldest first",
    ),
    default: problemAnswer,
  },
});

/** Releases: publish, review, yank, deprecate, channels. */
export const publish = createRoutes();

publish.openapi(publishRoute, async (c) => {
  const publication = await publishRelease(c, targetOf(c.req.valid("param")));
  const result = publishResult(publication);
  return publication.created ? c.json(result, 201) : c.json(result, 200);
});

function publishResult({ row, findings }: Publication): z.output<typeof publishResultSchema> {
  return {
    status: row.status === "in_review" ? "in_review" : "published",
    version: row.version,
    sha256: row.sha256,
    findings: [...findings],
  };
}

publish.openapi(yankRoute, async (c) => {
  const target = targetOf(c.req.valid("param"));
  const { reason } = c.req.valid("json");
  return c.json(
    await setMark(c, target, { action: "release.yank", mark: { yankedReason: reason } }),
    200,
  );
});

publish.openapi(deprecateRoute, async (c) => {
  const target = targetOf(c.req.valid("param"));
  const { reason } = c.req.valid("json");
  return c.json(
    await setMark(c, target, { action: "release.deprecate", mark: { deprecatedReason: reason } }),
    200,
  );
});

async function setMark(
  c: AppContext,
  target: Target,
  { action, mark }: { action: string; mark: Mark },
) {
  await assertOwnsPlugin(c, target.plugin);
  const db = writeDatabase(c.env);
  await requireVersion(c, target, ["publishing", "released", "published"]);
  const entry = auditEntry(c, {
    action,
    subject: subjectOf(target),
    at: Date.now(),
    detail: { ...mark },
  });
  await markVersion(db, { ...target, mark }, entry);
  return finished(c, target);
}

publish.openapi(approveRoute, async (c) => {
  const target = targetOf(c.req.valid("param"));
  const { status, logIndex, statusReason } = await requireVersion(c, target);
  if (status === "rejected" && logIndex !== null) {
    throw new RbsmError("conflict_state", statusReason ?? undefined, {
      fix: "Publish the next version",
    });
  }
  assertStillSigned(await findSigner(writeDatabase(c.env), target));
  const at = Date.now();
  const entry = auditEntry(c, { action: "release.approve", subject: subjectOf(target), at });
  await approveVersion(writeDatabase(c.env), { ...target, at }, entry).catch(throwRefusal);
  return c.json(await finished(c, target), 200);
});

/** A release that waits can outlive the right of who signed it. */
function assertStillSigned(signing: Awaited<ReturnType<typeof findSigner>>): void {
  if (signing === undefined) return;
  if (signing.revokedAt !== null) throw revokedKey();
  if (signing.signer === signing.owner) return;
  throw new RbsmError("conflict_state", `The scope belongs to "${signing.owner}" now`);
}

publish.openapi(rejectRoute, async (c) => {
  const target = targetOf(c.req.valid("param"));
  const { reason } = c.req.valid("json");
  await requireVersion(c, target, ["in_review", "rejected"]);
  const fact = { action: "release.reject", subject: subjectOf(target), at: Date.now() };
  const entry = auditEntry(c, { ...fact, detail: { reason } });
  await rejectVersion(writeDatabase(c.env), { ...target, reason }, entry);
  return c.json(await finished(c, target), 200);
});

publish.openapi(channelRoute, async (c) => {
  const { channel, ...params } = c.req.valid("param");
  const target = targetOf({ ...params, version: c.req.valid("json").version });
  await assertOwnsPlugin(c, target.plugin);
  const { yankedReason } = await requireVersion(c, target, ["published"]);
  if (yankedReason !== null) {
    throw new RbsmError("conflict_state", "The version is yanked: no channel can name it");
  }
  const fact = { action: "channel.move", subject: target.plugin, at: Date.now() };
  const entry = auditEntry(c, { ...fact, detail: { channel, version: target.version } });
  await moveChannel(writeDatabase(c.env), { ...target, channel }, entry);
  return c.json(await finished(c, target), 200);
});

publish.openapi(queueRoute, async (c) => {
  const rows = await listInReview(writeDatabase(c.env), 100);
  const items = rows.map(({ plugin, version, sha256, size, createdAt }) => ({
    plugin,
    version,
    sha256,
    size,
    submittedAt: new Date(createdAt).toISOString(),
  }));
  return c.json({ items }, 200);
});

function targetOf({ version, ...plugin }: z.output<typeof versionParams>): Target {
  return { plugin: pluginNameOf(plugin), version };
}

function subjectOf({ plugin, version }: Target): string {
  return `${plugin}@${version}`;
}

/** The version, in one of these states when any are named. */
async function requireVersion(
  c: AppContext,
  target: Target,
  states?: readonly Version["status"][],
): Promise<Version> {
  const row = await findVersion(writeDatabase(c.env), target);
  if (row === undefined) throw new RbsmError("plugin_not_found");
  if ((await findRemoval(writeDatabase(c.env), target.plugin)) !== null) {
    throw removedPlugin(target.plugin);
  }
  if (states !== undefined && !states.includes(row.status)) {
    throw new RbsmError("conflict_state", `The version is ${row.status.replace("_", " ")}`);
  }
  return row;
}

/** Brings what is served up to date before the caller hears of the change. */
async function finished(c: AppContext, target: Target) {
  await advance(c.env, new Date(), target.plugin);
  const { version, status } = await requireVersion(c, target);
  return { version, status };
}
