import type { z } from "zod";

interface Question<Answer extends z.ZodType> {
  readonly url: string;
  readonly path: string;
  /** The administrator's. */
  readonly token: string;
  readonly body: unknown;
  readonly answer: Answer;
}

/** What the marketplace answers the administrator. Where it does not, ends the program with 1 and says why. */
export async function askMarketplace<Answer extends z.ZodType>(
  question: Question<Answer>,
): Promise<z.output<Answer>> {
  const { status, text } = await post(question);
  if (status !== 200) return fail(`The marketplace answered ${status}: ${text}`);
  const parsed = question.answer.safeParse(parseJson(text));
  return parsed.success
    ? parsed.data
    : fail(`${question.url} is not a marketplace of this version`);
}

async function post({ url, path, token, body }: Question<z.ZodType>) {
  try {
    const response = await fetch(new URL(path, url), {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error));
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    return fail(`No answer from ${url}: ${reason}`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
