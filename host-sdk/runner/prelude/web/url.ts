import "core-js/modules/web.url.js";
import "core-js/modules/web.url.can-parse.js";
import "core-js/modules/web.url.parse.js";
import "core-js/modules/web.url.to-json.js";
import "core-js/modules/web.url-search-params.js";
import "core-js/modules/web.url-search-params.delete.js";
import "core-js/modules/web.url-search-params.has.js";
import "core-js/modules/web.url-search-params.size.js";

/** What core-js has put on the global object: only the members that the prelude itself uses. */
interface UrlClass {
  new (url: string): {
    readonly href: string;
    readonly username: string;
    readonly password: string;
  };
}

interface SearchParams extends Iterable<[string, string]> {
  toString(): string;
}

interface SearchParamsClass {
  new (init: string | Iterable<readonly [string, string]>): SearchParams;
}

const found: { readonly URL: UrlClass; readonly URLSearchParams: SearchParamsClass } =
  Object(globalThis);
export const { URL, URLSearchParams } = found;
