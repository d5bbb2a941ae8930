import { capBuiltins } from "./cap-builtins.ts";

/**
 * Leaves the plugin a realm whose built-in objects nobody can change: one call cannot lay a trap
 * for the next, and the prelude can go on using them. Defence in depth: the isolate and the process
 * are the boundary.
 */
export function freezeRealm(): void {
  removeGlobals();
  removeFunctionConstructors();
  capBuiltins();
  freezeReachable([globalThis, ...hiddenIntrinsics()]);
  lockGlobals();
}

const REMOVED = [
  "Atomics",
  "FinalizationRegistry",
  "SharedArrayBuffer",
  "WebAssembly",
  "escape",
  "eval",
  "unescape",
];

function removeGlobals(): void {
  for (const name of REMOVED) Reflect.deleteProperty(globalThis, name);
  // Memory that grows in place is not counted by the isolate's limit.
  for (const name of ["resize", "resizable", "maxByteLength"])
    Reflect.deleteProperty(ArrayBuffer.prototype, name);
  // Each iterator of a Segmenter holds memory outside of the heap.
  if (typeof Intl === "object") Reflect.deleteProperty(Intl, "Segmenter");
  Object.defineProperty(Error, "stackTraceLimit", {
    value: 16,
    writable: false,
    configurable: false,
  });
}

const FUNCTION_SAMPLES = [
  function sample() {},
  async function sample() {},
  function* sample() {},
  async function* sample() {},
];

/** `Function("code")` and its three relatives, reached by `constructor`, compile text. */
function removeFunctionConstructors(): void {
  for (const sample of FUNCTION_SAMPLES) {
    const prototype: object = Object.getPrototypeOf(sample);
    const { name } = Reflect.get(prototype, "constructor");
    const refuse = {
      [name]: function () {
        throw new EvalError("Code cannot be made from text here");
      },
    }[name];
    if (refuse === undefined) continue;
    Object.defineProperty(refuse, "prototype", { value: prototype, writable: false });
    Object.defineProperty(prototype, "constructor", { value: refuse });
    if (name === "Function") Object.defineProperty(globalThis, "Function", { value: refuse });
  }
}

/** Intrinsics that no global name leads to. */
function hiddenIntrinsics(): object[] {
  const iterators = [
    [][Symbol.iterator](),
    new Map().entries(),
    new Set().values(),
    ""[Symbol.iterator](),
    "".matchAll(/./g),
  ];
  return [
    ...FUNCTION_SAMPLES,
    ...iterators,
    Iterator.from({ next: () => ({ done: true, value: 0 }) }),
    [].values().map(() => 0),
  ];
}

/**
 * A frozen data property of a prototype cannot be assigned on the objects that inherit it ("override
 * mistake"), and ordinary code does that to these. As accessors they can be assigned.
 */
const ASSIGNABLE = new Map<object, "all" | readonly PropertyKey[]>([
  [Object.prototype, "all"],
  [Function.prototype, ["constructor", "toString"]],
  [Array.prototype, ["toString", "toLocaleString"]],
  ...[
    Error,
    AggregateError,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ].map((type) => [type.prototype, "all"] as const),
]);

function freezeReachable(roots: readonly object[]): void {
  const seen = new Set<object>();
  const open: object[] = [...roots];
  const add = (value: unknown) => {
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    if (!isObject || seen.has(value)) return;
    seen.add(value);
    open.push(value);
  };
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    add(Object.getPrototypeOf(item));
    for (const key of Reflect.ownKeys(item)) {
      const property = Reflect.getOwnPropertyDescriptor(item, key);
      add(property?.value);
      add(property?.get);
      add(property?.set);
    }
    makeAssignable(item);
    if (item !== globalThis) Object.freeze(item);
  }
}

function makeAssignable(prototype: object): void {
  const which = ASSIGNABLE.get(prototype);
  if (which === undefined) return;
  for (const key of which === "all" ? Reflect.ownKeys(prototype) : which) {
    const property = Reflect.getOwnPropertyDescriptor(prototype, key);
    if (property === undefined || !("value" in property)) continue;
    Object.defineProperty(prototype, key, assignable(prototype, key, property.value));
  }
}

function assignable(prototype: object, key: PropertyKey, value: unknown): PropertyDescriptor {
  return {
    enumerable: false,
    configurable: false,
    get: Object.freeze(() => value),
    set: Object.freeze(function (this: unknown, next: unknown) {
      if (this === prototype || Object(this) !== this)
        throw new TypeError(`Cannot assign to "${String(key)}" of a built-in object`);
      Object.defineProperty(this, key, {
        value: next,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }),
  };
}

/** New globals may be made, those that exist stay what they are. */
function lockGlobals(): void {
  for (const key of Reflect.ownKeys(globalThis)) {
    const property = Reflect.getOwnPropertyDescriptor(globalThis, key);
    if (property?.configurable !== true) continue;
    const fixed =
      "value" in property ? { writable: false, configurable: false } : { configurable: false };
    Object.defineProperty(globalThis, key, fixed);
  }
}
