import { Body, extractBody, shareContent } from "./body.ts";
import { type Headers, type HeadersInit, headersWithType, lockHeaders } from "./headers.ts";
import { URL } from "./url.ts";

export interface ResponseInit {
  readonly status?: number;
  readonly statusText?: string;
  readonly headers?: HeadersInit;
}

const NO_BODY = [101, 103, 204, 205, 304];
const REDIRECTS = [301, 302, 303, 307, 308];

interface Facts {
  type: string;
  url: string;
  status: number;
  redirected: boolean;
}

const PLAIN_FACTS = { type: "default", url: "", redirected: false };

/** What only the prelude says of a response: where it came from. */
export let setFacts: (response: Response, facts: Partial<Facts>) => void;

export class Response extends Body {
  readonly #statusText: string;
  readonly #headers: Headers;
  #facts: Facts;

  constructor(body?: unknown, init: ResponseInit | null = {}) {
    const { content, type } = extractBody(body);
    const { status = 200, statusText = "", headers } = init ?? {};
    super(content);
    this.#facts = { ...PLAIN_FACTS, status: checkedStatus(status, content !== null) };
    this.#statusText = checkedReason(statusText);
    this.#headers = headersWithType(headers, type);
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const headers = headersWithType(init.headers, "application/json");
    const text: unknown = JSON.stringify(value);
    if (typeof text !== "string") throw new TypeError("The value has no JSON");
    return new Response(text, { ...init, headers });
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    const location = new URL(url).href;
    const code = Number(status);
    if (!REDIRECTS.includes(code)) throw new RangeError(`${code} is not a redirect`);
    const response = new Response(null, { status: code, headers: { location } });
    lockHeaders(response.#headers);
    return response;
  }

  static error(): Response {
    const response = new Response();
    setFacts(response, { type: "error", status: 0 });
    lockHeaders(response.#headers);
    return response;
  }

  get type(): string {
    return this.#facts.type;
  }

  get url(): string {
    return this.#facts.url;
  }

  get redirected(): boolean {
    return this.#facts.redirected;
  }

  get status(): number {
    return this.#facts.status;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get headers(): Headers {
    return this.#headers;
  }

  clone(): Response {
    const { statusText, headers } = this;
    const copy = new Response(shareContent(this), { statusText, headers });
    copy.#facts = { ...this.#facts };
    return copy;
  }

  static {
    setFacts = (response, facts) => {
      response.#facts = { ...response.#facts, ...facts };
    };
  }
}

function checkedStatus(status: unknown, hasBody: boolean): number {
  const code = Number(status);
  if (!Number.isInteger(code) || code < 200 || code > 599)
    throw new RangeError(`${code} is not a status`);
  if (hasBody && NO_BODY.includes(code))
    throw new TypeError(`A response with status ${code} has no body`);
  return code;
}

function checkedReason(value: unknown): string {
  const text = String(value);
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text))
    throw new TypeError("The status text has a character that is not allowed");
  return text;
}
