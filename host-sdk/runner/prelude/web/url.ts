import { parseUrl, type UrlParts, withQuery, withUrlPart } from "./parse-url.ts";
import { bindParams, parseParams, refillParams, URLSearchParams } from "./url-search-params.ts";
import { usvString } from "./web-idl.ts";

/** The URL of the WHATWG standard; the runner parses what is not plain. */
export class URL {
  #written: UrlParts;
  #params: URLSearchParams | undefined;
  /** The parameters have changed since the URL was written. */
  #isStale = false;

  constructor(url: unknown, base?: unknown) {
    this.#written = required(tryParse(url, base), url);
  }

  static canParse(url: unknown, base?: unknown): boolean {
    return tryParse(url, base) !== undefined;
  }

  static parse(url: unknown, base?: unknown): URL | null {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }

  get href(): string {
    return this.#parts.href;
  }
  set href(value: unknown) {
    this.#replace(required(tryParse(value, undefined), value));
  }

  get origin(): string {
    return this.#parts.origin;
  }

  get protocol(): string {
    return this.#parts.protocol;
  }
  set protocol(value: unknown) {
    this.#set("protocol", value);
  }

  get username(): string {
    return this.#parts.username;
  }
  set username(value: unknown) {
    this.#set("username", value);
  }

  get password(): string {
    return this.#parts.password;
  }
  set password(value: unknown) {
    this.#set("password", value);
  }

  get host(): string {
    return this.#parts.host;
  }
  set host(value: unknown) {
    this.#set("host", value);
  }

  get hostname(): string {
    return this.#parts.hostname;
  }
  set hostname(value: unknown) {
    this.#set("hostname", value);
  }

  get port(): string {
    return this.#parts.port;
  }
  set port(value: unknown) {
    this.#set("port", value);
  }

  get pathname(): string {
    return this.#parts.pathname;
  }
  set pathname(value: unknown) {
    this.#set("pathname", value);
  }

  get search(): string {
    return this.#parts.search;
  }
  set search(value: unknown) {
    this.#set("search", value);
    this.#refill();
  }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.#parts.search);
      bindParams(this.#params, () => {
        this.#isStale = true;
      });
    }
    return this.#params;
  }

  get hash(): string {
    return this.#parts.hash;
  }
  set hash(value: unknown) {
    this.#set("hash", value);
  }

  toString(): string {
    return this.#parts.href;
  }

  toJSON(): string {
    return this.#parts.href;
  }

  get #parts(): UrlParts {
    if (this.#isStale && this.#params !== undefined) {
      this.#isStale = false;
      this.#written = withQuery(this.#written, this.#params.toString());
    }
    return this.#written;
  }

  #set(key: keyof UrlParts, value: unknown): void {
    this.#written = withUrlPart(this.#parts, key, usvString(value)) ?? this.#written;
  }

  #replace(parts: UrlParts): void {
    this.#written = parts;
    this.#refill();
  }

  #refill(): void {
    this.#isStale = false;
    if (this.#params !== undefined)
      refillParams(this.#params, parseParams(this.#written.search.slice(1)));
  }
}

function tryParse(url: unknown, base: unknown): UrlParts | undefined {
  const text = usvString(url);
  if (base === undefined) return parseUrl(text, undefined);
  const baseParts =
    base instanceof URL ? parseUrl(base.href, undefined) : parseUrl(usvString(base), undefined);
  return baseParts && parseUrl(text, baseParts);
}

function required(parts: UrlParts | undefined, input: unknown): UrlParts {
  if (parts !== undefined) return parts;
  const error = new TypeError("Invalid URL");
  throw Object.assign(error, { code: "ERR_INVALID_URL", input: usvString(input) });
}
