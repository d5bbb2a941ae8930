import { openAccount } from "./accounts.ts";
import { codedError } from "./errors.ts";
import { sendableText } from "./host-calls.ts";
import { limits, post } from "./port.ts";
import { utf8Length } from "./web/utf8.ts";

const LEVELS = ["debug", "info", "warn", "error"];

/** `api.log`. The call that goes past its budget of lines or bytes throws `limit_log`. */
export function log(level: unknown, message: unknown, fields?: unknown): void {
  const account = openAccount();
  const text = String(message);
  const fieldsText = fields === undefined ? "" : sendableText(fields);
  const bytes =
    text.length + fieldsText.length > limits.logBytes
      ? Infinity
      : utf8Length(text) + utf8Length(fieldsText);
  if (account.logLines + 1 > limits.logLines || account.logBytes + bytes > limits.logBytes) {
    throw codedError(
      "limit_log",
      `One call may log ${limits.logLines} lines and ${limits.logBytes} bytes`,
    );
  }
  account.logLines += 1;
  account.logBytes += bytes;
  post("log", account.id, LEVELS.indexOf(String(level)), text, fieldsText);
}

function consoleMethod(level: string) {
  return (...values: readonly unknown[]) => log(level, values.map(shown).join(" "));
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return sendableText(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

export const console = {
  debug: consoleMethod("debug"),
  log: consoleMethod("info"),
  info: consoleMethod("info"),
  warn: consoleMethod("warn"),
  error: consoleMethod("error"),
  trace: consoleMethod("debug"),
};
