import { sendableText } from "../host-calls.ts";
import { Body, contentOf, extractBody } from "./body.ts";
import { Headers, type HeadersInit, headersWithType } from "./headers.ts";

export interface ResponseInit {
  readonly status?: number;
  readonly statusText?: string;
  readonly headers?: HeadersInit;
}

const NO_BODY = [204, 205, 304];
const REDIRECTS = [301, 302, 303, 307, 308];

export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly redirected: boolean = false;
  readonly type: string = "default";
  readonly url: string = "";

  constructor(body?: unknown, init: ResponseInit | null = {}) {
    const { content, type } = extractBody(body);
    const { status = 200, statusText = "", headers } = init ?? {};
    super(content);
    checkStatus(status, content !== null);
    this.status = status;
    this.statusText = statusText;
    this.headers = headersWithType(headers, type);
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get body(): null {
    return null;
  }

  clone(): Response {
    return new Response(contentOf(this), this);
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(sendableText(value), { ...init, headers });
  }

  static redirect(url: unknown, status = 302): Response {
    if (!REDIRECTS.includes(status)) throw new RangeError(`${status} is not a redirect`);
    return new Response(null, { status, headers: { location: String(url) } });
  }

  static error(): Response {
    return new Response(null, { status: 500 });
  }
}

function checkStatus(status: number, hasBody: boolean): void {
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new RangeError(`${status} is not a status`);
  if (hasBody && NO_BODY.includes(status))
    throw new TypeError(`A response with status ${status} has no body`);
}
