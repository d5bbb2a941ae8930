import { Blob, File } from "./blob.ts";
import { DOMException } from "./dom-exception.ts";
import { EventTarget } from "./events.ts";
import { domString } from "./web-idl.ts";

/**
 * HTML's structured clone. What has no clone is a DataCloneError. A Proxy cannot be told from what it
 * stands for, so it is cloned as that.
 */
export function structuredClone(value: unknown, options: { transfer?: unknown } = {}): unknown {
  const seen: Seen = new Map();
  const transfer = Array.from<unknown>(Object(options.transfer ?? []));
  if (new Set(transfer).size !== transfer.length || !transfer.every(isTransferable))
    throw notCloneable("value in the transfer list");
  const buffers = transfer.filter((item) => item instanceof ArrayBuffer);
  for (const buffer of buffers) seen.set(buffer, buffer.transfer());
  return clone(value, seen);
}

type Seen = Map<object, unknown>;
type Cloner = (value: object, seen: Seen) => object | undefined;

const CLONERS: readonly Cloner[] = [
  cloneBoxed,
  cloneBinary,
  cloneError,
  cloneBlob,
  cloneMap,
  cloneSet,
];
const HANDLES = [Promise, WeakMap, WeakSet, WeakRef, EventTarget];

function clone(value: unknown, seen: Seen): unknown {
  if (typeof value === "function" || typeof value === "symbol") throw notCloneable(typeof value);
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  for (const cloner of CLONERS) {
    const copy = cloner(value, seen);
    if (copy !== undefined) return copy;
  }
  if (HANDLES.some((type) => value instanceof type)) throw notCloneable("handle");
  return cloneProperties(value, remember(value, Array.isArray(value) ? [] : {}, seen), seen);
}

function remember<T extends object>(value: object, copy: T, seen: Seen): T {
  seen.set(value, copy);
  return copy;
}

/** An object that only inherits from a built-in type is none of it: its methods throw. */
function ifGenuine<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const BOXES = [Boolean, Number, String, BigInt, Symbol] as const;

function cloneBoxed(value: object, seen: Seen): object | undefined {
  if (value instanceof Date) {
    const time = ifGenuine(() => Date.prototype.getTime.call(value));
    return time === undefined ? undefined : remember(value, new Date(time), seen);
  }
  if (value instanceof RegExp) {
    const copy = ifGenuine(() => new RegExp(value.source, value.flags));
    return copy && remember(value, copy, seen);
  }
  const type = BOXES.find((box) => value instanceof box);
  const inner: unknown = type && ifGenuine(() => Reflect.apply(type.prototype.valueOf, value, []));
  if (typeof inner === "symbol") throw notCloneable("symbol");
  return inner === undefined ? undefined : remember(value, Object(inner), seen);
}

const typeOfView = Reflect.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get;

function cloneBinary(value: object, seen: Seen): object | undefined {
  if (value instanceof ArrayBuffer) return ifGenuine(() => cloneBuffer(value, seen));
  if (!ArrayBuffer.isView(value)) return undefined;
  const buffer = cloneBuffer(value.buffer, seen);
  const name: unknown = typeOfView && Reflect.apply(typeOfView, value, []);
  if (typeof name !== "string")
    return remember(value, new DataView(buffer, value.byteOffset, value.byteLength), seen);
  const type: unknown = Reflect.get(globalThis, name);
  if (typeof type !== "function") throw notCloneable("view");
  const { length } = Object(value);
  return remember(value, Object(Reflect.construct(type, [buffer, value.byteOffset, length])), seen);
}

function cloneBuffer(buffer: ArrayBufferLike, seen: Seen): ArrayBuffer {
  const known = seen.get(buffer);
  if (known instanceof ArrayBuffer) return known;
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) throw notCloneable("detached buffer");
  return remember(buffer, buffer.slice(0), seen);
}

function isTransferable(value: unknown): boolean {
  return value instanceof ArrayBuffer && !value.detached;
}

function cloneMap(value: object, seen: Seen): object | undefined {
  const entries =
    value instanceof Map && ifGenuine(() => Array.from(Map.prototype.entries.call(value)));
  if (!entries) return undefined;
  const copy = remember(value, new Map(), seen);
  for (const [key, item] of entries) copy.set(clone(key, seen), clone(item, seen));
  return copy;
}

function cloneSet(value: object, seen: Seen): object | undefined {
  const items =
    value instanceof Set && ifGenuine(() => Array.from(Set.prototype.values.call(value)));
  if (!items) return undefined;
  const copy = remember(value, new Set(), seen);
  for (const item of items) copy.add(clone(item, seen));
  return copy;
}

function cloneBlob(value: object, seen: Seen): object | undefined {
  if (!(value instanceof Blob)) return undefined;
  const { type } = value;
  if (!(value instanceof File)) return remember(value, new Blob([value], { type }), seen);
  const { name, lastModified } = value;
  return remember(value, new File([value], name, { type, lastModified }), seen);
}

const ERRORS = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type,
  ]),
);

function cloneError(value: object, seen: Seen): Error | undefined {
  if (!(value instanceof Error)) return undefined;
  if (value instanceof DOMException)
    return withStack(value, remember(value, new DOMException(value.message, value.name), seen));
  const type = ERRORS.get(domString(value.name)) ?? Error;
  const message = Reflect.getOwnPropertyDescriptor(value, "message");
  const copy = remember(
    value,
    message !== undefined && "value" in message ? new type(domString(message.value)) : new type(),
    seen,
  );
  if (Object.hasOwn(value, "cause")) define(copy, "cause", clone(value.cause, seen));
  return withStack(value, copy);
}

function withStack(from: Error, copy: Error): Error {
  if (typeof from.stack === "string") define(copy, "stack", from.stack);
  return copy;
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, configurable: true });
}

function cloneProperties(from: object, to: object, seen: Seen): object {
  if (Array.isArray(from)) Reflect.set(to, "length", from.length);
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(from, key)) continue;
    const value = clone(Reflect.get(from, key), seen);
    Object.defineProperty(to, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return to;
}

function notCloneable(what: string): DOMException {
  return new DOMException(`A ${what} cannot be cloned`, "DataCloneError");
}
