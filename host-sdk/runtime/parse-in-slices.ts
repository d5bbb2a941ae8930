import { type ErrorCode, type Json, RbsmError } from "@rising-bsm/protocol";
import { createSlice, nextTurn } from "./event-loop-turns.ts";

interface Limits {
  readonly maxDepth: number;
  /** Thrown for whatever is wrong with the text. */
  readonly code: ErrorCode;
}

type Container = Json[] | Record<string, Json>;

const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const SPACE = /[\t\n\r ]*/y;
const PIECE_CHARS = 64 * 1_024;
const TOKENS_BETWEEN_LOOKS = 256;

/**
 * `JSON.parse` for long texts from strangers, which lets the event loop go on in between. An own key
 * `__proto__` and more than `maxDepth` levels are refused. Throws `limits.code`.
 */
export async function parseInSlices(text: string, limits: Limits): Promise<Json> {
  await nextTurn();
  const slice = createSlice();
  const reader = new Reader(text, limits);
  for (let tokens = 1; !reader.isDone; tokens += 1) {
    while (reader.takePart() && slice.isOver()) {
      await nextTurn();
      slice.begin();
    }
    if (tokens % TOKENS_BETWEEN_LOOKS !== 0 || !slice.isOver()) continue;
    await nextTurn();
    slice.begin();
  }
  return reader.result;
}

/** Reads one token, or a part of a long string, at a time. */
class Reader {
  result: Json = null;
  isDone = false;
  readonly #text: string;
  readonly #limits: Limits;
  readonly #open: Container[] = [];
  /** Keys of the open objects whose values are being read. */
  readonly #keys: string[] = [];
  #at = 0;
  #expects: "value" | "value or ]" | "key" | "key or }" | "more" = "value";
  /** What has been read of a string that is not over. */
  #parts: string[] | undefined;

  constructor(text: string, limits: Limits) {
    this.#text = text;
    this.#limits = limits;
  }

  /** True when it has read a part of a string and there is more of it. */
  takePart(): boolean {
    if (this.#parts === undefined) {
      SPACE.lastIndex = this.#at;
      SPACE.test(this.#text);
      this.#at = SPACE.lastIndex;
      this.#token(this.#text.charAt(this.#at));
    } else this.#string();
    return this.#parts !== undefined;
  }

  #token(char: string): void {
    if (this.#expects === "more") this.#more(char);
    else if (char === '"') {
      this.#at += 1;
      this.#parts = [];
      this.#string();
    } else if (this.#expects === "key") this.#refuse();
    else if (this.#expects === "key or }") this.#close(char, "}");
    else if (char === "]" && this.#expects === "value or ]") this.#close(char, "]");
    else this.#value(char);
  }

  #value(char: string): void {
    if (char === "[" || char === "{") {
      this.#at += 1;
      this.#open.push(char === "[" ? [] : {});
      if (this.#open.length > this.#limits.maxDepth)
        this.#refuse(`is nested deeper than ${this.#limits.maxDepth} levels`);
      this.#expects = char === "[" ? "value or ]" : "key or }";
      return;
    }
    WORD.lastIndex = this.#at;
    const [word] = WORD.exec(this.#text) ?? this.#refuse();
    this.#at += word.length;
    this.#add(JSON.parse(word));
  }

  #string(): void {
    const parts = this.#parts ?? [];
    const end = endOfPart(this.#text, this.#at);
    const part = `"${this.#text.slice(this.#at, end)}"`;
    try {
      parts.push(JSON.parse(part));
    } catch {
      this.#refuse();
    }
    this.#at = end;
    if (end >= this.#text.length) this.#refuse();
    if (this.#text.charAt(end) !== '"') return;
    this.#at += 1;
    this.#parts = undefined;
    const string = parts.length === 1 ? (parts[0] ?? "") : parts.join("");
    if (this.#expects.startsWith("key")) this.#key(string);
    else this.#add(string);
  }

  #key(key: string): void {
    if (key === "__proto__") this.#refuse("has a key __proto__");
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex + 1;
    if (this.#text.charAt(this.#at - 1) !== ":") this.#refuse();
    this.#keys.push(key);
    this.#expects = "value";
  }

  #add(value: Json): void {
    const container = this.#open.at(-1);
    if (container === undefined) this.result = value;
    else if (Array.isArray(container)) container.push(value);
    else container[this.#keys.pop() ?? ""] = value;
    this.#expects = "more";
    if (container === undefined && /^[\t\n\r ]*$/.test(this.#text.slice(this.#at)))
      this.isDone = true;
    else if (container === undefined) this.#refuse();
  }

  #more(char: string): void {
    const isList = Array.isArray(this.#open.at(-1));
    if (char !== ",") return this.#close(char, isList ? "]" : "}");
    this.#at += 1;
    this.#expects = isList ? "value" : "key";
  }

  #close(char: string, end: string): void {
    const container = this.#open.pop();
    if (char !== end || container === undefined) return this.#refuse();
    this.#at += 1;
    this.#add(container);
  }

  #refuse(why = `is not valid at ${this.#at}`): never {
    throw new RbsmError(this.#limits.code, `The JSON ${why}`);
  }
}

/** Where the string that goes on at `start` ends, or a place before that where it can be cut. */
function endOfPart(text: string, start: number): number {
  const limit = Math.min(text.length, start + PIECE_CHARS);
  let at = start;
  while (at < limit) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) return at;
    if (char === BACKSLASH) at += text.charCodeAt(at + 1) === SMALL_U ? 6 : 2;
    else at += 1;
  }
  return at;
}

const [QUOTE, BACKSLASH, SMALL_U] = [34, 92, 117] as const;
