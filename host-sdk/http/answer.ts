import { type Json, RbsmError } from "@rising-bsm/protocol";

/** Headers that every answer of the host carries. */
const BASE_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
} as const;

/** `{data}` as JSON. */
export function answerData(data: unknown, status = 200): Response {
  return Response.json({ data }, { status, headers: BASE_HEADERS });
}

/** RFC 9457 problem details of a refusal; anything unexpected says nothing about its cause. */
export function answerProblem(error: unknown): Response {
  const refusal = error instanceof RbsmError ? error : new RbsmError("internal");
  const { fix, findings } = refusal.detail;
  // What a proxy takes for its own record of a client that went away is no answer.
  const status = refusal.status === 499 ? 409 : refusal.status;
  const problem = {
    type: "about:blank",
    title: refusal.message,
    status,
    code: refusal.code,
    detail: refusal.message,
    ...(fix === undefined ? {} : { fix }),
    ...(findings === undefined ? {} : { findings }),
  };
  return Response.json(problem, {
    status,
    headers: { ...BASE_HEADERS, "content-type": "application/problem+json" },
  });
}

/** A page of the host itself: no script, nothing from elsewhere, forms to itself only. */
export function answerPage(html: string, status = 200): Response {
  return new Response(html, {
    status,
    headers: {
      ...BASE_HEADERS,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    },
  });
}

/** One server-sent event. */
export function eventFrame(event: string, data: Json): Uint8Array {
  return new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
