import { AbortController, AbortSignal } from "./abort.ts";
import { Body, type BodyContent, extractBody, shareContent, takeContent } from "./body.ts";
import { Headers, type HeadersInit, headersWithType, TOKEN } from "./headers.ts";
import { URL } from "./url.ts";
import { domString } from "./web-idl.ts";

export interface RequestInit extends Partial<Record<keyof Modes, unknown>> {
  readonly method?: unknown;
  readonly headers?: HeadersInit;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null;
}

/** What a browser would heed: kept and shown, and of these only `redirect` does something. */
interface Modes {
  readonly cache: string;
  readonly credentials: string;
  readonly integrity: string;
  readonly keepalive: boolean;
  readonly mode: string;
  readonly redirect: string;
  readonly referrer: string;
  readonly referrerPolicy: string;
}

const DEFAULTS: Modes = {
  cache: "default",
  credentials: "same-origin",
  integrity: "",
  keepalive: false,
  mode: "cors",
  redirect: "follow",
  referrer: "about:client",
  referrerPolicy: "",
};
const CHOICES: readonly (readonly [keyof Modes, readonly string[]])[] = [
  ["cache", ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"]],
  ["credentials", ["omit", "same-origin", "include"]],
  ["mode", ["same-origin", "no-cors", "cors"]],
  ["redirect", ["follow", "error", "manual"]],
];
const NORMALIZED = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

export class Request extends Body {
  readonly #method: string;
  readonly #url: string;
  readonly #headers: Headers;
  readonly #signal: AbortSignal;
  readonly #modes: Modes;

  constructor(input: unknown, init?: RequestInit | null) {
    const options = init ?? {};
    const from = input instanceof Request ? input : undefined;
    const url = from?.url ?? checkedUrl(input);
    const method = checkedMethod(options.method ?? from?.method ?? "GET");
    const modes = modesOf(from, options);
    const signal = signalFor(from, options);
    const { content, type } = bodyFor(from, { init: options.body, method });
    super(content);
    this.#method = method;
    this.#url = url;
    this.#modes = modes;
    this.#signal = signal;
    this.#headers = headersWithType(options.headers ?? from?.headers, type);
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  get destination(): string {
    return "";
  }

  get duplex(): string {
    return "half";
  }

  get isHistoryNavigation(): boolean {
    return false;
  }

  get isReloadNavigation(): boolean {
    return false;
  }

  get cache(): string {
    return this.#modes.cache;
  }

  get credentials(): string {
    return this.#modes.credentials;
  }

  get integrity(): string {
    return this.#modes.integrity;
  }

  get keepalive(): boolean {
    return this.#modes.keepalive;
  }

  get mode(): string {
    return this.#modes.mode;
  }

  get redirect(): string {
    return this.#modes.redirect;
  }

  get referrer(): string {
    return this.#modes.referrer;
  }

  get referrerPolicy(): string {
    return this.#modes.referrerPolicy;
  }

  clone(): Request {
    const { method, headers, signal } = this;
    return new Request(this.url, {
      ...this.#modes,
      method,
      headers: new Headers(headers),
      signal,
      body: shareContent(this),
    });
  }
}

function modesOf(request: Request | undefined, init: RequestInit): Modes {
  const from = request ?? DEFAULTS;
  for (const [key, choices] of CHOICES) {
    const value = init[key];
    if (value !== undefined && !choices.includes(domString(value)))
      throw new TypeError(`"${domString(value)}" is not a value of ${key}`);
  }
  const text = (key: Exclude<keyof Modes, "keepalive">) => domString(init[key] ?? from[key]);
  return {
    cache: text("cache"),
    credentials: text("credentials"),
    integrity: text("integrity"),
    keepalive: Boolean(init.keepalive ?? from.keepalive),
    mode: text("mode"),
    redirect: text("redirect"),
    referrer: text("referrer"),
    referrerPolicy: text("referrerPolicy"),
  };
}

/** A request has a signal of its own that does what the given one does. */
function signalFor(from: Request | undefined, init: RequestInit): AbortSignal {
  const signal = init.signal === undefined ? from?.signal : init.signal;
  if (signal === undefined || signal === null) return new AbortController().signal;
  if (!(signal instanceof AbortSignal)) throw new TypeError("The signal is not an AbortSignal");
  return AbortSignal.any([signal]);
}

interface RequestBody {
  readonly content: BodyContent;
  readonly type: string | null;
}

function bodyFor(
  from: Request | undefined,
  { init, method }: { init: unknown; method: string },
): RequestBody {
  const isGiven = init !== undefined && init !== null;
  if (isGiven && (method === "GET" || method === "HEAD"))
    throw new TypeError(`A ${method} request has no body`);
  if (isGiven || from === undefined) return extractBody(init);
  return { content: takeContent(from), type: null };
}

function checkedMethod(method: unknown): string {
  const text = domString(method);
  const upper = text.toUpperCase();
  if (!TOKEN.test(text) || FORBIDDEN.includes(upper))
    throw new TypeError(`"${text.slice(0, 32)}" is not a method`);
  return NORMALIZED.includes(upper) ? upper : text;
}

function checkedUrl(input: unknown): string {
  const url = new URL(input);
  if (url.username !== "" || url.password !== "")
    throw new TypeError("The URL of a request has no credentials");
  return url.href;
}
