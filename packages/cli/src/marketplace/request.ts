import { type Finding, isErrorCode, parseJson, RbsmError } from "@rising-bsm/protocol";
import { jsonField, textField } from "../json-field.ts";

/** Most bytes of an answer that are read. */
const ANSWER_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** A marketplace as one command talks to it. */
export interface Connection {
  readonly url: string;
  readonly token: string | null;
  readonly signal: AbortSignal;
}

/** One request; `body` is JSON unless it is bytes. */
export interface MarketplaceRequest {
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

/** What the marketplace answered: a status below 300 and parsed JSON. */
export interface Answer {
  readonly status: number;
  readonly value: unknown;
}

/** Sends one request. Every failure is an RbsmError, the marketplace's own problems included. */
export async function request(
  connection: Connection,
  message: MarketplaceRequest,
): Promise<Answer> {
  const { status, text } = await exchange(connection, message);
  const value = parseAnswer(connection, status, text);
  if (status >= 200 && status < 300) return { status, value };
  throw problemError(connection, status, value);
}

async function exchange(
  connection: Connection,
  message: MarketplaceRequest,
): Promise<{ status: number; text: string }> {
  const timeout = AbortSignal.timeout(message.upload?.timeoutMs ?? TIMEOUT_MS);
  const signal = AbortSignal.any([timeout, connection.signal]);
  try {
    const answer = await fetch(`${connection.url}${message.path}`, {
      method: message.method,
      headers: headersOf(connection, message),
      redirect: "error",
      signal,
      ...bodyOf(message),
    });
    return { status: answer.status, text: await readCapped(answer) };
  } catch (error) {
    if (error instanceof RbsmError) throw error;
    if (connection.signal.aborted) throw new RbsmError("cancelled", "Cancelled");
    if (timeout.aborted)
      throw new RbsmError("network_timeout", `${connection.url} did not answer in time`);
    throw new RbsmError(
      "network_unreachable",
      `${connection.url} cannot be reached${reason(error)}`,
      {
        fix: "check the connection and --url",
      },
    );
  }
}

function headersOf(connection: Connection, message: MarketplaceRequest): Record<string, string> {
  return {
    accept: "application/json",
    ...(connection.token === null ? {} : { authorization: `Bearer ${connection.token}` }),
    ...(message.body === undefined ? {} : { "content-type": "application/json" }),
    ...(message.upload === undefined
      ? {}
      : {
          "content-type": "application/vnd.rising-bsm.bundle",
          "content-length": String(message.upload.bytes.length),
        }),
  };
}

function bodyOf(message: MarketplaceRequest): RequestInit & { duplex?: "half" } {
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
function problemError(connection: Connection, status: number, problem: unknown): RbsmError {
  const code = textField(problem, "code");
  if (!isErrorCode(code)) {
    const message = `${connection.url} answered ${status} without a known code`;
    return new RbsmError("network_bad_answer", message);
  }
  const fix = textField(problem, "fix") ?? (code.startsWith("auth_") ? SIGN_IN : undefined);
  const findings = readFindings(jsonField(problem, "findings"));
  return new RbsmError(code, textField(problem, "detail") ?? textField(problem, "title"), {
    ...(fix === undefined ? {} : { fix }),
    ...(findings.length === 0 ? {} : { findings }),
  });
}

const SIGN_IN = "sign in with a token that allows this: rising-bsm login --token TOKEN";

function readFindings(value: unknown): Finding[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isFinding);
}

function isFinding(value: unknown): value is Finding {
  return ["rule", "path", "message"].every((key) => textField(value, key) !== undefined);
}

function reason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return "";
  const code = "code" in cause ? String(cause.code) : "";
  return ` (${code === "" || cause.message.includes(code) ? cause.message : code})`;
}
