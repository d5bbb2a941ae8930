import type { LookupFunction } from "node:net";
import { type Readable, pipeline } from "node:stream";
import { constants, createBrotliDecompress, createGunzip } from "node:zlib";
import { CALL_LIMITS, type ErrorCode, FETCH_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { Client } from "undici";
import { z } from "zod";
import type { Address } from "./resolve-host.ts";

/** A request as it goes out, to one address and without following anything. */
export interface HopMessage {
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
}

/** What came back, decoded. */
export interface HopAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
  /** null where the status or the method allows none. */
  readonly body: Uint8Array | null;
}

/** How to get there. */
export interface Route {
  readonly addresses: readonly Address[];
  /** Certificates of authorities, in PEM, instead of the ones that Node trusts. */
  readonly ca?: string | undefined;
  readonly signal: AbortSignal;
}

/** Of one connection, or of a body that was encoded and is so no more. */
const NOT_PASSED_ON = [
  "connection",
  "content-encoding",
  "content-length",
  "keep-alive",
  "proxy-authenticate",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
const BODYLESS = [101, 204, 205, 304];

/**
 * Sends one request over a connection of its own. TLS is for the host of the URL, the connection
 * goes to one of `addresses`: the name is not resolved again. Rejects with whatever went wrong.
 */
export async function sendOnce(url: URL, message: HopMessage, route: Route): Promise<HopAnswer> {
  const { addresses, ca, signal } = route;
  const client = new Client(url.origin, {
    connect: {
      lookup: pinned(addresses),
      timeout: FETCH_LIMITS.connectMs,
      ...(ca === undefined ? {} : { ca }),
    },
    maxHeaderSize: FETCH_LIMITS.headerBytes,
    maxResponseSize: CALL_LIMITS.fetchResponseBytes,
    headersTimeout: FETCH_LIMITS.fetchMs,
    bodyTimeout: FETCH_LIMITS.fetchMs,
  });
  try {
    const answer = await client.request({
      path: url.pathname + url.search,
      method: message.method,
      headers: message.headers.flatMap(([name, value]) => [name, value]),
      body: message.body,
      signal,
      reset: true,
      responseHeaders: "raw",
    });
    const { statusCode: status, statusText } = answer;
    const headers = pairsOf(answer.headers);
    const isBodyless = message.method === "HEAD" || BODYLESS.includes(status);
    return {
      status,
      statusText,
      headers: headers.filter(([name]) => !NOT_PASSED_ON.includes(name)),
      body: isBodyless ? null : await readBody(answer.body, headers),
    };
  } finally {
    await client.destroy();
  }
}

function pinned(addresses: readonly Address[]): LookupFunction {
  return function answerPinned(_host, { all = false }, answer) {
    const [first] = addresses;
    if (all) answer(null, [...addresses]);
    else answer(null, first?.address ?? "", first?.family);
  };
}

const rawHeaders = z.array(z.string());

function pairsOf(raw: unknown): [string, string][] {
  const flat = rawHeaders.parse(raw);
  if (flat.length > 2 * FETCH_LIMITS.receivedHeaders) throw badAnswer("has too many headers");
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    (flat[2 * index] ?? "").toLowerCase(),
    flat[2 * index + 1] ?? "",
  ]);
}

async function readBody(
  stream: Readable,
  headers: readonly (readonly [string, string])[],
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of decoded(stream, headers)) {
    size += chunk.length;
    // Counted after decoding: a few kilobytes of gzip can hold gigabytes.
    if (size > CALL_LIMITS.fetchResponseBytes) {
      throw new RbsmError(
        "network_too_large",
        `An answer may have ${CALL_LIMITS.fetchResponseBytes} bytes`,
      );
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

function decoded(
  stream: Readable,
  headers: readonly (readonly [string, string])[],
): AsyncIterable<Uint8Array> {
  const encodings = headers.filter(([name]) => name === "content-encoding");
  const encoding = encodings
    .map(([, value]) => value.trim().toLowerCase())
    .filter((value) => value !== "" && value !== "identity")
    .join(", ");
  if (encoding === "") return stream;
  const decoder = decoderOf(encoding);
  // What goes wrong in either ends the reading of the decoder, where it is seen.
  return pipeline(stream, decoder, () => undefined);
}

/** Like browsers they take a stream without its end, an empty one for instance. */
function decoderOf(encoding: string) {
  if (encoding === "gzip" || encoding === "x-gzip") {
    return createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  }
  if (encoding === "br") {
    return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
  }
  throw badAnswer("has an encoding that was not asked for");
}

/** What a request says of the encodings that {@link sendOnce} reads. */
export const ACCEPTED_ENCODINGS = "gzip, br";

function badAnswer(what: string): RbsmError {
  return new RbsmError("network_bad_answer", `The answer ${what}`);
}

type Failure = readonly [code: ErrorCode, what: string];

const FAILURES: readonly (readonly [pattern: RegExp, failure: Failure])[] = [
  [/^UND_ERR_RES_EXCEEDED/, ["network_too_large", "sent more than may be received"]],
  [/TIMEOUT$/, ["network_timeout", "did not answer in time"]],
  [
    /^(?:UND_ERR_HEADERS|HPE_|Z_|ERR__|ERR_BROTLI)/,
    ["network_bad_answer", "sent what cannot be read"],
  ],
  [/^(?:UND_ERR_|ECONNRESET)/, ["network_interrupted", "did not send its whole answer"]],
];
const UNREACHABLE: Failure = ["network_unreachable", "cannot be reached"];

/**
 * A refusal that says which host and nothing of the way there: a name that does not exist, one that
 * stands for a private address and a connection that is refused look alike, so that plugin code
 * cannot find out about the network that the host stands in.
 */
export function toNetworkError(error: unknown, host: string): RbsmError {
  if (error instanceof RbsmError) return error;
  const code = String(Object(error).code);
  const [, failure] = FAILURES.find(([pattern]) => pattern.test(code)) ?? [null, UNREACHABLE];
  return new RbsmError(failure[0], `${host} ${failure[1]}`, {}, error);
}
