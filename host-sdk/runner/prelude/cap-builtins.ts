import { withCode } from "./errors.ts";

/**
 * V8 cannot interrupt some built-in functions, and a few end the whole process. A size cap turns
 * the simple ways to abuse them into a RangeError, so that they cost one call and not the child.
 */
const MAX_STRING = 8_388_608;
const MAX_ELEMENTS = 4_194_304;

type Method = (this: unknown, ...args: unknown[]) => unknown;

export function capBuiltins(): void {
  wrap(
    String.prototype,
    "repeat",
    (self, [count]) => String(self).length * Number(count) <= MAX_STRING,
  );
  wrap(String.prototype, "padStart", (_, [length]) => Number(length) <= MAX_STRING);
  wrap(String.prototype, "padEnd", (_, [length]) => Number(length) <= MAX_STRING);
  wrap(String.prototype, "split", (self) => String(self).length <= MAX_STRING);
  for (const name of ["toLocaleUpperCase", "toLocaleLowerCase", "normalize", "replaceAll"]) {
    wrap(String.prototype, name, (self) => String(self).length <= MAX_STRING);
  }
  for (const name of ARRAY_METHODS) wrap(Array.prototype, name, lengthFits);
  wrap(Array, "from", (_, [source]) => lengthFits(source));
  wrap(JSON, "parse", (_, [text]) => typeof text !== "string" || text.length <= MAX_STRING);
}

/** Methods that go through `length` elements, there or not, without running plugin code. */
const ARRAY_METHODS = [
  "copyWithin",
  "fill",
  "flat",
  "includes",
  "indexOf",
  "join",
  "lastIndexOf",
  "reverse",
  "shift",
  "slice",
  "sort",
  "splice",
  "toReversed",
  "toSorted",
  "toSpliced",
  "unshift",
  "with",
];

function lengthFits(value: unknown): boolean {
  if (Array.isArray(value)) return value.length <= MAX_ELEMENTS;
  if (typeof value !== "object" || value === null) return true;
  const length: unknown = Reflect.get(value, "length");
  return typeof length !== "number" || length <= MAX_ELEMENTS;
}

function tooLarge(name: string): RangeError {
  return withCode("limit_memory", new RangeError(`The value is too large for ${name}()`));
}

function wrap(
  owner: object,
  name: string,
  fits: (self: unknown, args: readonly unknown[]) => boolean,
): void {
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
