import { AbortController, type AbortSignal } from "./abort.ts";
import { Body, type BodyContent, contentOf, empty, extractBody } from "./body.ts";
import { URL } from "./url.ts";
import { type Headers, type HeadersInit, headersWithType } from "./headers.ts";

export interface RequestInit {
  readonly method?: string;
  readonly headers?: HeadersInit;
  readonly body?: unknown;
  readonly redirect?: string;
  readonly signal?: AbortSignal | null;
}

const DEFAULTS: Settings = {
  method: "GET",
  headers: undefined,
  redirect: "follow",
  signal: undefined,
};
const NORMALIZED = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

interface Settings {
  readonly method: string;
  readonly headers: HeadersInit | undefined;
  readonly redirect: string;
  readonly signal: AbortSignal | undefined;
}

export class Request extends Body {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: string;
  readonly signal: AbortSignal;

  constructor(input: unknown, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const { content, type } = bodyFor(from, init);
    const { method, headers, redirect, signal } = settingsOf(from ?? DEFAULTS, init);
    super(content);
    this.method = checkedMethod(method, content !== null);
    this.url = from?.url ?? checkedUrl(input);
    this.redirect = redirect;
    this.signal = signal ?? new AbortController().signal;
    this.headers = headersWithType(headers, type);
    if (from !== undefined && init.body === undefined) empty(from);
  }

  get body(): null {
    return null;
  }

  clone(): Request {
    const { method, headers, redirect, signal } = this;
    return new Request(this.url, { method, headers, redirect, signal, body: contentOf(this) });
  }
}

function settingsOf(from: Settings, init: RequestInit): Settings {
  return {
    method: init.method ?? from.method,
    headers: init.headers ?? from.headers,
    redirect: init.redirect ?? from.redirect,
    signal: init.signal ?? from.signal,
  };
}

function bodyFor(
  from: Request | undefined,
  init: RequestInit,
): { content: BodyContent; type: string | null } {
  if (init.body === undefined && from !== undefined)
    return { content: contentOf(from), type: null };
  return extractBody(init.body);
}

function checkedMethod(method: unknown, hasBody: boolean): string {
  const text = String(method);
  const upper = text.toUpperCase();
  if (!TOKEN.test(text) || FORBIDDEN.includes(upper))
    throw new TypeError(`"${text.slice(0, 32)}" is not a method`);
  if (hasBody && (upper === "GET" || upper === "HEAD"))
    throw new TypeError(`A ${upper} request has no body`);
  return NORMALIZED.includes(upper) ? upper : text;
}

function checkedUrl(input: unknown): string {
  const url = new URL(String(input));
  if (url.username !== "" || url.password !== "")
    throw new TypeError("The URL of a request has no credentials");
  return url.href;
}
