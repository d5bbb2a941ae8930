import { changePageSchema, publisherNameSchema, RbsmError } from "@rising-bsm/protocol";
import type { ChangePage, Locale } from "@rising-bsm/protocol";
import { z } from "zod";
import { answerText, tagAnswer } from "../answer-text.ts";
import { readDatabase, requireSchema, writeDatabase } from "../database.ts";
import { settings } from "../env.ts";
import type { Bindings } from "../env.ts";
import { CACHE, createRoute, createRoutes, jsonAnswer, problemAnswer } from "../http.ts";
import type { AppContext } from "../http.ts";
import { tagPlugin } from "../page-cache/tag.ts";
import { pluginNameOf, pluginParams } from "../plugin-address.ts";
import { TEXTS } from "../site/texts.ts";
import { writeAtom } from "./atom.ts";
import type { Feed } from "./atom.ts";
import { readChangeCursor, writeChangeCursor } from "./change-cursor.ts";
import { changePage, newestPosition } from "./change-page.ts";
import { loadChanges, loadNewestChanges } from "./change-queries.ts";
import {
  listNewestReleases,
  listReleasesOfPlugin,
  listReleasesOfPublisher,
} from "./release-queries.ts";

const MAX_PAGE = 100;
/** Of the log that has no checkpoint yet; more waits only while something is wrong. */
const UNSHOWN = 100;

const changesRoute = createRoute({
  method: "get",
  path: "/v1/changes",
  middleware: [tagAnswer] as const,
  request: {
    query: z
      .object({
        after: z
          .string()
          .optional()
          .describe("`nextCursor` of the page before; `latest` is only what comes from now on"),
        cursor: z.string().optional().describe("The same as `after`, as other lists have it"),
        limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
      })
      .refine(({ after, cursor = after }) => after === undefined || cursor === after, {
        path: ["cursor"],
        message: "must be the same as `after`, or be left out",
      }),
  },
  responses: {
    200: jsonAnswer(changePageSchema, "What changed in public, the oldest first"),
    default: problemAnswer,
  },
});

const atomAnswer = {
  description: "Atom 1.0",
  content: { "application/atom+xml": { schema: z.string() } },
};
const atomQuery = z.object({ lang: z.enum(["en", "de"]).optional() });

function atomRoute<Path extends string, Params extends z.ZodObject>(path: Path, params: Params) {
  return createRoute({
    method: "get",
    path,
    middleware: [requireSchema] as const,
    request: { params, query: atomQuery },
    responses: { 200: atomAnswer, default: problemAnswer },
  });
}

/** What is new: for programs that follow the marketplace, and for people with a feed reader. */
export const feeds = createRoutes();

feeds.openapi(changesRoute, async (c) => {
  const { cursor, after = cursor, limit } = c.req.valid("query");
  const page =
    after === "latest" ? await latestPage(c.env) : await pageAfter(c.env, { after, limit });
  return c.json(page, 200, { "Cache-Control": page.more ? CACHE.history : CACHE.news });
});

/** Read where it was written: a replica that lags would not know the newest cursor. */
async function pageAfter(
  env: Bindings,
  { after: cursor, limit }: { after: string | undefined; limit: number },
): Promise<ChangePage> {
  const after = readChangeCursor(cursor);
  const from = after?.id ?? 0;
  const loaded = await loadChanges(writeDatabase(env), { from, limit: limit + 2 });
  return changePage({ ...loaded, after, limit });
}

async function latestPage(env: Bindings): Promise<ChangePage> {
  const { rows, shownLogSize } = await loadNewestChanges(writeDatabase(env), UNSHOWN);
  const newest = newestPosition(rows, shownLogSize);
  if (newest === undefined) throw new RbsmError("unavailable", "The log is behind its database");
  return { items: [], nextCursor: writeChangeCursor(newest), more: false };
}

feeds.openapi(atomRoute("/feed.atom", z.object({})), async (c) => {
  const { lang = "en" } = c.req.valid("query");
  const releases = await listNewestReleases(readDatabase(c.env));
  const { feedTitle } = TEXTS[lang];
  return answerAtom(c, { title: feedTitle, path: "/feed.atom", page: "/", releases, locale: lang });
});

feeds.openapi(atomRoute("/plugins/{scope}/{name}/feed.atom", pluginParams), async (c) => {
  const { lang = "en" } = c.req.valid("query");
  const plugin = pluginNameOf(c.req.valid("param"));
  const releases = await listReleasesOfPlugin(readDatabase(c.env), plugin);
  if (releases.length === 0) throw new RbsmError("plugin_not_found");
  const page = `/plugins/${plugin}`;
  return answerAtom(c, { ...titled(lang, plugin), path: `${page}/feed.atom`, page, releases });
});

const publisherParams = z.object({ name: publisherNameSchema });

feeds.openapi(atomRoute("/publishers/{name}/feed.atom", publisherParams), async (c) => {
  const { lang = "en" } = c.req.valid("query");
  const { name } = c.req.valid("param");
  const found = await listReleasesOfPublisher(readDatabase(c.env), name);
  if (found === null) throw new RbsmError("not_found");
  const { displayName, releases } = found;
  const path = `/publishers/${name}/feed.atom`;
  return answerAtom(c, { ...titled(lang, displayName), path, page: "/", releases });
});

function titled(locale: Locale, subject: string): Pick<Feed, "title" | "locale"> {
  return { title: `${subject} · ${TEXTS[locale].feedTitle}`, locale };
}

async function answerAtom(
  c: AppContext,
  feed: Omit<Feed, "origin" | "authority">,
): Promise<Response> {
  const { origin } = new URL(c.req.url);
  tagPlugin(c, ...new Set(feed.releases.map(({ plugin }) => plugin)));
  const authority = settings(c.env).LOG_ORIGIN;
  const text = await writeAtom({ ...feed, origin, authority });
  const type = "application/atom+xml; charset=utf-8";
  return answerText(c, { text, type, cache: CACHE.page });
}
