import {
  RbsmError,
  reportPageSchema,
  reportRequestSchema,
  reportResolutionSchema,
  reportResultSchema,
  reportSchema,
  resolvedReportPageSchema,
} from "@rising-bsm/protocol";
import type { Report } from "@rising-bsm/protocol";
import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { assertOwnsPlugin, requireAdmin, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { isoTime } from "../iso-time.ts";
import { cutPage, openListCursor } from "../licenses/list-cursor.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { makeReport } from "./make-report.ts";
import { listOpen, listResolved, resolveReport } from "./queries.ts";
import type { StoredReport } from "./tables.ts";

const pageQuery = z.object({
  cursor: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const makeRoute = createRoute({
  method: "post",
  path: "/v1/plugins/{scope}/{name}/reports",
  request: { params: pluginParams, body: jsonBody(reportRequestSchema) },
  responses: { 202: jsonAnswer(reportResultSchema, "Taken"), default: problemAnswer },
});

const toldRoute = createRoute({
  method: "get",
  path: "/v1/plugins/{scope}/{name}/reports",
  middleware: [requirePublisher("publish")] as const,
  security: TOKEN,
  request: { params: pluginParams, query: pageQuery },
  responses: {
    200: jsonAnswer(resolvedReportPageSchema, "What reports about the plugin led to"),
    default: problemAnswer,
  },
});

const listRoute = createRoute({
  method: "get",
  path: "/v1/reports",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { query: pageQuery.extend({ state: z.enum(["open", "resolved"]).default("open") }) },
  responses: { 200: jsonAnswer(reportPageSchema, "The reports"), default: problemAnswer },
});

const resolveRoute = createRoute({
  method: "post",
  path: "/v1/reports/{id}/resolve",
  middleware: [requireAdmin] as const,
  security: TOKEN,
  request: { params: z.object({ id: z.uuid() }), body: jsonBody(reportResolutionSchema) },
  responses: { 200: jsonAnswer(reportSchema, "Resolved, now or before"), default: problemAnswer },
});

/** What people report, and what the administrator makes of it. */
export const reports = createRoutes();

reports.openapi(makeRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const address = c.req.header("cf-connecting-ip");
  const reporting = { address, requestId: c.get("requestId") };
  const reportId = await makeReport(c.env, { ...c.req.valid("json"), plugin }, reporting);
  return c.json({ reportId }, 202);
});

reports.openapi(toldRoute, async (c) => {
  const plugin = pluginNameOf(c.req.valid("param"));
  const { cursor, limit } = c.req.valid("query");
  await assertOwnsPlugin(c, plugin);
  const list = `reports of ${plugin}`;
  const after = await openListCursor(c.env, list, cursor);
  const found = await listResolved(writeDatabase(c.env), plugin, { after, limit: limit + 1 });
  const { rows, nextCursor } = await cutPage(c.env, found, { list, limit, position: resolvedAt });
  const items = rows.map((row) => {
    const { text: _text, contact: _contact, ...told } = showReport(row);
    return told;
  });
  return c.json({ items, nextCursor }, 200);
});

reports.openapi(listRoute, async (c) => {
  const { cursor, limit, state } = c.req.valid("query");
  const list = `reports ${state}`;
  const after = await openListCursor(c.env, list, cursor);
  const db = writeDatabase(c.env);
  const wanted = { after, limit: limit + 1 };
  const isOpen = state === "open";
  const found = isOpen ? await listOpen(db, wanted) : await listResolved(db, null, wanted);
  const position = isOpen ? createdAt : resolvedAt;
  const { rows, nextCursor } = await cutPage(c.env, found, { list, limit, position });
  return c.json({ items: rows.map(showReport), nextCursor }, 200);
});

reports.openapi(resolveRoute, async (c) => {
  const { id } = c.req.valid("param");
  const resolution = c.req.valid("json");
  const fact = { action: "report.resolve", subject: id, at: Date.now(), detail: resolution };
  const audit = auditEntry(c, fact);
  const report = await resolveReport(writeDatabase(c.env), id, { resolution, audit });
  if (report === undefined) throw new RbsmError("not_found");
  if (report.action !== resolution.action || report.note !== resolution.note) {
    throw new RbsmError("conflict_state", "The report was resolved otherwise");
  }
  return c.json(showReport(report), 200);
});

function createdAt(report: StoredReport) {
  return { at: report.createdAt, id: report.id };
}

function resolvedAt(report: StoredReport) {
  return { at: report.resolvedAt ?? 0, id: report.id };
}

function showReport({ id, createdAt: at, resolvedAt: until, ...stored }: StoredReport): Report {
  const { once: _once, ...report } = stored;
  return { ...report, reportId: id, createdAt: isoTime(at), resolvedAt: isoTime(until) };
}
