import {
  CLIENT_LIMITS,
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
  // Not a list of chunks: a million of one byte each would take a hundred times their length.
  let bytes = new Uint8Array(FIRST_BYTES);
  let size = 0;
  for await (const chunk of answer.chunks) {
    if (size + chunk.byteLength > maxBytes) throw tooLong(answer.url, maxBytes);
    if (size + chunk.byteLength > bytes.byteLength) {
      const longer = new Uint8Array(Math.max(2 * bytes.byteLength, size + chunk.byteLength));
      longer.set(bytes);
      bytes = longer;
    }
    bytes.set(chunk, size);
    size += chunk.byteLength;
  }
  return bytes.slice(0, size);
}

const FIRST_BYTES = 16 * 1024;

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

const LONGEST_TEXT = 1_000;

/** Words of others for people, and for the log: no control characters, and not a page of them. */
const textSchema = z
  .string()
  .transform((text) => text.replace(/[\p{Cc}\p{Bidi_Control}]+/gu, " ").slice(0, LONGEST_TEXT))
  .optional()
  .catch(undefined);

const problemSchema = z.object({
  code: textSchema,
  detail: textSchema,
  title: textSchema,
  requestId: textSchema,
  fix: textSchema,
  refusal: z.string().optional().catch(undefined),
});

async function problemError(answer: Incoming): Promise<RbsmError> {
  const problem = await readProblem(answer);
  const { requestId, fix, refusal } = problem;
  const retryAfterMs = readRetryAfter(answer.headers);
  return new RbsmError(codeOf(answer.status, problem.code), problem.detail ?? problem.title, {
    url: answer.url,
    status: answer.status,
    ...(requestId === undefined ? {} : { requestId }),
    ...(fix === undefined ? {} : { fix }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}

/** Nothing is known of an error whose body is no problem: its status has to do. */
async function readProblem(answer: Incoming): Promise<z.output<typeof problemSchema>> {
  if (!/\bjson\b/.test(answer.headers.get("content-type") ?? "")) {
    await answer.discard();
    return {};
  }
  const limits = { maxBytes: CLIENT_LIMITS.problemBytes, code: "network_bad_answer" } as const;
  try {
    const bytes = await readCapped(answer, limits.maxBytes);
    return problemSchema.safeParse(parseJson(bytes, limits)).data ?? {};
  } catch (error) {
    if (error instanceof RbsmError && error.code === limits.code) return {};
    throw error;
  }
}

/**
 * Codes that another may say of a request. Every other one is a verdict of this side, on what it has
 * verified, its disk or its caller, and what fails over there is all one here: not available.
 */
const SAYABLE = /^(?:(?:auth|conflict|license|limit|request)_\w+|(?:plugin_)?not_found)$/;

function codeOf(status: number, said: string | undefined): ErrorCode {
  const isBelieved = status < 500 && isErrorCode(said) && SAYABLE.test(said);
  return isBelieved ? said : codeOfStatus(status);
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 404) return "not_found";
  if (status === 401 || status === 403) return "auth_refused";
  if (status === 429) return "limit_rate";
  return status >= 500 ? "unavailable" : "network_bad_answer";
}

/** A list of wrong items has as many issues as items. */
const MOST_FINDINGS = 20;

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
    findings: parsed.error.issues.slice(0, MOST_FINDINGS).map((issue) => ({
      rule: "network_bad_answer",
      path: issue.path.join("."),
      message: issue.message,
    })),
  });
}
