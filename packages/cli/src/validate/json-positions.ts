/** A range of a JSON text, in UTF-16 code units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where the values of a JSON text stand, and where the text stops being JSON. */
export interface JsonPositions {
  /** Path such as `permissions[0].code` → its key (when it has one) and its value. */
  readonly spans: ReadonlyMap<string, { readonly key?: Span; readonly value: Span }>;
  readonly problem?: { readonly at: Span; readonly message: string };
}

const MAX_DEPTH = 100;
const WORD = /[-+.\w]+/y;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
// eslint-disable-next-line no-control-regex -- JSON forbids raw control characters in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

class NotJson extends Error {
  readonly at: Span;
  constructor(message: string, at: Span) {
    super(message);
    this.at = at;
  }
}

/** Maps every value of a JSON text to its place; reports the first thing that is not JSON. */
export function jsonPositions(text: string): JsonPositions {
  const spans = new Map<string, { key?: Span; value: Span }>();
  try {
    const end = skipSpace(
      text,
      readValue({ text, spans, depth: 0 }, skipSpace(text, 0), { path: "" }),
    );
    if (end < text.length)
      throw new NotJson("text after the end of the document", { start: end, end: end + 1 });
    return { spans };
  } catch (error) {
    if (error instanceof NotJson)
      return { spans, problem: { at: error.at, message: error.message } };
    throw error;
  }
}

/** The span of a path, or of its nearest parent when the path itself is absent. */
export function spanOf(positions: JsonPositions, path: string, prefer: "key" | "value"): Span {
  for (let rest = path; ; rest = parentPath(rest)) {
    const found = positions.spans.get(rest);
    // A missing member is reported where its parent opens, one character wide.
    if (found && rest === path) return (prefer === "key" ? found.key : undefined) ?? found.value;
    if (found) return found.key ?? { start: found.value.start, end: found.value.start + 1 };
    if (rest === "") return { start: 0, end: 1 };
  }
}

/** 1-based line and column of an offset. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

interface Scan {
  readonly text: string;
  readonly spans: Map<string, { key?: Span; value: Span }>;
  readonly depth: number;
}

interface Place {
  readonly path: string;
  readonly key?: Span;
}

function readValue(scan: Scan, start: number, place: Place): number {
  if (scan.depth > MAX_DEPTH) throw new NotJson("nested too deeply", { start, end: start + 1 });
  const end = readAny(scan, start, place.path);
  const value = { start, end };
  scan.spans.set(place.path, place.key === undefined ? { value } : { key: place.key, value });
  return end;
}

function readAny(scan: Scan, start: number, path: string): number {
  const first = scan.text[start];
  const inner = { ...scan, depth: scan.depth + 1 };
  if (first === "{") return readObject(inner, start, path);
  if (first === "[") return readArray(inner, start, path);
  if (first === '"') return readString(scan.text, start);
  return readWord(scan.text, start);
}

function readObject(scan: Scan, start: number, path: string): number {
  const { text } = scan;
  let at = skipSpace(text, start + 1);
  if (text[at] === "}") return at + 1;
  for (;;) {
    if (text[at] !== '"') throw new NotJson(wanted(text, at, "a key in double quotes"), one(at));
    const key = { start: at, end: readString(text, at) };
    at = skipSpace(text, key.end);
    if (text[at] !== ":") throw new NotJson(wanted(text, at, '":"'), one(at));
    at = readValue(scan, skipSpace(text, at + 1), {
      path: memberPath(path, text.slice(key.start, key.end)),
      key,
    });
    at = skipSpace(text, at);
    if (text[at] === "}") return at + 1;
    if (text[at] !== ",") throw new NotJson(wanted(text, at, '"," or "}"'), one(at));
    at = skipSpace(text, at + 1);
  }
}

function readArray(scan: Scan, start: number, path: string): number {
  const { text } = scan;
  let at = skipSpace(text, start + 1);
  if (text[at] === "]") return at + 1;
  for (let index = 0; ; index++) {
    at = skipSpace(text, readValue(scan, at, { path: `${path}[${index}]` }));
    if (text[at] === "]") return at + 1;
    if (text[at] !== ",") throw new NotJson(wanted(text, at, '"," or "]"'), one(at));
    at = skipSpace(text, at + 1);
  }
}

function readString(text: string, start: number): number {
  STRING.lastIndex = start;
  if (STRING.test(text)) return STRING.lastIndex;
  const lineEnd = text.indexOf("\n", start);
  const end = lineEnd === -1 ? text.length : lineEnd;
  throw new NotJson("a string that does not end, or holds an invalid escape", { start, end });
}

function readWord(text: string, start: number): number {
  WORD.lastIndex = start;
  const word = WORD.exec(text)?.[0] ?? "";
  if (word === "true" || word === "false" || word === "null" || NUMBER.test(word))
    return start + word.length;
  throw new NotJson(wanted(text, start, "a value"), {
    start,
    end: start + Math.max(1, word.length),
  });
}

function wanted(text: string, at: number, what: string): string {
  const found = text[at];
  if (found === undefined) return `the document ends where ${what} should stand`;
  if (/[}\]]/.test(found) && text.slice(0, at).trimEnd().endsWith(",")) {
    return `a comma must not stand before "${found}"`;
  }
  if (found === "/") return "JSON has no comments";
  if (found === "'") return "JSON strings stand in double quotes";
  return `"${found}" stands where ${what} should`;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (" \t\r\n".includes(text[at] ?? "x")) at += 1;
  return at;
}

function one(at: number): Span {
  return { start: at, end: at + 1 };
}

function memberPath(path: string, rawKey: string): string {
  const key = String(JSON.parse(rawKey));
  // The spelling of protocol's findings: names that are no identifiers stand in brackets.
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

function parentPath(path: string): string {
  const cut = Math.max(path.lastIndexOf("."), path.lastIndexOf("["));
  return cut === -1 ? "" : path.slice(0, cut);
}
