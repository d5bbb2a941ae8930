import { type Json, RbsmError, releasePath, TRUST_LIMITS, utf8 } from "@rising-bsm/protocol";
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import type { z } from "zod";
import { askedPause, isPassing, pause, pauseAfter } from "./back-off.ts";
import { createFolderSend } from "./folder-send.ts";
import { readCapped, readJson, requireSuccess } from "./read-answer.ts";
import { createHttpSend, type Send } from "./send.ts";

/** Signs a request with the instance key; the result is the `Rbsm-Proof` header. */
export type Prove = (request: {
  method: string;
  url: string;
  body: Uint8Array<ArrayBuffer>;
}) => Promise<string>;

/** One marketplace, asked under size and time limits. Every failure is an RbsmError. */
export interface Marketplace {
  /** Base URL without a trailing slash. */
  readonly url: string;
  readonly send: Send;
  /** Other places that have the same public bundles, in the order in which they are asked. */
  readonly mirrors: readonly Send[];
  /** Ends whatever is done here; undefined for nothing does. */
  readonly signal?: AbortSignal | undefined;
  /** GET of at most `maxBytes`, repeated a few times while the network or the marketplace fails. */
  getBytes(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>>;
  /** As `getBytes`, unless what is there still has this ETag: then null. */
  getIfChanged(order: ConditionalGet): Promise<TaggedBytes | null>;
  /** The bytes of the release statement's envelope, not yet verified. */
  releaseEnvelope(name: string, version: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A JSON request whose answer goes through `schema`; with `prove` it carries the instance's proof. */
  sendJson<T>(request: JsonRequest<T>): Promise<T>;
}

/** A GET that is answered only by something else than what is known. */
export interface ConditionalGet {
  readonly path: string;
  readonly maxBytes: number;
  /** Null: whatever is there. */
  readonly etag: string | null;
}

/** A body and the ETag that it came with. */
export interface TaggedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string | null;
}

/** A request with a JSON body, and the shape its answer must have. */
export interface JsonRequest<T> {
  readonly method: "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body: Json;
  readonly schema: z.ZodType<T>;
  readonly prove?: Prove;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where the marketplace is; `send` replaces the usual way to reach it. */
export interface MarketplaceOptions {
  /** `https:` or `http:`; `file:` or a path names the folder of a mirror. */
  readonly url: string;
  readonly fetch?: typeof fetch;
  readonly send?: Send;
  /** URLs or folders that have the same public bundles; asked in this order when it cannot give one. */
  readonly mirrors?: readonly string[];
  readonly idleMs?: number;
  readonly backOffMs?: number;
  /** Ends every request as `cancelled`, and refuses new ones. */
  readonly signal?: AbortSignal;
}

/** A client for one marketplace. It keeps no state and trusts nothing it reads. */
export function createMarketplace(options: MarketplaceOptions): Marketplace {
  const base = parseBase(options.url);
  const send = cancellable(options.send ?? createSend(base, options), options.signal);
  const mirrors = (options.mirrors ?? []).map((url) =>
    cancellable(createSend(parseBase(url), options), options.signal),
  );
  const getBytes = (path: string, maxBytes: number) =>
    repeat(options, async () => {
      const answer = await send({ method: "GET", path });
      return readCapped(await requireSuccess(answer), maxBytes);
    });
  return {
    url: base.href.replace(/\/$/, ""),
    send,
    mirrors,
    signal: options.signal,
    getBytes,
    getIfChanged: (order) => repeat(options, () => getIfChanged(send, order)),
    releaseEnvelope: (name, version) =>
      getBytes(releasePath(name, version), TRUST_LIMITS.envelopeBytes),
    sendJson: (request) => sendJson({ send, base }, request),
  };
}

function createSend(base: URL, options: MarketplaceOptions): Send {
  return base.protocol === "file:" ? createFolderSend(base) : createHttpSend({ base, ...options });
}

/** Every request ends with `signal` too, whatever else may end it. */
function cancellable(send: Send, signal: AbortSignal | undefined): Send {
  if (signal === undefined) return send;
  return async function sendCancellable(request) {
    if (signal.aborted) throw new RbsmError("cancelled", "The host is closed");
    const both = request.signal == null ? signal : AbortSignal.any([signal, request.signal]);
    return send({ ...request, signal: both });
  };
}

function parseBase(url: string): URL {
  if (isAbsolute(url) || /^\.{1,2}[/\\]/.test(url)) return pathToFileURL(url);
  const base = URL.canParse(url) ? new URL(url) : null;
  if (base !== null && ["http:", "https:", "file:"].includes(base.protocol)) return base;
  throw new RbsmError("usage", `Not a marketplace URL: ${url}`, {
    fix: "Write it like https://marketplace.example.com, or name the folder of a mirror: /srv/mirror",
  });
}

/** Does what only reads again while it fails for a moment, an answer that breaks off included. */
async function repeat<T>(
  { signal, backOffMs }: Pick<MarketplaceOptions, "signal" | "backOffMs">,
  read: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await read();
    } catch (error) {
      const tried = { failures, askedMs: askedPause(error), baseMs: backOffMs };
      const wait = isPassing(error) ? pauseAfter(tried) : null;
      if (wait === null) throw error;
      await pause(wait, signal);
    }
  }
}

/** Visible characters in quotes. What is longer would make the next request too large to be answered. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

async function getIfChanged(
  send: Send,
  { path, maxBytes, etag }: ConditionalGet,
): Promise<TaggedBytes | null> {
  const headers: Record<string, string> = etag === null ? {} : { "if-none-match": etag };
  const answer = await send({ method: "GET", path, headers });
  if (etag !== null && answer.status === 304) {
    await answer.discard();
    return null;
  }
  const bytes = await readCapped(await requireSuccess(answer), maxBytes);
  const given = answer.headers.get("etag") ?? "";
  return { bytes, etag: ETAG.test(given) ? given : null };
}

async function sendJson<T>(
  { send, base }: { send: Send; base: URL },
  request: JsonRequest<T>,
): Promise<T> {
  const body = utf8(JSON.stringify(request.body));
  const url = new URL(base.pathname.replace(/\/$/, "") + request.path, base).href;
  const proof =
    request.prove === undefined
      ? {}
      : { "rbsm-proof": await request.prove({ method: request.method, url, body }) };
  const answer = await send({
    method: request.method,
    path: request.path,
    body,
    headers: { "content-type": "application/json", ...request.headers, ...proof },
  });
  return readJson(await requireSuccess(answer), { schema: request.schema });
}
