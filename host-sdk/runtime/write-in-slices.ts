import { types } from "node:util";
import { createSlice, nextTurn } from "./event-loop-turns.ts";
import { rejected, refuseNonJson, tooDeep, tooLarge, UnsendableValue } from "./json-text.ts";

interface Limits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** An array or object of which some items have been written. */
interface Level {
  readonly holder: object;
  /** Of an object; an array has none. */
  readonly keys: readonly string[] | undefined;
  readonly length: number;
  at: number;
  isEmpty: boolean;
}

const STEPS_BETWEEN_LOOKS = 256;
const PARTS_BETWEEN_JOINS = 1_000;
const PIECE_CHARS = 32 * 1_024;
const CHARS_OF_A_STEP = 16;
const SHORT_STEPS = 2_000;

/** Whether the JSON of a value takes so long to write that others have to wait. */
export function isLong(value: unknown): boolean {
  try {
    return stepsLeft(value, SHORT_STEPS) < 0;
  } catch {
    // Whoever writes it finds out what is wrong with it.
    return false;
  }
}

function stepsLeft(value: unknown, steps: number): number {
  if (typeof value === "string") return steps - 1 - value.length / CHARS_OF_A_STEP;
  if (typeof value !== "object" || value === null) return steps - 1;
  // The keys of an array are made one by one, those of an object all at once.
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  let left = steps - 1;
  for (const key of keys) {
    if (left < 0) break;
    left = stepsLeft(Reflect.get(value, key), left);
  }
  return left;
}

/** As `jsonText`, for long values: it lets the event loop go on in between. */
export async function writeInSlices(value: unknown, limits: Limits): Promise<string> {
  await nextTurn();
  const slice = createSlice();
  const writer = new Writer(value, limits);
  for (let steps = 1; !writer.isDone; steps += 1) {
    writer.step();
    const looks = writer.isInString || steps % STEPS_BETWEEN_LOOKS === 0;
    if (!looks || !slice.isOver()) continue;
    await nextTurn();
    slice.begin();
  }
  return writer.text();
}

class Writer {
  readonly #limits: Limits;
  readonly #open: Level[] = [];
  readonly #pieces: string[] = [];
  #parts: string[] = [];
  #size = 0;
  /** What is left of a long string. */
  #string: string | undefined;

  constructor(value: unknown, limits: Limits) {
    this.#limits = limits;
    this.#guard(() => this.#begin(converted(value, ""), "", ""));
  }

  get isDone(): boolean {
    return this.#open.length === 0 && this.#string === undefined;
  }

  get isInString(): boolean {
    return this.#string !== undefined;
  }

  /** Writes the next item, or a part of a long string. */
  step(): void {
    this.#guard(() => {
      if (this.#string === undefined) this.#next();
      else this.#writeString(this.#string);
    });
  }

  text(): string {
    return [...this.#pieces, ...this.#parts].join("");
  }

  #next(): void {
    const level = this.#open.at(-1);
    if (level === undefined) return;
    if (level.at === level.length) {
      this.#open.pop();
      return this.#write(level.keys === undefined ? "]" : "}");
    }
    const key = level.keys?.[level.at] ?? String(level.at);
    level.at += 1;
    const value = converted(Reflect.get(level.holder, key), key);
    if (level.keys !== undefined && (key === "__proto__" || value === undefined)) return;
    this.#begin(value, key, before(level, key));
  }

  #begin(value: unknown, key: string, before: string): void {
    refuseNonJson(key, value);
    if (typeof value === "string" && value.length > PIECE_CHARS) {
      this.#write(`${before}"`);
      this.#string = value;
    } else if (isContainer(value)) {
      this.#write(`${before}${Array.isArray(value) ? "[" : "{"}`);
      this.#descend(value);
    } else this.#write(before + (JSON.stringify(value) ?? "null"));
  }

  #descend(holder: object): void {
    if (this.#open.some((level) => level.holder === holder)) throw rejected("It contains itself");
    const keys = Array.isArray(holder) ? undefined : Object.keys(holder);
    const length = Array.isArray(holder) ? holder.length : (keys?.length ?? 0);
    this.#open.push({ holder, keys, length, at: 0, isEmpty: true });
    if (this.#open.length > this.#limits.maxDepth) throw tooDeep();
  }

  #writeString(left: string): void {
    // Both halves of a character stay together: alone, each would be escaped.
    const cut = isHighSurrogate(left.charCodeAt(PIECE_CHARS - 1)) ? PIECE_CHARS - 1 : PIECE_CHARS;
    this.#write(JSON.stringify(left.slice(0, cut)).slice(1, -1));
    this.#string = left.length > cut ? left.slice(cut) : undefined;
    if (this.#string === undefined) this.#write('"');
  }

  #write(part: string): void {
    this.#size += part.length;
    if (this.#size > this.#limits.maxBytes) throw tooLarge(this.#limits.maxBytes);
    this.#parts.push(part);
    if (this.#parts.length < PARTS_BETWEEN_JOINS) return;
    this.#pieces.push(this.#parts.join(""));
    this.#parts = [];
  }

  /** Getters, proxies and toJSON may throw whatever they like. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw error instanceof UnsendableValue ? error : rejected("Reading it failed");
    }
  }
}

/** What stands before an item: a comma after the first, and the key in an object. */
function before(level: Level, key: string): string {
  const comma = level.isEmpty ? "" : ",";
  level.isEmpty = false;
  return level.keys === undefined ? comma : `${comma}${JSON.stringify(key)}:`;
}

function converted(value: unknown, key: string): unknown {
  if (!isObject(value)) return value;
  const toJson: unknown = Reflect.get(value, "toJSON");
  return typeof toJson === "function" ? Reflect.apply(toJson, value, [key]) : value;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** JSON.stringify writes the others as what they hold. */
function isContainer(value: unknown): value is object {
  return isObject(value) && !types.isBoxedPrimitive(value);
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
