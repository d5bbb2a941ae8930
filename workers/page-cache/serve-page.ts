import { RbsmError } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { describeError } from "../describe-error.ts";
import { isNotModified } from "../downloads/decide-delivery.ts";
import type { AppEnv, Bindings } from "../env.ts";
import { assignRequestId, CACHE } from "../http.ts";
import { sleep } from "../objects.ts";
import { OPEN_PATHS, openToPages } from "../open-to-pages.ts";
import { pathOf } from "../plugin-address.ts";
import { answerProblemPage } from "../site/answer-page.tsx";
import { isPageRequest, pageAddress } from "./page-address.ts";
import { platformCache } from "./page-cache.ts";
import type { KeptPage, PageCache } from "./page-cache.ts";
import { isWithdrawn, loadPurges } from "./purges.ts";
import { tagOf } from "./tag.ts";
import { watchStall } from "./watch-stall.ts";
import type { Stall } from "./watch-stall.ts";

type Handler = (request: Request, env: Bindings, context: ExecutionContext) => Promise<Response>;

/** How long a page is waited for, in ms since it was asked for. */
interface Patience {
  /** The copy is looked for from here on: its bucket may be as far away as a database. */
  readonly look: number;
  /** A page that takes longer is answered with its copy. */
  readonly slow: number;
  /** Without a copy, a page that takes longer is refused. */
  readonly giveUp: number;
}

const PATIENCE: Patience = { look: 400, slow: 800, giveUp: 950 };

/**
 * The Worker with its pages kept: while the databases fail or stall, a page is answered with its last
 * copy, for a day at most, and `unavailable` without one. Every other request passes by.
 */
export function keepPages(
  answer: Handler,
  cache: PageCache = platformCache(),
  patience: Patience = PATIENCE,
): Handler {
  const stall = watchStall();
  return async (request, env, context) => {
    if (!isPageRequest(request)) return withoutTags(await answer(request, env, context), cache);
    const address = pageAddress(request);
    const visit = { request, env, context, cache, patience, stall, at: Date.now(), address };
    const spared = stall.isOn(visit.at) ? await within(visit, "slow", findPage(visit)) : null;
    if (spared) return answerStale(spared, visit);
    const fresh = answer(request, env, context).then((page) => keepPage(page, visit));
    // One that is too late for this request is kept for the next.
    context.waitUntil(fresh);
    return waitForPage(fresh, visit);
  };
}

async function waitForPage(fresh: Promise<Answered>, visit: Visit): Promise<Response> {
  const soon = await within(visit, "look", fresh);
  if (soon?.isFailure === false) return soon.page;
  const copy = findPage(visit);
  const first = soon ?? (await within(visit, "slow", fresh));
  if (first?.isFailure === false) return first.page;
  if (first === undefined) visit.stall.add(visit.at, fresh);
  const stale = copy.then((kept) => kept && answerStale(kept, visit, first?.page.status));
  return (await within(visit, "giveUp", goodOrStale(fresh, stale))) ?? giveUp(visit);
}

/** What comes within a time since the page was asked for; else undefined. */
function within<T>(visit: Visit, until: keyof Patience, what: Promise<T>): Promise<T | undefined> {
  const { at, patience } = visit;
  return Promise.race([what, sleep(at + patience[until] - Date.now()).then(() => undefined)]);
}

/** The page or its copy, whichever comes first; with neither, the failure. */
async function goodOrStale(
  fresh: Promise<Answered>,
  stale: Promise<Response | null>,
): Promise<Response> {
  const good = fresh.then(({ page, isFailure }) => (isFailure ? null : page));
  return (await Promise.race([good, stale])) ?? (await good) ?? (await stale) ?? (await fresh).page;
}

interface Answered {
  readonly page: Response;
  readonly isFailure: boolean;
}

/** A Worker that waits for its migrations says so, whatever copies there are. */
async function isFailureOf(page: Response): Promise<boolean> {
  return page.status >= 500 && !(await page.clone().text()).includes("schema_outdated");
}

