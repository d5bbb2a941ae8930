import { sha256Hex, utf8 } from "@rising-bsm/protocol";
import { createMiddleware } from "hono/factory";
import { isNotModified } from "./downloads/decide-delivery.ts";
import type { AppEnv } from "./env.ts";
import type { AppContext } from "./http.ts";

interface TextAnswer {
  readonly text: string;
  readonly type: string;
  /** Cache-Control. */
  readonly cache: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a text that is made anew each time under an entity tag, so that who has it gets 304. */
export async function answerText(
  c: AppContext,
  { text, type, cache, headers = {} }: TextAnswer,
): Promise<Response> {
  const bytes = utf8(text);
  const etag = `"${await sha256Hex(bytes)}"`;
  const common = {
    ...headers,
    ETag: etag,
    "Cache-Control": cache,
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
  };
  if (isNotModified(c.req.raw, etag)) return c.body(null, 304, common);
  return c.body(text, 200, { ...common, "Content-Type": type });
}

/** The same for what a route answers in JSON, and says how long to keep. */
export const tagAnswer = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  const { status, headers } = c.res;
  const [type, cache] = [headers.get("Content-Type"), headers.get("Cache-Control")];
  if (status !== 200 || type === null || cache === null) return;
  c.res = await answerText(c, { text: await c.res.text(), type, cache });
});
