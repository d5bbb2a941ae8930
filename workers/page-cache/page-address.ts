import { isLegacyRequest } from "../legacy/routes.ts";
import { chooseLanguage } from "../site/language.ts";

/**
 * What the databases are asked for and everybody is answered the same: the catalogue, pages, feeds. What
 * nobody may keep is not among them: without a copy there is nothing better than to wait for it.
 */
const PAGES =
  /^\/(?:$|(?:plugins|publishers|badge)\/|[\w-]+\.atom$|v1\/(?:plugins|changes)(?:\/|$)|v1\/advisories\/)/;

/** Whether a kept copy may be answered. Who shows a token or a proof may see more than others do. */
export function isPageRequest(request: Request): boolean {
  const { method, headers } = request;
  if ((method !== "GET" && method !== "HEAD") || isForOne(headers)) return false;
  return PAGES.test(pathOf(request)) && !isLegacyRequest(request);
}

/** The path, with the sign of scopes as it is, which many clients escape. */
export function pathOf({ url }: Request): string {
  return new URL(url).pathname.replaceAll("%40", "@");
}

function isForOne(headers: Headers): boolean {
  return headers.has("Authorization") || headers.has("Rbsm-Proof");
}

const MAX_ADDRESS_LENGTH = 2_048;

/**
 * The address of a page's copy in the Worker's cache, below a path that no route serves: the same for
 * the same parameters in another order, another one for each language. Null: not kept, because it is too
 * long, or because a path that is escaped where it need not be may hide which plugin it is about.
 */
export function pageAddress(request: Request): string | null {
  const { origin, searchParams } = new URL(request.url);
  const path = pathOf(request);
  const accepted = request.headers.get("Accept-Language") ?? undefined;
  const { locale } = chooseLanguage(searchParams.get("lang") ?? undefined, accepted);
  searchParams.sort();
  const address = `${origin}/kept-page/${locale}${path}?${searchParams.toString()}`;
  return address.length > MAX_ADDRESS_LENGTH || path.includes("%") ? null : address;
}
