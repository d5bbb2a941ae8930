import { withCode } from "./errors.ts";

/**
 * V8 cannot interrupt some built-in functions, and a few end the whole process. A size cap turns
 * the simple ways to abuse them into a RangeError, so that they cost one call and not the child.
 * Whatever gets past this ends with the process.
 */
const MAX_STRING = 8_388_608;
const MAX_ELEMENTS = 4_194_304;
/** Searching compares at worst every unit of the text with every unit of what is looked for. */
const MAX_COMPARISONS = 2 ** 31;
const MAX_BITS = 8_388_608;

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Fits = (self: unknown, args: readonly unknown[]) => boolean;

export function capBuiltins(): void {
  for (const [name, fits] of Object.entries(STRING_CAPS)) wrap(String.prototype, name, fits);
  for (const name of ARRAY_METHODS) wrap(Array.prototype, name, lengthFits);
  for (const name of ["join", "toLocaleString", "toString"])
    wrap(Object.getPrototypeOf(Uint8Array.prototype), name, lengthFits);
  wrap(Array.prototype, "concat", (self, args) => totalLength([self, ...args]) <= MAX_ELEMENTS);
  for (const name of ["from", "fromAsync"]) wrap(Array, name, (_, [source]) => lengthFits(source));
  wrap(Object.getPrototypeOf(Uint8Array), "from", (_, [source]) => lengthFits(source));
  wrap(JSON, "parse", (_, [text]) => typeof text !== "string" || text.length <= MAX_STRING);
  for (const name of ["asIntN", "asUintN"])
    wrap(BigInt, name, (_, [bits]) => Number(bits) <= MAX_BITS);
  wrap(BigInt.prototype, "toString", bigIntFits);
  wrap(BigInt.prototype, "toLocaleString", bigIntFits);
}

const isTextShort: Fits = (self) => String(self).length <= MAX_STRING;
const isSearchShort: Fits = (self, [search]) =>
  isTextShort(self, []) &&
  (typeof search !== "string" || String(self).length * search.length <= MAX_COMPARISONS);

const STRING_CAPS: Readonly<Record<string, Fits>> = {
  repeat: (self, [count]) => String(self).length * Number(count) <= MAX_STRING,
  padStart: (_, [length]) => Number(length) <= MAX_STRING,
  padEnd: (_, [length]) => Number(length) <= MAX_STRING,
  concat: (self, args) =>
    args.reduce<number>(
      (sum, part) => sum + (typeof part === "string" ? part.length : 0),
      String(self).length,
    ) <= MAX_STRING,
  includes: isSearchShort,
  indexOf: isSearchShort,
  lastIndexOf: isSearchShort,
  localeCompare: isTextShort,
  normalize: isTextShort,
  replace: isSearchShort,
  replaceAll: (self, [search, replacement]) =>
    isSearchShort(self, [search]) && isGrowthShort(String(self), search, replacement),
  split: isSearchShort,
  toLocaleLowerCase: isTextShort,
  toLocaleUpperCase: isTextShort,
  toLowerCase: isTextShort,
  toUpperCase: isTextShort,
};

/** Each unit may be replaced; a text that is not long stays within the heap, whatever replaces it. */
function isGrowthShort(text: string, search: unknown, replacement: unknown): boolean {
  if (typeof search !== "string" || typeof replacement !== "string") return true;
  const found = search === "" ? text.length + 1 : text.length / search.length;
  return found * replacement.length <= MAX_STRING * 8;
}

/** Methods that go through `length` elements, there or not, without running plugin code. */
const ARRAY_METHODS = [
  "copyWithin",
  "every",
  "fill",
  "filter",
  "flat",
  "flatMap",
  "forEach",
  "includes",
  "indexOf",
  "join",
  "lastIndexOf",
  "map",
  "reduce",
  "reduceRight",
  "reverse",
  "shift",
  "slice",
  "some",
  "sort",
  "splice",
  "toLocaleString",
  "toReversed",
  "toSorted",
  "toSpliced",
  "toString",
  "unshift",
  "with",
];

function lengthFits(value: unknown): boolean {
  return lengthOf(value) <= MAX_ELEMENTS;
}

function lengthOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value !== "object" || value === null) return 0;
  const length: unknown = Reflect.get(value, "length");
  return typeof length === "number" ? length : 0;
}

function totalLength(values: readonly unknown[]): number {
  let total = 0;
  for (const value of values) total += lengthOf(value);
  return total;
}

/** 2 ** 100,000: more digits than anybody reads, fewer than take long to find. */
const MAX_BIG = 1n << 100_000n;
const bigIntFits: Fits = (self) => typeof self !== "bigint" || (self < MAX_BIG && self > -MAX_BIG);

export function tooLarge(name: string): RangeError {
  return withCode("limit_memory", new RangeError(`The value is too large for ${name}()`));
}

function wrap(owner: object, name: string, fits: Fits): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== "function") return;
  const capped: Record<string, Method> = {
    [name](...args) {
      if (!fits(this, args)) throw tooLarge(name);
      return Reflect.apply(original, this, args);
    },
  };
  const method = capped[name];
  Object.defineProperty(method, "length", { value: original.length, configurable: true });
  Object.defineProperty(owner, name, { value: method, writable: true, configurable: true });
}
