import { problemSchema, sha256Hex, utf8 } from "@rising-bsm/protocol";
import { createMiddleware } from "hono/factory";
import type { Child } from "hono/jsx";
import type { AppEnv } from "../env.ts";
import { answerError, CACHE } from "../http.ts";
import type { AppContext } from "../http.ts";
import { chooseLanguage } from "./language.ts";
import type { Language } from "./language.ts";
import { renderPage } from "./layout.tsx";
import type { PageFrame } from "./layout.tsx";
import { ProblemPage } from "./problem-page.tsx";
import { STYLES } from "./styles.ts";
import { TEXTS } from "./texts.ts";

/** Nothing but this site's own style sheet and icon loads, and no script runs. */
export const SECURITY_HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "X-Content-Type-Options": "nosniff",
} as const;

export const addSecurityHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!c.res.headers.has(name)) c.header(name, value);
  }
});

export function languageOf(c: AppContext): Language {
  return chooseLanguage(c.req.query("lang"), c.req.header("Accept-Language"));
}

/** A page that is the same for everybody who reads its language. */
export function answerPage(
  c: AppContext,
  frame: Omit<PageFrame, "styleSheet">,
  content: Child,
): Promise<Response> {
  // Without a language in the URL the page depends on who asks: a shared cache must not keep it.
  c.header("Cache-Control", frame.language.chosen ? CACHE.page : CACHE.language);
  return answerHtml(c, frame, content);
}

/** A page for one reader: nobody keeps it. */
export function answerOnce(
  c: AppContext,
  frame: Omit<PageFrame, "styleSheet" | "isIndexed">,
  content: Child,
): Promise<Response> {
  c.header("Cache-Control", CACHE.none);
  return answerHtml(c, { ...frame, isIndexed: false }, content);
}

/** A page for one reader, whose address is a secret: no link passes it on either. */
export function answerPrivatePage(
  c: AppContext,
  frame: Omit<PageFrame, "styleSheet" | "isIndexed">,
  content: Child,
): Promise<Response> {
  c.header("Referrer-Policy", "no-referrer");
  return answerOnce(c, frame, content);
}

async function answerHtml(
  c: AppContext,
  frame: Omit<PageFrame, "styleSheet">,
  content: Child,
): Promise<Response> {
  const styleSheet = await styleSheetPath();
  c.header("Content-Language", frame.language.locale);
  c.header("Vary", "Accept-Language");
  return c.html(renderPage({ ...frame, styleSheet }, content));
}

/** `answerError()` decides; a person gets its problem as a page, a program as it is. */
export async function answerProblemPage(error: Error, c: AppContext): Promise<Response> {
  const answer = answerError(error, c);
  const isPage = !c.req.path.startsWith("/v1/");
  if (!isPage || !(c.req.header("Accept") ?? "").includes("text/html")) return answer;
  const problem = problemSchema.parse(await answer.json());
  const language = languageOf(c);
  const texts = TEXTS[language.locale];
  const title = problem.status === 404 ? texts.notFoundTitle : texts.errorTitle;
  const styleSheet = await styleSheetPath();
  const frame = {
    language,
    title,
    description: title,
    address: { path: "/", params: [] },
    styleSheet,
  };
  const content = <ProblemPage problem={problem} language={language} />;
  const headers = new Headers({ ...SECURITY_HEADERS, "Content-Type": "text/html; charset=utf-8" });
  headers.set("Cache-Control", CACHE.none);
  const retryAfter = answer.headers.get("Retry-After");
  if (retryAfter !== null) headers.set("Retry-After", retryAfter);
  const page = await renderPage({ ...frame, isIndexed: false }, content);
  return new Response(page.toString(), { status: problem.status, headers });
}

const digests = new Map<string, string>();

async function styleSheetPath(): Promise<string> {
  const digest = digests.get(STYLES) ?? (await sha256Hex(utf8(STYLES))).slice(0, 16);
  digests.set(STYLES, digest);
  return `/site/style.css?v=${digest}`;
}
