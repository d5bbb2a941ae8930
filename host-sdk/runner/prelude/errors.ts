/**
 * Errors inside the isolate. A code counts only if the prelude itself put it on the error: what a
 * plugin writes into `code`, `name` or `message` is text for a person and decides nothing.
 */

/** How an error leaves the isolate. `code` is absent when the error is the plugin's own. */
export interface ErrorMessage {
  readonly code?: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

const MAX_MESSAGE = 4_096;
const MAX_STACK = 8_192;
const codes = new WeakMap<object, string>();

/** An error of the host or of a limit, for plugin code to catch: it has `code`. */
export function codedError(code: string, message: string): Error {
  return withCode(code, Object.assign(new Error(message), { name: "RbsmError", code }));
}

/** An error of the language that leaves the isolate with a code when plugin code lets it through. */
export function withCode<E extends Error>(code: string, error: E): E {
  codes.set(error, code);
  return error;
}

/** Reads an error of which nothing is known; getters and proxies may run plugin code or throw. */
export function describeError(thrown: unknown): ErrorMessage {
  try {
    return describe(thrown);
  } catch {
    return { name: "Error", message: "The plugin threw a value that cannot be read", stack: "" };
  }
}

function describe(thrown: unknown): ErrorMessage {
  if (typeof thrown !== "object" || thrown === null) {
    return { name: "Error", message: textOf(thrown, MAX_MESSAGE), stack: "" };
  }
  const code = codes.get(thrown) ?? (isMemoryError(thrown) ? "limit_memory" : undefined);
  return {
    ...(code === undefined ? {} : { code }),
    name: ownText(thrown, "name", 128) || "Error",
    message: ownText(thrown, "message", MAX_MESSAGE),
    stack: pluginFrames(ownText(thrown, "stack", MAX_STACK)),
  };
}

/**
 * What V8 throws when a buffer is over the isolate's memory. A plugin may throw one like it: then it
 * says of itself that it needs too much.
 */
function isMemoryError(thrown: object): boolean {
  return (
    thrown instanceof RangeError &&
    ownText(thrown, "message", MAX_MESSAGE) === "Array buffer allocation failed"
  );
}

function ownText(thrown: object, key: string, max: number): string {
  const value: unknown = Reflect.get(thrown, key);
  return value === undefined ? "" : textOf(value, max);
}

function textOf(value: unknown, max: number): string {
  return isPrimitive(value) ? String(value).slice(0, max) : "";
}

/** Text of an object would be made by plugin code. */
function isPrimitive(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function");
}

/** Frames of the prelude say nothing to an author: only those of the plugin's files stay. */
function pluginFrames(stack: string): string {
  return stack
    .split("\n")
    .filter((line) => /^\s+at .*rbsm:\//.test(line))
    .join("\n");
}
