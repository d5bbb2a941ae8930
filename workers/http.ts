import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { ERRORS, RbsmError, TRUST_LIMITS } from "@rising-bsm/protocol";
import type { ErrorCode, Finding } from "@rising-bsm/protocol";
import type { Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { z } from "zod";
import { isDatabaseAway } from "./database.ts";
import { blankSecrets, describeError } from "./describe-error.ts";
import type { AppEnv } from "./env.ts";

export type AppContext = Context<AppEnv>;

/** An app for one feature's routes. Everything that does not fit its schemas is `request_invalid`. */
export function createRoutes(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.error);
    },
  });
}

function invalidRequest(error: {
  issues: readonly { path: PropertyKey[]; message: string }[];
}): RbsmError {
  const findings = error.issues.map((issue) => ({
    rule: "request_invalid",
    path: issue.path.map(String).join("."),
    message: issue.message,
  }));
  return new RbsmError("request_invalid", undefined, { findings });
}

export const assignRequestId = createMiddleware<AppEnv>(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  await next();
  c.header("Request-Id", c.get("requestId"));
});

export const CACHE = {
  none: "no-store",
  /** Content-addressed or versioned: the bytes under this URL never change. */
  immutable: "public, max-age=31536000, immutable",
  /** A static document that is replaced in place; a stale copy is better than none. */
  pointer: "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800",
  /** An answer from the catalogue. `s-maxage` would switch both stale- directives off. */
  page: "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400",
  /** Such an answer in the language of who asks: shared caches would mix them. */
  language: "private, max-age=60",
  /** The end of a feed, which grows. */
  news: "public, max-age=5, stale-if-error=86400",
  /** A full part of a feed. It does not change, but a database that was set back may tell another one. */
  history: "public, max-age=86400, immutable",
  /** Robots come back within days. */
  robots: "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=604800",
} as const;

/** What no route has marked cacheable must not be kept: without the header a cache keeps it for hours. */
export const defaultToNoStore = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (!c.res.headers.has("Cache-Control")) c.header("Cache-Control", CACHE.none);
});

/** Whether who asks shows a token or a proof, and may see more than others do. */
export function isForOne({ headers }: Request): boolean {
  return headers.has("Authorization") || headers.has("Rbsm-Proof");
}

const JSON_BODY_BYTES = 64 * 1024;
/** Routes whose JSON may be longer. */
const LONG_BODIES: Readonly<Record<string, number>> = { "/v1/trust": TRUST_LIMITS.uploadBytes };

/** Reads a JSON body up to its limit before any schema sees it. Publishing streams its own. */
export const limitJsonBody = createMiddleware<AppEnv>(async (c, next) => {
  if (c.req.header("content-type")?.includes("json") ?? false) await limitBody(c);
  await next();
});

/** Reads the body up to the limit of JSON; what is read from the request afterwards is this copy. */
export async function limitBody({ req }: { readonly req: { raw: Request } }): Promise<void> {
  const { method, body } = req.raw;
  // A body means nothing in a GET or HEAD, and a request made anew cannot hold it.
  if (body === null || method === "GET" || method === "HEAD") return;
  const maxBytes = LONG_BODIES[new URL(req.raw.url).pathname] ?? JSON_BODY_BYTES;
  const bytes = await readBody(req.raw, { maxBytes, tooLarge: "limit_body" });
  req.raw = new Request(req.raw, { method, body: bytes });
}

/** The body's bytes; stops reading at the limit. A declared Content-Length has to be the real one. */
export async function readBody(
  request: Request,
  limit: { readonly maxBytes: number; readonly tooLarge: ErrorCode },
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = declaredLength(request);
  if ((declared ?? 0) > limit.maxBytes) throw new RbsmError(limit.tooLarge);
  const body = new Uint8Array(declared ?? limit.maxBytes);
  let length = 0;
  for await (const chunk of chunksOf(request)) {
    if (length + chunk.byteLength > body.byteLength) {
      throw new RbsmError(declared === null ? limit.tooLarge : "request_length");
    }
    body.set(chunk, length);
    length += chunk.byteLength;
  }
  if (declared !== null && length !== declared) throw new RbsmError("request_length");
  return declared === null ? body.slice(0, length) : body;
}

function declaredLength(request: Request): number | null {
  const header = request.headers.get("content-length");
  if (header === null) return null;
  if (!/^\d{1,15}$/.test(header)) throw new RbsmError("request_length");
  return Number(header);
}

/** A connection that breaks while its body is read is the sender's fault, not ours. */
async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  try {
    for await (const chunk of request.body) yield chunk;
  } catch (cause) {
    throw new RbsmError("request_length", "The body ended before its announced length", {}, cause);
  }
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  requestId: z.string(),
  fix: z.string().optional(),
  findings: z
    .array(
      z.object({
        rule: z.string(),
        path: z.string(),
        message: z.string(),
        fix: z.string().optional(),
      }),
    )
    .optional(),
  refusal: z.string().optional(),
});

