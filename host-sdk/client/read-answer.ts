import {
  CLIENT_LIMITS,
  concatBytes,
  type ErrorCode,
  isErrorCode,
  parseJson,
  RbsmError,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { readRetryAfter } from "./retry-after.ts";
import type { Incoming } from "./send.ts";

/** Reads a whole body, but never more than `maxBytes` of it. */
export async function readCapped(
  answer: Incoming,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(answer.headers.get("content-length") ?? 0);
  if (announced > maxBytes) {
    await answer.discard();
    throw tooLong(answer.url, maxBytes);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.chunks) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLong(answer.url, maxBytes);
    parts.push(chunk);
  }
  return concatBytes(...parts);
}

function tooLong(url: string, maxBytes: number): RbsmError {
  return new RbsmError("network_bad_answer", `The marketplace sent more than ${maxBytes} bytes`, {
    url,
    maxBytes,
  });
}

/** The answer as it is when its status is 2xx; otherwise throws what the marketplace's problem says. */
export async function requireSuccess(answer: Incoming): Promise<Incoming> {
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw await problemError(answer);
}

const problemSchema = z.looseObject({
  code: z.string().optional(),
  detail: z.string().optional(),
  title: z.string().optional(),
  requestId: z.string().optional(),
  fix: z.string().optional(),
  refusal: z.string().optional(),
});

async function problemError(answer: Incoming): Promise<RbsmError> {
  const problem = await readProblem(answer);
  const code = isErrorCode(problem.code) ? problem.code : codeOfStatus(answer.status);
  const { requestId, fix, refusal } = problem;
  const retryAfterMs = readRetryAfter(answer.headers);
  return new RbsmError(code, problem.detail ?? problem.title, {
    url: answer.url,
    status: answer.status,
    ...(requestId === undefined ? {} : { requestId }),
    ...(fix === undefined ? {} : { fix }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}

async function readProblem(answer: Incoming): Promise<z.output<typeof problemSchema>> {
  if (!/\bjson\b/.test(answer.headers.get("content-type") ?? "")) {
    await answer.discard();
    return {};
  }
  const bytes = await readCapped(answer, CLIENT_LIMITS.problemBytes);
  const value = parseJson(bytes, {
    maxBytes: CLIENT_LIMITS.problemBytes,
    code: "network_bad_answer",
  });
  return problemSchema.safeParse(value).data ?? {};
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 404) return "not_found";
  if (status === 401 || status === 403) return "auth_refused";
  if (status === 429) return "limit_rate";
  return status >= 500 ? "unavailable" : "network_bad_answer";
}

/** Reads a JSON body under a size limit and through `schema`; 204 is `undefined`. */
export async function readJson<T>(
  answer: Incoming,
  { schema, maxBytes = CLIENT_LIMITS.jsonBytes }: { schema: z.ZodType<T>; maxBytes?: number },
): Promise<T> {
  const bytes = await readCapped(answer, maxBytes);
  const value =
    answer.status === 204 ? undefined : parseJson(bytes, { maxBytes, code: "network_bad_answer" });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RbsmError("network_bad_answer", undefined, {
    url: answer.url,
    findings: parsed.error.issues.map((issue) => ({
      rule: "network_bad_answer",
      path: issue.path.join("."),
      message: issue.message,
    })),
  });
}
