/** Fetch's Headers. A Map keeps the order of first insertion; iteration sorts, as the standard says. */

import { trimmed } from "./trim.ts";

/** RFC 9110: names of headers and methods. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- these are the characters a value must not have
const BAD_VALUE = /[\0\r\n]|[^\0-\xff]/;

export type HeadersInit =
  | Headers
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string>>;

/** Nobody may change the headers from now on. */
export let lockHeaders: (headers: Headers) => void;

export class Headers {
  #values = new Map<string, string[]>();
  #isLocked = false;

  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (typeof init !== "object" || init === null)
      throw new TypeError("Headers are made from pairs or an object");
    for (const [name, value] of pairsOf(init)) this.append(name, value);
  }

  append(name: string, value: string): void {
    const key = this.#writable(name);
    const list = this.#values.get(key);
    if (list === undefined) this.#values.set(key, [checkedValue(value)]);
    else list.push(checkedValue(value));
  }

  set(name: string, value: string): void {
    this.#values.set(this.#writable(name), [checkedValue(value)]);
  }

  get(name: string): string | null {
    return this.#values.get(checkedName(name))?.join(", ") ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(checkedName(name));
  }

  delete(name: string): void {
    this.#values.delete(this.#writable(name));
  }

  getSetCookie(): string[] {
    return [...(this.#values.get("set-cookie") ?? [])];
  }

  forEach(run: (value: string, name: string, headers: Headers) => unknown, self?: unknown): void {
    for (const [name, value] of this) Reflect.apply(run, self, [value, name, this]);
  }

  *entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const list = this.#values.get(name) ?? [];
      if (name === "set-cookie") for (const value of list) yield [name, value];
      else yield [name, list.join(", ")];
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  #writable(name: unknown): string {
    const key = checkedName(name);
    if (this.#isLocked) throw new TypeError("The headers cannot be changed");
    return key;
  }

  static {
    lockHeaders = (headers) => {
      headers.#isLocked = true;
    };
  }
}

function pairsOf(init: Exclude<HeadersInit, undefined>): (readonly [string, string])[] {
  if (!(Symbol.iterator in init)) return Object.entries(init);
  return Array.from(init, (pair) => {
    const [name, value, ...more] = pair;
    if (value === undefined || more.length > 0)
      throw new TypeError("A header is a pair of name and value");
    return [name, value] as const;
  });
}

/** The headers of a message whose body implies a content type. */
export function headersWithType(init: HeadersInit | undefined, type: string | null): Headers {
  const headers = new Headers(init);
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  return headers;
}

function checkedName(name: unknown): string {
  const text = String(name);
  if (!TOKEN.test(text)) throw new TypeError(`"${text.slice(0, 64)}" is not a header name`);
  return text.toLowerCase();
}

function checkedValue(value: unknown): string {
  const text = trimmed(String(value), "\t\n\r ");
  if (BAD_VALUE.test(text))
    throw new TypeError("A header value has a character that is not allowed");
  return text;
}
