import { capBuiltins } from "./cap-builtins.ts";
import { capIntl } from "./cap-intl.ts";
import { EventTarget } from "./web/events.ts";

/**
 * Leaves the plugin a realm whose built-in objects, and the `given` ones, nobody can change: one call
 * cannot lay a trap for the next, and the prelude can go on using them. Defence in depth: the isolate
 * and the process are the boundary.
 */
export function freezeRealm(given: readonly object[]): void {
  removeGlobals();
  removeFunctionConstructors();
  removeResizableBuffers();
  capBuiltins();
  capIntl();
  freezeReachable([...given, ...hiddenIntrinsics()]);
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
  // Each iterator of a Segmenter holds memory outside of the heap.
  if (typeof Intl === "object") Reflect.deleteProperty(Intl, "Segmenter");
  Object.defineProperty(Error, "stackTraceLimit", {
    value: 16,
    writable: false,
    configurable: false,
  });
}

/** Memory that grows in place is not counted by the isolate's limit. */
function removeResizableBuffers(): void {
  const original = ArrayBuffer;
  const { prototype } = original;
  for (const name of ["resize", "resizable", "maxByteLength"])
    Reflect.deleteProperty(prototype, name);
  const fixed = function ArrayBuffer(length?: unknown) {
    if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'");
    return Reflect.construct(original, [length], new.target);
  };
  const { isView, [Symbol.species]: species } = Object.getOwnPropertyDescriptors(original);
  Object.defineProperties(fixed, {
    length: { value: 1 },
    prototype: { value: prototype, writable: false },
    isView,
    [Symbol.species]: species,
  });
  Object.defineProperty(prototype, "constructor", { value: fixed });
  Object.defineProperty(globalThis, "ArrayBuffer", { value: fixed });
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
 * mistake"), and ordinary code does that: to these everywhere, and to all there are of some types.
 * As accessors they can be assigned.
 */
const ASSIGNED_EVERYWHERE = ["message", "name", "toJSON", "toLocaleString", "toString", "valueOf"];
/** Buffers for browsers are views whose methods they replace by assignment. */
const VIEW_PROTOTYPE: object = Object.getPrototypeOf(Uint8Array.prototype);
const ASSIGNED_ON_VIEWS = ["fill", "includes", "indexOf", "lastIndexOf", "slice"];
const ASSIGNED_WHOLLY = new Set<object>([
  Object.prototype,
  ...[
    Error,
    AggregateError,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ].map((type) => type.prototype),
]);
/**
 * Types that old code inherits from by hand, setting the constructor. Not all: V8 reads that of some
 * to see whether it may take a short cut, and each accessor takes memory in every isolate.
 */
const INHERITED_BY_HAND = new Set<object>(
  [Date, EventTarget, Function, Map, Set, WeakMap].map((type) => type.prototype),
);

/**
 * V8 matches about twenty times more slowly when RegExp.prototype is not as it made it. What a plugin
 * does to it, it does to itself alone.
 */
const LEFT_OPEN = new Set<object>([globalThis, RegExp.prototype]);

/**
 * What is frozen has been here already. This visits some thousand objects in every isolate and makes
 * as little garbage as it can: past half a megabyte V8 takes twice that from the system for good.
 */
function freezeReachable(roots: readonly object[]): void {
  const open: unknown[] = [...roots];
  for (const item of LEFT_OPEN) {
    open.push(Object.getPrototypeOf(item));
    pushValues(open, item);
  }
  while (open.length > 0) {
    const item = open.pop();
    if (!isObject(item) || LEFT_OPEN.has(item) || Object.isFrozen(item)) continue;
    open.push(Object.getPrototypeOf(item));
    pushValues(open, item);
    makeAssignable(item);
    Object.freeze(item);
  }
}

/** Most of what is found are functions that lead nowhere. */
function pushOrFreeze(open: unknown[], value: unknown): void {
  if (typeof value === "function" && !leadsOn(value)) Object.freeze(value);
  else if (isObject(value)) open.push(value);
}

/** A function that is no constructor has only its name and length, except for two. */
function leadsOn(item: object): boolean {
  return item === Proxy || item === Function.prototype || Object.hasOwn(item, "prototype");
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

type Lookup = (this: object, key: PropertyKey) => unknown;
const lookupGetter: Lookup = Reflect.get(Object.prototype, "__lookupGetter__");
const lookupSetter: Lookup = Reflect.get(Object.prototype, "__lookupSetter__");

/** Unlike a property descriptor, the old functions that look for accessors make no garbage. */
function pushValues(open: unknown[], item: object): void {
  for (const key of Reflect.ownKeys(item)) {
    const getter: unknown = lookupGetter.call(item, key);
    const setter: unknown = lookupSetter.call(item, key);
    const value: unknown = getter ?? setter ?? Reflect.get(item, key);
    pushOrFreeze(open, value);
    if (getter !== undefined) pushOrFreeze(open, setter);
  }
}

function makeAssignable(item: object): void {
  if (!Object.hasOwn(item, "constructor")) return;
  const keys = ASSIGNED_WHOLLY.has(item) ? Reflect.ownKeys(item) : ASSIGNED_EVERYWHERE;
  for (const key of keys) makeKeyAssignable(item, key);
  if (item === VIEW_PROTOTYPE) for (const key of ASSIGNED_ON_VIEWS) makeKeyAssignable(item, key);
  if (INHERITED_BY_HAND.has(item)) makeKeyAssignable(item, "constructor");
}

function makeKeyAssignable(prototype: object, key: PropertyKey): void {
  const property = Reflect.getOwnPropertyDescriptor(prototype, key);
  if (property !== undefined && "value" in property)
    Object.defineProperty(prototype, key, assignable(prototype, key, property.value));
}

function assignable(prototype: object, key: PropertyKey, value: unknown): PropertyDescriptor {
  // Methods, unlike function expressions, have no prototype object of their own.
  const accessors: PropertyDescriptor = {
    enumerable: false,
    configurable: false,
    get: () => value,
    set(this: unknown, next: unknown) {
      if (this === prototype || !isObject(this))
        throw new TypeError(`Cannot assign to "${String(key)}" of a built-in object`);
      Object.defineProperty(this, key, {
        value: next,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    },
  };
  for (const part of Object.values(accessors)) Object.freeze(part);
  return accessors;
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
