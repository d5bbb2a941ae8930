/**
 * Makes the JSON text that crosses between host and plugin, with one set of rules on both sides
 * (docs: "What crosses"). It runs inside the isolate too, so it imports nothing.
 */

const MAX_DEPTH = 64;
/** A list of arguments is one level around values that may have all of theirs. */
export const ARGUMENTS_DEPTH = MAX_DEPTH + 1;

/** A value that must not cross; `code` is the code the caller reports. */
export class UnsendableValue extends Error {
  readonly code: "plugin_rejected_value" | "limit_payload";

  constructor(code: UnsendableValue["code"], message: string) {
    super(message);
    this.name = "UnsendableValue";
    this.code = code;
    genuine.add(this);
  }
}

const genuine = new WeakSet<object>();

/** Asking for the prototype would run the code of a proxy that was thrown. */
export function isUnsendable(error: unknown): error is UnsendableValue {
  return typeof error === "object" && error !== null && genuine.has(error);
}

/**
 * `JSON.stringify(value)` for a value of which nothing is known: undefined becomes null, own
 * `__proto__` keys are dropped; a cycle, BigInt, function, symbol or more than `maxDepth` levels
 * throw.
 * Text of more than `maxBytes` UTF-16 units throws; UTF-8 may be up to three times longer, so the
 * receiver of the text still has to count bytes.
 */
export function jsonText(value: unknown, maxBytes: number, maxDepth = MAX_DEPTH): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, sendableOnly(maxBytes, maxDepth));
  } catch (error) {
    throw isUnsendable(error) ? error : rejected("It contains itself, or reading it failed");
  }
  if (text === undefined) return "null";
  if (text.length > maxBytes) throw tooLarge(maxBytes);
  return text;
}

function sendableOnly(maxBytes: number, maxDepth: number) {
  // JSON.stringify goes depth first and calls the replacer with the holder as `this`, so the open
  // objects are a stack. The running size stops a small object that repeats a large string before
  // the text of it is made.
  const open: unknown[] = [];
  let size = 0;
  return function sendable(this: unknown, key: string, value: unknown): unknown {
    while (open.length > 0 && open[open.length - 1] !== this) open.pop();
    const isItem = Array.isArray(this);
    if (!isItem && (key === "__proto__" || value === undefined)) return undefined;
    // The root has neither a key nor a comma.
    if (open.length > 0) size += lengthAround(key, isItem);
    size += lengthOf(value);
    if (size > maxBytes) throw tooLarge(maxBytes);
    if (isObject(value) && open.push(value) > maxDepth) throw tooDeep();
    refuseNonJson(key, value);
    return value;
  };
}

/** Comma, quotes, colon and key of a value. */
function lengthAround(key: string, isItem: boolean): number {
  return isItem ? 1 : key.length + 4;
}

/** Length of a value's own text, or less: the items of an object count for themselves. */
function lengthOf(value: unknown): number {
  return typeof value === "string" ? value.length + 2 : 1;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** Throws for what JSON leaves out or cannot write. */
export function refuseNonJson(key: string, value: unknown): void {
  const kind = typeof value;
  if (kind === "function" || kind === "symbol" || kind === "bigint") {
    throw rejected(key === "" ? `It is a ${kind}` : `"${key.slice(0, 64)}" is a ${kind}`);
  }
}

/** The value must not cross. */
export function rejected(why: string): UnsendableValue {
  return new UnsendableValue(
    "plugin_rejected_value",
    `The value cannot cross between plugin and host. ${why}.`,
  );
}

/** The value has too many levels. */
export function tooDeep(): UnsendableValue {
  return rejected(`It is nested more than ${MAX_DEPTH} levels deep`);
}

/** The value has too much text. */
export function tooLarge(maxBytes: number): UnsendableValue {
  return new UnsendableValue("limit_payload", `The value is larger than ${maxBytes} bytes of JSON`);
}
