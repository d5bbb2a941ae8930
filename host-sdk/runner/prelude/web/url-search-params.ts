import { decodeBytes } from "./text-encoding.ts";
import { encodeUtf8 } from "./utf8.ts";
import { usvString } from "./web-idl.ts";

type Pair = [name: string, value: string];

/** Tells the URL whose query the list is about a change. */
export let bindParams: (params: URLSearchParams, changed: () => void) => void;
/** Replaces the list after the URL has changed. */
export let refillParams: (params: URLSearchParams, pairs: Pair[]) => void;

export class URLSearchParams {
  #pairs: Pair[];
  #changed: (() => void) | undefined;

  constructor(init: unknown = "") {
    this.#pairs = pairsFrom(init);
  }

  get size(): number {
    return this.#pairs.length;
  }

  append(name: unknown, value: unknown): void {
    this.#pairs.push([usvString(name), usvString(value)]);
    this.#update();
  }

  delete(name: unknown, value?: unknown): void {
    const matches = matcher(name, value);
    this.#pairs = this.#pairs.filter((pair) => !matches(pair));
    this.#update();
  }

  get(name: unknown): string | null {
    return this.#pairs.find(matcher(name, undefined))?.[1] ?? null;
  }

  getAll(name: unknown): string[] {
    return this.#pairs.filter(matcher(name, undefined)).map(([, value]) => value);
  }

  has(name: unknown, value?: unknown): boolean {
    return this.#pairs.some(matcher(name, value));
  }

  set(name: unknown, value: unknown): void {
    const key = usvString(name);
    const at = this.#pairs.findIndex(([other]) => other === key);
    if (at === -1) this.#pairs.push([key, usvString(value)]);
    else {
      this.#pairs[at] = [key, usvString(value)];
      this.#pairs = this.#pairs.filter(([other], index) => index <= at || other !== key);
    }
    this.#update();
  }

  /** By UTF-16 units, stable. */
  sort(): void {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    this.#update();
  }

  forEach(run: (value: string, name: string, params: URLSearchParams) => unknown, self?: unknown) {
    for (const [name, value] of this) Reflect.apply(run, self, [value, name, this]);
  }

  *entries(): Generator<Pair> {
    for (let at = 0; at < this.#pairs.length; at += 1) {
      const pair = this.#pairs[at];
      if (pair !== undefined) yield [...pair];
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<Pair> {
    return this.entries();
  }

  toString(): string {
    return this.#pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&");
  }

  #update(): void {
    this.#changed?.();
  }

  static {
    bindParams = (params, changed) => {
      params.#changed = changed;
    };
    refillParams = (params, pairs) => {
      params.#pairs = pairs;
    };
  }
}

function matcher(name: unknown, value: unknown): (pair: Pair) => boolean {
  const key = usvString(name);
  if (value === undefined) return ([other]) => other === key;
  const wanted = usvString(value);
  return ([other, held]) => other === key && held === wanted;
}

function pairsFrom(init: unknown): Pair[] {
  if ((typeof init !== "object" && typeof init !== "function") || init === null)
    return parseParams(usvString(init).replace(/^\?/, ""));
  const iterate: unknown = Reflect.get(init, Symbol.iterator);
  if (iterate === undefined || iterate === null) return pairsOfRecord(init);
  if (typeof iterate !== "function") throw new TypeError("The pairs cannot be iterated");
  return Array.from(Object(init), pairOf);
}

function pairsOfRecord(record: object): Pair[] {
  const pairs = new Map<string, string>();
  for (const key of Reflect.ownKeys(record)) {
    if (Reflect.getOwnPropertyDescriptor(record, key)?.enumerable !== true) continue;
    if (typeof key === "symbol") throw new TypeError("A name cannot be a symbol");
    pairs.set(usvString(key), usvString(Reflect.get(record, key)));
  }
  return [...pairs];
}

function pairOf(item: unknown): Pair {
  if ((typeof item !== "object" && typeof item !== "function") || item === null)
    throw new TypeError("A pair is needed");
  const [name, value, ...more] = Array.from<unknown>(Object(item));
  if (value === undefined || more.length > 0) throw new TypeError("A pair has a name and a value");
  return [usvString(name), usvString(value)];
}

/** application/x-www-form-urlencoded: parsing. */
export function parseParams(query: string): Pair[] {
  const pairs: Pair[] = [];
  for (const part of query.split("&")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    pairs.push(
      at === -1 ? [decoded(part), ""] : [decoded(part.slice(0, at)), decoded(part.slice(at + 1))],
    );
  }
  return pairs;
}

function decoded(text: string): string {
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return decodeBytes(percentDecoded(encodeUtf8(spaced)), { ignoreBOM: true });
  }
}

const PERCENT = 37;

function percentDecoded(bytes: Uint8Array): Uint8Array {
  let written = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const digits = String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0);
    const isEncoded = bytes[at] === PERCENT && /^[0-9A-Fa-f]{2}$/.test(digits);
    bytes[written] = isEncoded ? Number.parseInt(digits, 16) : (bytes[at] ?? 0);
    written += 1;
    if (isEncoded) at += 2;
  }
  return bytes.subarray(0, written);
}

const TOO_LITTLE = /%20|[!'()~]/g;
const REPLACEMENTS = new Map([
  ["%20", "+"],
  ["!", "%21"],
  ["'", "%27"],
  ["(", "%28"],
  [")", "%29"],
  ["~", "%7E"],
]);

/** application/x-www-form-urlencoded: serializing; encodeURIComponent leaves five characters more. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(TOO_LITTLE, (found) => REPLACEMENTS.get(found) ?? found);
}
