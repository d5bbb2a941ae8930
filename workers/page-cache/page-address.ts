import { isForOne } from "../http.ts";
import { isLegacyRequest } from "../legacy/routes.ts";
import { pathOf } from "../plugin-address.ts";
import { chooseLanguage } from "../site/language.ts";

/**
 * What the databases are asked for and everybody is answered the same: the catalogue, pages, feeds. What
 * nobody may keep is not among them: without a copy there is nothing better than to wait for it.
 */
const PAGES =
  /^\/(?:$|(?:plugins|publishers|badge)\/|[\w-]+\.atom$|v1\/(?:plugins|changes)(?:\/|$)|v1\/advisories\/)/;

/** Whether nobody waits for it longer than for a page, whoever asks: all of them ask the same tables. */
export function isPageRequest(request: Request): boolean {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") return false;
  return PAGES.test(pathOf(request)) && !isLegacyRequest(request);
}

const MAX_ADDRESS_LENGTH = 2_048;

/**
 * The address of a page's copy in the Worker's cache, below a path that no route serves: the same for
 * the same parameters in another order, another one for each language. Null: not kept, because who shows a
 * token or a proof may see more than others do, because it is too long, or because a path that is escaped
 * where it need not be may hide which plugin it is about.
 */
export function pageAddress(request: Request): string | null {
  if (isForOne(request)) return null;
  const { origin, searchParams } = new URL(request.url);
  const path = pathOf(request);
  const accepted = request.headers.get("Accept-Language") ?? undefined;
  const { locale } = chooseLanguage(searchParams.get("lang") ?? undefined, accepted);
  searchParams.sort();
  const address = `${origin}/kept-page/${locale}${path}?${searchParams.toString()}`;
  return address.length > MAX_ADDRESS_LENGTH || path.includes("%") ? null : address;
}
