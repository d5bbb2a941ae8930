import {
  type Finding,
  isErrorCode,
  parseJson,
  type Problem,
  problemSchema,
  RbsmError,
} from "@rising-bsm/protocol";
import { plainText } from "../plain-text.ts";

/** Most bytes of an answer that are read. */
const ANSWER_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** A marketplace as one command talks to it. */
export interface Connection {
  readonly url: string;
  readonly token: string | null;
  readonly signal: AbortSignal;
}

/** A zod schema, as far as it is needed here. */
export interface AnswerSchema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error };
}

/** One request: a JSON body, an upload, or neither; and what the answer has to look like. */
export interface MarketplaceRequest<T> {
  readonly answer: AnswerSchema<T>;
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body?: unknown;
  readonly upload?: Upload;
}

/** Bytes to send, with a callback that sees how many have left. */
export interface Upload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly timeoutMs: number;
  readonly onProgress?: (sent: number) => void;
}

/** What the marketplace answered, checked. */
export interface Answer<T> {
  readonly status: number;
  readonly value: T;
}

/** Sends one request. Every failure is an RbsmError, the marketplace's own problems included. */
export async function request<T>(
  connection: Connection,
  message: MarketplaceRequest<T>,
): Promise<Answer<T>> {
  const { status, text } = await exchange(connection, message);
  const value = parseAnswer(connection, status, text);
  if (status < 200 || status >= 300) throw problemError(connection, status, value);
  const parsed = message.answer.safeParse(value);
  if (parsed.success) return { status, value: parsed.data };
  const problem = `${connection.url} answered in a form that this version does not know`;
  throw new RbsmError("network_bad_answer", problem, { fix: "update rising-bsm" }, parsed.error);
}

/** How long a file may take. */
const FILE_TIMEOUT_MS = 600_000;

/** A JSON request whose answer is a file: its bytes as they arrive. Fails as `request` does. */
export async function* requestFile(
  connection: Connection,
  { path, body }: { readonly path: string; readonly body: unknown },
): AsyncGenerator<Uint8Array> {
  const timeout = AbortSignal.timeout(FILE_TIMEOUT_MS);
  try {
    const answer = await send(connection, { method: "POST", path, body }, timeout);
    if (!answer.ok) {
      const value = parseAnswer(connection, answer.status, await readCapped(answer));
      throw problemError(connection, answer.status, value);
    }
    for await (const chunk of answer.body ?? []) yield chunk;
  } catch (error) {
    throw failureOf(connection, timeout, error);
  }
}

type Message = Pick<MarketplaceRequest<unknown>, "method" | "path" | "body" | "upload">;

async function exchange(
  connection: Connection,
  message: Message,
): Promise<{ status: number; text: string }> {
  const timeout = AbortSignal.timeout(message.upload?.timeoutMs ?? TIMEOUT_MS);
  try {
    const answer = await send(connection, message, timeout);
    return { status: answer.status, text: await readCapped(answer) };
  } catch (error) {
    throw failureOf(connection, timeout, error);
  }
}

function send(connection: Connection, message: Message, timeout: AbortSignal): Promise<Response> {
  return fetch(`${connection.url}${message.path}`, {
    method: message.method,
    headers: headersOf(connection, message),
    redirect: "error",
    signal: AbortSignal.any([timeout, connection.signal]),
    ...bodyOf(message),
  });
}

function failureOf(connection: Connection, timeout: AbortSignal, error: unknown): RbsmError {
  if (error instanceof RbsmError) return error;
  if (connection.signal.aborted) return new RbsmError("cancelled", "Cancelled");
  if (timeout.aborted) {
    return new RbsmError("network_timeout", `${connection.url} did not answer in time`);
  }
  return networkError(connection, error);
}

/** Codes of connections that never came to be; every other failure broke one that stood. */
const NOT_CONNECTED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)UNREACH|CERT|CONNECT_TIMEOUT/;

function networkError(connection: Connection, error: unknown): RbsmError {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const text = cause instanceof Error ? cause.message || code : String(cause);
  // Fetch refuses ports of other protocols before it connects, with a message and no code.
  if (NOT_CONNECTED.test(code) || text === "bad port") {
    const message = `${connection.url} cannot be reached (${text})`;
    return new RbsmError("network_unreachable", message, { fix: "check the connection and --url" });
  }
  const message = `The connection to ${connection.url} broke (${text})`;
  return new RbsmError("network_interrupted", message, { fix: "run the command again" });
}

function headersOf(connection: Connection, message: Message): Record<string, string> {
  return {
    accept: "application/json",
    ...(connection.token === null ? {} : { authorization: `Bearer ${connection.token}` }),
    ...(message.body === undefined ? {} : { "content-type": "application/json" }),
    ...(message.upload === undefined
      ? {}
      : {
          "content-type": "application/octet-stream",
          "content-length": String(message.upload.bytes.length),
        }),
  };
}

function bodyOf(message: Message): RequestInit & { duplex?: "half" } {
  if (message.upload !== undefined) return { body: uploadStream(message.upload), duplex: "half" };
  return message.body === undefined ? {} : { body: JSON.stringify(message.body) };
}

const UPLOAD_CHUNK_BYTES = 64 * 1024;

function uploadStream({ bytes, onProgress }: Upload): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = 0;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const chunk = bytes.subarray(sent, sent + UPLOAD_CHUNK_BYTES);
      sent += chunk.length;
      controller.enqueue(chunk);
      onProgress?.(sent);
      if (sent === bytes.length) controller.close();
    },
  });
}

async function readCapped(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_BYTES) throw new RbsmError("network_bad_answer", "The answer is too large");
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function parseAnswer(connection: Connection, status: number, text: string): unknown {
  try {
    return parseJson(text, { maxBytes: ANSWER_BYTES, code: "network_bad_answer" });
  } catch (error) {
    const message = `${connection.url} answered ${status} without JSON`;
    throw new RbsmError(
      "network_bad_answer",
      message,
      { fix: "check that --url names a marketplace" },
      error,
    );
  }
}

/** The marketplace's problem+json as the error it stands for. */
function problemError(connection: Connection, status: number, value: unknown): RbsmError {
  const problem = problemSchema.safeParse(value).data;
  if (problem === undefined || !isErrorCode(problem.code)) {
    const message = `${connection.url} answered ${status} without a known code`;
    return new RbsmError("network_bad_answer", message);
  }
  const { code, detail, title, findings } = problem;
  const fix = problem.fix ?? FIXES.find(([prefix]) => code.startsWith(prefix))?.[1];
  return new RbsmError(code, plainText(detail ?? title), {
    ...(fix === undefined ? {} : { fix: plainText(fix) }),
    ...(findings === undefined ? {} : { findings: findings.map(plainFinding) }),
  });
}

/** What to do about refusals that name no fix themselves. */
const FIXES: readonly (readonly [prefix: string, fix: string])[] = [
  ["auth_", "sign in with a token that allows this: rising-bsm login --token TOKEN"],
  ["signature_untrusted_key", "register the key first: rising-bsm keys enroll"],
];

function plainFinding({
  rule,
  path,
  message,
  fix,
}: NonNullable<Problem["findings"]>[number]): Finding {
  const finding = { rule: plainText(rule), path: plainText(path), message: plainText(message) };
  return fix === undefined ? finding : { ...finding, fix: plainText(fix) };
}
