import { RbsmError } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { describeError } from "../describe-error.ts";
import type { AppEnv, Bindings } from "../env.ts";
import { assignRequestId, CACHE } from "../http.ts";
import { sleep } from "../objects.ts";
import { answerProblemPage } from "../site/answer-page.tsx";
import { pageAddress, isPageRequest } from "./page-address.ts";
import { platformCache } from "./page-cache.ts";
import type { KeptPage, PageCache } from "./page-cache.ts";
import { isWithdrawn, loadPurges } from "./purges.ts";
import { tagOf } from "./tag.ts";

type Handler = (request: Request, env: Bindings, context: ExecutionContext) => Promise<Response>;

/** A page that takes longer is answered with its kept copy. */
const SLOW_MS = 800;
/** Without a copy it is waited for this long in all, so that a refusal comes within a second. */
const GIVE_UP_MS = 950;

/**
 * The Worker with its pages kept: while the databases fail or stall, a page is answered with its last
 * copy, for a day at most, and `unavailable` without one. Every other request passes by.
 */
export function keepPages(answer: Handler, cache: PageCache = platformCache()): Handler {
  return async (request, env, context) => {
    if (!isPageRequest(request)) return answer(request, env, context);
    const visit = { request, env, context, cache, at: Date.now(), address: pageAddress(request) };
    const fresh = answer(request, env, context).then((page) => keepPage(page, visit));
    // One that is too late for this request is kept for the next.
    context.waitUntil(fresh);
    const first = await Promise.race([fresh, sleep(SLOW_MS)]);
    if (first instanceof Response && !(await isFailure(first))) return first;
    const rest = GIVE_UP_MS - SLOW_MS;
    const kept = await Promise.race([findPage(visit), sleep(rest).then(() => null)]);
    if (kept !== null) return answerStale(kept, visit, first?.status);
    return first ?? (await Promise.race([fresh, sleep(rest)])) ?? giveUp(visit);
  };
}

/** A Worker that waits for its migrations says so, whatever copies there are. */
async function isFailure(page: Response): Promise<boolean> {
  return page.status >= 500 && !(await page.clone().text()).includes("schema_outdated");
}

interface Visit {
  readonly request: Request;
  readonly env: Bindings;
  readonly context: ExecutionContext;
  readonly cache: PageCache;
  readonly at: number;
  readonly address: string | null;
}

/** Pages for everybody, and those for everybody who reads one language. */
function isForMany({ headers }: Response): boolean {
  const cacheControl = headers.get("Cache-Control") ?? "";
  return cacheControl.startsWith("public,") || cacheControl === CACHE.language;
}

function keepPage(answer: Response, visit: Visit): Response {
  const { request, context, cache, at, address } = visit;
  const page = withPathTag(answer, new URL(request.url).pathname);
  const isKept = page.status === 200 && isForMany(page);
  if (isKept && request.method === "GET" && address !== null) {
    const copy = page.clone();
    const kept = copy.text().then((text) => {
      const headers = [...copy.headers].filter(([name]) => name !== "request-id");
      return cache.keep(address, { at, headers, text });
    });
    context.waitUntil(kept.catch((error) => reportCache(error)));
  }
  return withoutTags(page, cache);
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
  const page = new Response(request.method === "HEAD" ? null : kept.text, {
    headers: kept.headers.map(([name, value]) => [name, value]),
  });
  const why = status === undefined ? "" : `; fwd-status=${status}`;
  page.headers.set("Age", String(Math.max(0, Math.floor((at - kept.at) / 1_000))));
  page.headers.set("Cache-Status", `rising-bsm; fwd=stale${why}`);
  return withoutTags(page, cache);
}

/** Refuses as any route does: people get a page, programs a problem. */
const away = new Hono<AppEnv>();
away.onError(answerProblemPage);
away.use(assignRequestId);
away.all("*", () => {
  throw new RbsmError("unavailable", "The catalogue takes too long to answer now", {
    fix: "Try again in a minute. Downloads and update checks go on meanwhile.",
  });
});

async function giveUp({ request, env, context }: Visit): Promise<Response> {
  return away.fetch(request, env, context);
}
