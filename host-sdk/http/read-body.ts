import { concatBytes, parseJson, RbsmError } from "@rising-bsm/protocol";
import type { z } from "zod";

/** Reads a request body, but never more than `maxBytes` of it. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new RbsmError("limit_body", `The body may have ${maxBytes} bytes`, { maxBytes });
    parts.push(chunk);
  }
  return concatBytes(...parts);
}

/** A JSON body through `schema`; every mistake at once as `request_invalid`. An empty body is `{}`. */
export async function readJsonBody<T>(
  request: Request,
  { schema, maxBytes }: { schema: z.ZodType<T>; maxBytes: number },
): Promise<T> {
  const bytes = await readBody(request, maxBytes);
  const value =
    bytes.length === 0 ? {} : parseJson(bytes, { maxBytes, maxDepth: 64, code: "request_invalid" });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RbsmError("request_invalid", "The body is not what this route takes", {
    findings: parsed.error.issues.map(({ path, message }) => ({
      rule: "request_invalid",
      path: path.join("."),
      message,
    })),
  });
}

/** The same for a body with a secret: what is wrong is not repeated, because a parser quotes the text. */
export async function readSecretBody<T>(
  request: Request,
  { shape, ...limits }: { schema: z.ZodType<T>; maxBytes: number; shape: string },
): Promise<T> {
  try {
    return await readJsonBody(request, limits);
  } catch (error) {
    if (error instanceof RbsmError && error.code !== "request_invalid") throw error;
    throw new RbsmError("request_invalid", `The body is ${shape}`);
  }
}
