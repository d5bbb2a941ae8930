import { RbsmError } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { requireSchema } from "../database.ts";
import type { AppEnv } from "../env.ts";
import { CACHE, refuseOtherMethods } from "../http.ts";
import type { AppContext } from "../http.ts";
import { addSecurityHeaders, answerPage, answerProblemPage } from "./answer-page.tsx";
import { SECURITY_HEADERS } from "./answer-page.tsx";
import { BrowsePage } from "./browse-page.tsx";
import { loadBrowse } from "./load-browse.ts";
import { offlinePages } from "./offline-routes.tsx";
import { orderPages } from "./order-routes.tsx";
import { pluginPages } from "./plugin-routes.tsx";
import { reviewPages } from "./review-routes.tsx";
import { STYLES } from "./styles.ts";
import { TEXTS } from "./texts.ts";

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/><path d="M10 9v6a6 6 0 0 0 12 0V9M16 21v5" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>';

/** The public pages. Everything works without a script, and all state is in the URL. */
export const site = new Hono<AppEnv>();

site.onError(answerProblemPage);
site.get("/", addSecurityHeaders, requireSchema, (c) => answerBrowse(c));

site.get("/site/style.css", (c) =>
  c.body(STYLES, 200, {
    "Content-Type": "text/css; charset=utf-8",
    // Under its digest the style sheet never changes; without, it is only looked at.
    "Cache-Control": c.req.query("v") === undefined ? CACHE.none : CACHE.immutable,
    ...SECURITY_HEADERS,
  }),
);

site.get("/site/icon.svg", (c) =>
  c.body(ICON, 200, {
    "Content-Type": "image/svg+xml",
    "Cache-Control": CACHE.pointer,
    ...SECURITY_HEADERS,
  }),
);

site.route("/", pluginPages);
site.route("/", orderPages);
site.route("/", reviewPages);
site.route("/", offlinePages);

refuseOtherMethods(site);

/** Mounted last: whatever no feature knows. */
site.get("*", addSecurityHeaders, () => {
  throw new RbsmError("not_found");
});

async function answerBrowse(c: AppContext): Promise<Response> {
  const browse = await loadBrowse(c);
  const { language, request, params } = browse;
  const texts = TEXTS[language.locale];
  const frame = {
    language,
    title: request.text === "" ? texts.siteName : request.text,
    description: texts.tagline,
    address: { path: "/", params },
    isIndexed: request.cursor === null,
  };
  return answerPage(c, frame, <BrowsePage {...browse} />);
}
