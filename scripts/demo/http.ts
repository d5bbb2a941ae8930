import { RbsmError, isErrorCode } from "@rising-bsm/protocol";
import { z } from "zod";

const Problem = z.object({ code: z.string().optional() });

/**
 * Sends JSON and returns the parsed answer. A refusal becomes an `RbsmError` with the code of its
 * problem document; with `accept`, an answer of that status is returned like a success.
 */
export async function postJson(
  url: string,
  body: unknown,
  options: { token?: string; method?: string; accept?: number } = {},
): Promise<unknown> {
  const answer = await fetch(url, {
    method: options.method ?? "POST",
    headers: {
      "content-type": "application/json",
      origin: new URL(url).origin,
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const parsed: unknown = text === "" ? null : JSON.parse(text);
  if (answer.ok || answer.status === options.accept) return parsed;
  const { code } = Problem.catch({}).parse(parsed);
  throw new RbsmError(
    isErrorCode(code) ? code : "internal",
    `${url} answered ${answer.status}: ${text.slice(0, 500)}`,
  );
}
