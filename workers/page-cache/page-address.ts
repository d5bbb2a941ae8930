import { isLegacyRequest } from "../legacy/routes.ts";
import { chooseLanguage } from "../site/language.ts";

/** What the databases are asked for and everybody is answered the same: the catalogue, pages, feeds. */
const PAGES =
  /^\/(?:$|(?:plugins|publishers|badge)\/|[\w-]+\.(?:atom|xml)$|sitemap|v1\/(?:plugins|publishers|advisories|changes|scopes)(?:\/|$))/;

/** Whether a kept copy may be answered. Who shows a token or a proof may see more than others do. */
export function isPageRequest(request: Request): boolean {
  const { method, headers } = request;
  if ((method !== "GET" && method !== "HEAD") || isForOne(headers)) return false;
  return PAGES.test(new URL(request.url).pathname) && !isLegacyRequest(request);
}

function isForOne(headers: Headers): boolean {
  return headers.has("Authorization") || headers.has("Rbsm-Proof");
}

const MAX_ADDRESS_LENGTH = 2_048;

/**
 * The address of a page's copy in the Worker's cache, below a path that no route serves: the same for
 * the same parameters in another order, another one for each language. Null: too long to be kept.
 */
export function pageAddress(request: Request): string | null {
  const { origin, pathname, searchParams } = new URL(request.url);
  const accepted = request.headers.get("Accept-Language") ?? undefined;
  const { locale } = chooseLanguage(searchParams.get("lang") ?? undefined, accepted);
  searchParams.sort();
  const address = `${origin}/kept-page/${locale}${pathname}?${searchParams.toString()}`;
  return address.length > MAX_ADDRESS_LENGTH ? null : address;
}