interface Visit {
  readonly request: Request;
  readonly env: Bindings;
  readonly context: ExecutionContext;
  readonly cache: PageCache;
  readonly patience: Patience;
  readonly stall: Stall;
  readonly at: number;
  /** Of its copy; null where none is kept. */
  readonly address: string | null;
}

/** Pages for everybody, and those for everybody who reads one language. */
function isForMany({ headers }: Response): boolean {
  const cacheControl = headers.get("Cache-Control") ?? "";
  return cacheControl.startsWith("public,") || cacheControl === CACHE.language;
}

async function keepPage(answer: Response, visit: Visit): Promise<Answered> {
  const { request, context, cache, at, address } = visit;
  const page = withPathTag(answer, pathOf(request));
  const isKept = page.status === 200 && isForMany(page);
  if (address !== null && isKept && request.method === "GET") {
    const copy = page.clone();
    const kept = copy.text().then((text) => {
      const headers = [...copy.headers].filter(([name]) => name !== "request-id");
      return cache.keep(address, { at, headers, text });
    });
    context.waitUntil(kept.catch((error) => reportCache(error)));
  }
  const isFailure = await isFailureOf(page);
  return { page: withoutTags(page, cache), isFailure };
}

/** A page below a plugin's address is about that plugin, whatever else it shows. */
function withPathTag(page: Response, pathname: string): Response {
  const [plugin] = /@[a-z0-9-]+\/[a-z0-9-]+/.exec(pathname) ?? [];
  const tags = page.headers.get("Cache-Tag")?.split(",") ?? [];
  if (plugin === undefined || tags.includes(tagOf(plugin))) return page;
  const tagged = new Response(page.body, page);
  tagged.headers.set("Cache-Tag", [...tags, tagOf(plugin)].join(","));
  return tagged;
}

function reportCache(error: unknown): void {
  console.error({ pageCache: "A copy was not kept", cause: describeError(error) });
}

/** Tags are for a cache in front, which takes them off. */
function withoutTags(page: Response, { isBehindCache }: PageCache): Response {
  if (isBehindCache || !page.headers.has("Cache-Tag")) return page;
  const bare = new Response(page.body, page);
  bare.headers.delete("Cache-Tag");
  return bare;
}

/** The copy, unless something that it shows has been taken down since. Null when that cannot be told. */
async function findPage({ cache, address, env }: Visit): Promise<KeptPage | null> {
  if (address === null) return null;
  try {
    const [kept, purges] = await Promise.all([cache.find(address), loadPurges(env.PRIVATE)]);
    return kept === null || isWithdrawn(kept, purges) ? null : kept;
  } catch (error) {
    reportCache(error);
    return null;
  }
}

function answerStale(kept: KeptPage, { request, cache, at }: Visit, status?: number): Response {
  const headers = new Headers(kept.headers.map(([name, value]) => [name, value]));
  const etag = headers.get("ETag");
  const isKnown = etag !== null && isNotModified(request, etag);
  const isEmpty = isKnown || request.method === "HEAD";
  if (isKnown) headers.delete("Content-Type");
  const page = new Response(isEmpty ? null : kept.text, { status: isKnown ? 304 : 200, headers });
  const why = status === undefined ? "" : `; fwd-status=${status}`;
  page.headers.set("Age", String(Math.max(0, Math.floor((at - kept.at) / 1_000))));
  page.headers.set("Cache-Status", `rising-bsm; fwd=stale${why}`);
  return withoutTags(page, cache);
}

/** Refuses as any route does: people get a page, programs a problem. */
const away = new Hono<AppEnv>();
away.onError(answerProblemPage);
for (const path of OPEN_PATHS) away.use(path, openToPages);
away.use(assignRequestId);
away.all("*", () => {
  throw new RbsmError("unavailable", "The catalogue takes too long to answer now", {
    fix: "Try again in a minute. Downloads and update checks go on meanwhile.",
  });
});

async function giveUp({ request, env, context }: Visit): Promise<Response> {
  return away.fetch(request, env, context);
}
