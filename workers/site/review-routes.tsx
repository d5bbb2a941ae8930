import { PLUGIN_NAME, RbsmError, reportRequestSchema, REVIEW_SORTS } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { z } from "zod";
import { readDatabase, requireSchema } from "../database.ts";
import type { AppEnv } from "../env.ts";
import { limitBody } from "../http.ts";
import type { AppContext } from "../http.ts";
import { tagPlugin } from "../page-cache/tag.ts";
import { makeReport } from "../reports/make-report.ts";
import { findSubject } from "../reviews/queries.ts";
import { readReviews } from "../reviews/read-reviews.ts";
import {
  addSecurityHeaders,
  answerOnce,
  answerPage,
  answerPrivatePage,
  languageOf,
} from "./answer-page.tsx";
import { requireOwnForm } from "./own-form.ts";
import { ReportPage, ReportSentPage } from "./report-page.tsx";
import { REVIEW_TEXTS } from "./review-texts.ts";
import type { ReportMistake } from "./review-texts.ts";
import { ReviewsPage } from "./reviews-page.tsx";

/** All reviews of a plugin, and the form that reports it; both work without a script. */
export const reviewPages = new Hono<AppEnv>();

const listQuery = z.object({
  sort: z.enum(REVIEW_SORTS).catch("new"),
  rating: z.coerce.number().pipe(z.int().min(1).max(5)).optional().catch(undefined),
  cursor: z.string().optional(),
});

reviewPages.get("/plugins/:scope/:plugin/ratings", addSecurityHeaders, requireSchema, async (c) => {
  const name = nameOf(c);
  const query = listQuery.parse(c.req.query());
  const { sort, rating, cursor } = query;
  const found = await readReviews(c.env, name, query);
  if (found === null || found.isPrivate) throw new RbsmError("plugin_not_found");
  const language = languageOf(c);
  const texts = REVIEW_TEXTS[language.locale];
  const chosen = rating === undefined ? [] : [["rating", `${rating}`] as const];
  const frame = {
    language,
    title: `${texts.title}: ${name}`,
    description: texts.origin,
    address: {
      path: `/plugins/${name}/ratings`,
      params: [["sort", sort] as const, ...chosen],
    },
    isIndexed: false,
  };
  tagPlugin(c, name);
  const view = { name, language, page: found.page, sort, rating };
  return answerPage(c, { ...frame, isIndexed: cursor === undefined }, <ReviewsPage {...view} />);
});

reviewPages.get("/plugins/:scope/:plugin/report", addSecurityHeaders, requireSchema, async (c) => {
  const name = nameOf(c);
  const subject = await findSubject(readDatabase(c.env), name);
  if (subject === undefined || subject.visibility === "private") {
    throw new RbsmError("plugin_not_found");
  }
  const written = reportRequestSchema
    .pick({ reason: true, version: true, reviewId: true })
    .partial()
    .catch({})
    .parse(fieldsOf(new URL(c.req.url).searchParams, ["reason", "version", "reviewId"]));
  const view = { name, language: languageOf(c), written: withoutUndefined(written) };
  return answerPage(c, { ...frameOf(c, name), isIndexed: false }, <ReportPage {...view} />);
});

reviewPages.post(
  "/plugins/:scope/:plugin/report",
  addSecurityHeaders,
  requireOwnForm,
  requireSchema,
  async (c) => {
    const name = nameOf(c);
    const view = { name, language: languageOf(c) };
    const written = await readForm(c);
    const wrong = await sendReport(c, name, written);
    if (wrong === null) {
      return answerPrivatePage(c, frameOf(c, name), <ReportSentPage {...view} />);
    }
    c.status(wrong === "limit" ? 429 : 400);
    const page = <ReportPage {...view} written={written} wrong={wrong} />;
    return answerOnce(c, frameOf(c, name), page);
  },
);

/** Sends what was written in the form; answers what is wrong with it when it was not taken. */
async function sendReport(
  c: AppContext,
  plugin: string,
  written: Readonly<Record<string, string>>,
): Promise<ReportMistake | null> {
  const request = reportRequestSchema.safeParse(written);
  if (!request.success) return mistakeIn(request.error.issues[0]?.path[0]);
  const address = c.req.header("cf-connecting-ip");
  const reporting = { address, requestId: c.get("requestId") };
  try {
    await makeReport(c.env, { ...request.data, plugin }, reporting);
    return null;
  } catch (error) {
    if (!(error instanceof RbsmError)) throw error;
    if (error.code === "limit_rate") return "limit";
    if (error.code === "request_invalid") return "subject";
    throw error;
  }
}

function mistakeIn(field: PropertyKey | undefined): ReportMistake {
  return field === "reason" || field === "text" || field === "contact" ? field : "subject";
}

function nameOf(c: AppContext): string {
  const name = `${c.req.param("scope") ?? ""}/${c.req.param("plugin") ?? ""}`;
  if (!PLUGIN_NAME.test(name)) throw new RbsmError("not_found");
  return name;
}

function frameOf(c: AppContext, name: string) {
  const language = languageOf(c);
  const texts = REVIEW_TEXTS[language.locale];
  return {
    language,
    title: `${texts.report}: ${name}`,
    description: texts.reportLead,
    address: { path: `/plugins/${name}/report`, params: [] },
  };
}

/** Fields that were left empty are none. */
function fieldsOf(params: URLSearchParams, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    [...params].filter(([name, value]) => names.includes(name) && value.trim() !== ""),
  );
}

function withoutUndefined(values: Record<string, string | undefined>): Record<string, string> {
  const present = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(present);
}

async function readForm(c: AppContext): Promise<Record<string, string>> {
  await limitBody(c);
  const form = new URLSearchParams(new TextDecoder().decode(await c.req.arrayBuffer()));
  return fieldsOf(form, Object.keys(reportRequestSchema.shape));
}