/** OpenAPI: what a request can be let in by. */
export const SECURITY_SCHEMES = {
  token: { type: "http", scheme: "bearer", description: "A publisher's or the admin's API token" },
  proof: {
    type: "apiKey",
    in: "header",
    name: "Rbsm-Proof",
    description: "JWS (typ rbsm-proof+jwt, alg Ed25519) over this request by the instance key",
  },
} as const;

/** OpenAPI: the route asks for a token. */
export const TOKEN: Record<string, string[]>[] = [{ token: [] }];
/** OpenAPI: the route asks for an instance's proof. */
export const PROOF: Record<string, string[]>[] = [{ proof: [] }];

/** OpenAPI: a JSON answer. */
export function jsonAnswer<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** OpenAPI: a required JSON body. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { "application/json": { schema } } };
}

/** OpenAPI: every refusal of every route has this one shape. */
export const problemAnswer = {
  description: "Refused: RFC 9457 problem details",
  content: { "application/problem+json": { schema: problemSchema } },
};

export { createRoute };

export function answerNotFound(): never {
  throw new RbsmError("not_found");
}

/** Answers every path that has routes with 405 for the methods that none of them is for. */
export function refuseOtherMethods(app: Hono<AppEnv>): void {
  const known = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    const methods = known.get(path) ?? new Set();
    known.set(path, methods.add(method));
    if (method === "GET") methods.add("HEAD");
  }
  for (const [path, methods] of known) {
    const headers = { Allow: [...methods].join(", ") };
    app.all(path, () => {
      throw new RbsmError("request_method", undefined, { headers });
    });
  }
}

/** The one place where an error becomes an answer. */
export function answerError(error: Error, c: AppContext): Response {
  const refusal = toRbsmError(error);
  const code = publicCode(refusal.code);
  const [status, title] = ERRORS[code];
  logRefusal(refusal, c);
  const problem = {
    type: `https://rising-bsm.com/problems/${code}`,
    title,
    status,
    code,
    detail: code === refusal.code ? refusal.message : title,
    requestId: c.get("requestId"),
    ...publicDetail(refusal),
  };
  const headers = new Headers({
    "Content-Type": "application/problem+json",
    "Cache-Control": CACHE.none,
  });
  for (const [name, value] of Object.entries(ownHeaders(refusal))) headers.set(name, value);
  if (status === 401) headers.set("WWW-Authenticate", "Bearer");
  const isForLater = status === 429 || status === 503;
  if (isForLater && !headers.has("Retry-After")) headers.set("Retry-After", "30");
  return new Response(JSON.stringify(problem), { status, headers });
}

function toRbsmError(error: Error): RbsmError {
  if (error instanceof RbsmError) return error;
  if (error instanceof HTTPException && error.status < 500) {
    return new RbsmError("request_invalid", error.message);
  }
  return new RbsmError(isDatabaseAway(error) ? "unavailable" : "internal", undefined, {}, error);
}

/** Why a license or token was refused helps only the one who guesses. */
function publicCode(code: ErrorCode): ErrorCode {
  if (ERRORS[code][2]) return code;
  return code.startsWith("license_") ? "license_refused" : "auth_refused";
}

const ownHeadersSchema = z.record(z.string(), z.string()).catch({});

/** A refusal names in its detail the headers that its status asks for, such as Allow for 405. */
function ownHeaders({ detail }: RbsmError): Record<string, string> {
  return ownHeadersSchema.parse(detail["headers"]);
}

interface PublicDetail {
  readonly fix?: string;
  readonly findings?: readonly Finding[];
  readonly refusal?: string;
}

function publicDetail({ detail }: RbsmError): PublicDetail {
  const { fix, findings, refusal } = detail;
  return {
    ...(fix === undefined ? {} : { fix }),
    ...(findings === undefined ? {} : { findings }),
    ...(typeof refusal === "string" ? { refusal } : {}),
  };
}

function logRefusal(refusal: RbsmError, c: AppContext): void {
  const isPublic = ERRORS[refusal.code][2];
  if (refusal.status < 500 && isPublic) return;
  console.error({
    requestId: c.get("requestId"),
    method: c.req.method,
    path: withoutSecrets(c.req.path),
    code: refusal.code,
    message: blankSecrets(refusal.message),
    cause: refusal.cause === undefined ? undefined : describeError(refusal.cause),
  });
}

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const SECRET_SEGMENT = new RegExp(`/(licenses|download)/(?!(?:${UUID}|[a-z]+)(?:/|$))[^/]+`, "g");

/** A path for the log: the old connector's hold license keys and links to paid bundles. */
function withoutSecrets(path: string): string {
  return path.replace(SECRET_SEGMENT, "/$1/…");
}
