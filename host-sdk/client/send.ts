import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";

/** One request to the marketplace. `path` is relative to its base, or a URL of the same origin. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal | undefined;
  /** Longest the whole exchange may take, in ms. */
  readonly totalMs?: number;
}

/** An answer whose body has not been read yet. Reading it throws `network_*` when the connection breaks. */
export interface Incoming {
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Drops the connection without reading the rest. */
  readonly discard: () => Promise<void>;
}

/** The one door to a marketplace: HTTP here, a mirror folder may stand in its place. */
export type Send = (request: Outgoing) => Promise<Incoming>;

/** Where `createHttpSend` sends to, and the time limits a caller may tighten. */
export interface HttpSendOptions {
  readonly base: URL;
  readonly fetch?: typeof fetch;
  readonly idleMs?: number;
}

const REDIRECTS = [301, 302, 303, 307, 308];
const UNREACHABLE_FIX =
  "Check the marketplace URL, the network of this machine and that the marketplace runs.";

/**
 * Sends over HTTP with a total and an idle time limit. Redirects are followed inside the base's
 * origin only, so that an answer cannot point the host at another service.
 */
export function createHttpSend(options: HttpSendOptions): Send {
  const { base } = options;
  const fetchNow = options.fetch ?? fetch;
  return async function sendHttp(request) {
    const url = resolveUrl(base, request.path);
    const clock = startClock(request, options.idleMs ?? CLIENT_LIMITS.idleMs);
    try {
      return await follow(fetchNow, { url, base, request, clock });
    } catch (error) {
      clock.stop();
      throw error;
    }
  };
}

interface Exchange {
  readonly url: URL;
  readonly request: Outgoing;
  readonly clock: Clock;
}

/** The first answer that leads to no other place. */
async function follow(
  fetchNow: typeof fetch,
  { url: first, base, ...exchange }: Exchange & { readonly base: URL },
): Promise<Incoming> {
  let url = first;
  for (let hop = 0; ; hop++) {
    const response = await openResponse(fetchNow, { ...exchange, url });
    const isRedirect = REDIRECTS.includes(response.status);
    const location = isRedirect ? response.headers.get("location") : null;
    if (location === null) return incoming(response, url, exchange.clock);
    await drop(response.body);
    const next = URL.parse(location, url.href);
    const isOver = hop === CLIENT_LIMITS.redirects || exchange.request.method !== "GET";
    if (isOver || next === null) {
      const message = "The marketplace redirects in a way that is not followed";
      throw new RbsmError("network_bad_answer", message, { url: url.href });
    }
    url = resolveUrl(base, next.href);
  }
}

/** What has broken already is dropped too. */
async function drop(body: ReadableStream<Uint8Array> | null): Promise<void> {
  await body?.cancel().catch(() => undefined);
}

function resolveUrl(base: URL, path: string): URL {
  const url = URL.parse(path) ?? URL.parse(base.pathname.replace(/\/$/, "") + path, base.href);
  // The origin of `blob:https://…` is that of the address in it.
  if (url?.origin === base.origin && url.protocol === base.protocol) return url;
  const other = url?.origin ?? path;
  throw new RbsmError("network_bad_answer", `The marketplace pointed to another origin: ${other}`, {
    url: url?.href ?? path,
    fix: `Only ${base.origin} is asked.`,
  });
}

interface Clock {
  readonly signal: AbortSignal;
  /** Starts the idle time anew. */
  readonly touch: () => void;
  readonly stop: () => void;
  /** What ended the exchange, when it was not the network. */
  readonly reason: () => "cancelled" | "idle" | "total" | undefined;
}

function startClock(request: Outgoing, idleMs: number): Clock {
  const controller = new AbortController();
  let reason: ReturnType<Clock["reason"]>;
  const abort = (why: "cancelled" | "idle" | "total") => {
    reason ??= why;
    controller.abort();
  };
  const onCancel = () => abort("cancelled");
  if (request.signal?.aborted) abort("cancelled");
  request.signal?.addEventListener("abort", onCancel, { once: true });
  const total = setTimeout(abort, request.totalMs ?? CLIENT_LIMITS.requestMs, "total");
  const idle = setTimeout(abort, idleMs, "idle");
  return {
    signal: controller.signal,
    touch: () => void idle.refresh(),
    stop: () => {
      clearTimeout(total);
      clearTimeout(idle);
      request.signal?.removeEventListener("abort", onCancel);
    },
    reason: () => reason,
  };
}

async function openResponse(
  fetchNow: typeof fetch,
  { url, request, clock }: Exchange,
): Promise<Response> {
  try {
    const response = await fetchNow(url, {
      method: request.method,
      redirect: "manual",
      signal: clock.signal,
      headers: { "accept-encoding": "identity", ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    clock.touch();
    return response;
  } catch (error) {
    throw networkError(error, { url: url.href, clock, code: "network_unreachable" });
  }
}

function networkError(
  error: unknown,
  {
    url,
    clock,
    code,
  }: { url: string; clock: Clock; code: "network_unreachable" | "network_interrupted" },
): RbsmError {
  const reason = clock.reason();
  if (reason === "cancelled")
    return new RbsmError("cancelled", "The request was cancelled", { url }, error);
  if (reason !== undefined) {
    const message =
      reason === "idle" ? "The marketplace stopped sending" : "The marketplace took too long";
    return new RbsmError("network_timeout", message, { url, fix: UNREACHABLE_FIX }, error);
  }
  const isAway = code === "network_unreachable";
  return new RbsmError(
    code,
    isAway ? `${new URL(url).origin} cannot be reached` : undefined,
    { url, fix: UNREACHABLE_FIX, cause: causeText(error) },
    error,
  );
}

function causeText(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error ? inner.message : String(inner);
}

function incoming(response: Response, url: URL, clock: Clock): Incoming {
  const { body } = response;
  async function* readChunks() {
    try {
      for await (const chunk of body ?? []) {
        clock.touch();
        yield chunk;
      }
    } catch (error) {
      throw networkError(error, { url: url.href, clock, code: "network_interrupted" });
    } finally {
      clock.stop();
    }
  }
  const discard = async () => {
    clock.stop();
    await drop(body);
  };
  return {
    status: response.status,
    headers: response.headers,
    url: url.href,
    chunks: readChunks(),
    discard,
  };
}
