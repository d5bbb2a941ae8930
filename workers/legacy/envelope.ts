import { RbsmError, problemSchema } from "@rising-bsm/protocol";
import type { z } from "zod";
import { answerError, CACHE, limitBody } from "../http.ts";
import type { AppContext } from "../http.ts";

/** The end of a list, counted as the old system counts. */
export interface Pagination {
  readonly page: number;
  readonly limit: number;
  readonly total: number;
}

type Data = Readonly<Record<string, unknown>>;

/**
 * The old envelope. The old connector takes the whole answer for the data, so the data's fields
 * stand beside the envelope's too.
 */
export function answer(
  c: AppContext,
  data: Data | null,
  { message, status = 200 }: { readonly message?: string; readonly status?: 200 | 201 } = {},
): Response {
  return send(c, { ...enveloped(data, message), ...data }, status);
}

/** A page of a list. */
export function answerPage(
  c: AppContext,
  items: readonly Data[],
  pagination: Pagination,
): Response {
  const { limit, total } = pagination;
  const pages = { ...pagination, totalPages: Math.ceil(total / limit) };
  return send(c, { ...enveloped(items), total, pagination: pages }, 200);
}

function enveloped(data: Data | readonly Data[] | null, message?: string) {
  const said = message === undefined ? {} : { message };
  return { success: true, data, ...said, error: null, timestamp: new Date().toISOString() };
}

function send(c: AppContext, body: Data, status: 200 | 201): Response {
  return c.json(body, status, { "Cache-Control": CACHE.none });
}

const CODES: Readonly<Record<number, string>> = {
  400: "VALIDATION_ERROR",
  401: "AUTHENTICATION_REQUIRED",
  403: "INSUFFICIENT_PERMISSIONS",
  404: "NOT_FOUND",
  409: "CONFLICT",
  422: "VALIDATION_ERROR",
  429: "RATE_LIMIT_EXCEEDED",
  503: "SERVICE_UNAVAILABLE",
};

/** A refusal in the old envelope; the code of the new one is among its details. */
export async function answerLegacyError(error: Error, c: AppContext): Promise<Response> {
  const refused = answerError(error, c);
  const { status, code, title, detail, fix, requestId } = problemSchema.parse(await refused.json());
  const headers = new Headers(refused.headers);
  headers.set("Content-Type", "application/json");
  const body = {
    success: false,
    data: null,
    message: detail ?? title,
    error: { code: CODES[status] ?? "INTERNAL_ERROR", details: { code, fix, requestId } },
    timestamp: new Date().toISOString(),
  };
  return new Response(JSON.stringify(body), { status, headers });
}

/** The JSON of a request, whatever type it says it has. Throws `request_invalid`, `limit_body`. */
export async function readJson<Schema extends z.ZodType>(
  c: AppContext,
  schema: Schema,
): Promise<z.output<Schema>> {
  await limitBody(c);
  const parsed = schema.safeParse(await parseBody(c));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.map(String).join(".") ?? "";
  throw new RbsmError("request_invalid", `${place === "" ? "The body" : place}: ${issue?.message}`);
}

async function parseBody(c: AppContext): Promise<unknown> {
  try {
    return await c.req.json();
  } catch (cause) {
    throw new RbsmError("request_invalid", "The body is not JSON", {}, cause);
  }
}
