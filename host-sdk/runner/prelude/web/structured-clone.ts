import { DOMException } from "./dom-exception.ts";

const ERRORS = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type,
  ]),
);

/** HTML's structured clone of data, without transfer. What has no clone is a DataCloneError. */
export function structuredClone(value: unknown): unknown {
  return clone(value, new Map());
}

type Seen = Map<object, unknown>;

function clone(value: unknown, seen: Seen): unknown {
  if (typeof value === "function" || typeof value === "symbol") throw notCloneable(typeof value);
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  return (
    known ?? cloneBoxed(value, seen) ?? cloneBinary(value, seen) ?? cloneCollection(value, seen)
  );
}

function remember<T extends object>(value: object, copy: T, seen: Seen): T {
  seen.set(value, copy);
  return copy;
}

function cloneBoxed(value: object, seen: Seen): object | undefined {
  if (value instanceof Date) return remember(value, new Date(value.getTime()), seen);
  if (value instanceof RegExp) return remember(value, new RegExp(value.source, value.flags), seen);
  const inner = value.valueOf();
  const isBoxed =
    typeof inner !== "object" && typeof inner !== "function" && typeof inner !== "symbol";
  return isBoxed ? remember(value, Object(inner), seen) : undefined;
}

function cloneBinary(value: object, seen: Seen): object | undefined {
  if (value instanceof ArrayBuffer) return remember(value, value.slice(0), seen);
  if (value instanceof DataView) {
    const buffer = cloneBuffer(value.buffer, seen);
    return remember(value, new DataView(buffer, value.byteOffset, value.byteLength), seen);
  }
  if (!ArrayBuffer.isView(value)) return undefined;
  const { constructor, buffer, byteOffset, length } = Object(value);
  return remember(
    value,
    Reflect.construct(constructor, [cloneBuffer(buffer, seen), byteOffset, length]),
    seen,
  );
}

function cloneBuffer(buffer: ArrayBufferLike, seen: Seen): ArrayBuffer {
  const known = seen.get(buffer);
  if (known instanceof ArrayBuffer) return known;
  if (!(buffer instanceof ArrayBuffer)) throw notCloneable("shared buffer");
  return remember(buffer, buffer.slice(0), seen);
}

function cloneCollection(value: object, seen: Seen): object {
  if (value instanceof Map) {
    const copy = remember(value, new Map(), seen);
    for (const [key, item] of Array.from(value)) copy.set(clone(key, seen), clone(item, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = remember(value, new Set(), seen);
    for (const item of Array.from(value)) copy.add(clone(item, seen));
    return copy;
  }
  if (value instanceof Error) return cloneError(value, seen);
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet)
    throw notCloneable("handle");
  return cloneProperties(
    value,
    remember(
      value,
      Array.isArray(value) ? Array.from<unknown>({ length: value.length }) : {},
      seen,
    ),
    seen,
  );
}

function cloneError(value: Error, seen: Seen): Error {
  const type = ERRORS.get(value.name) ?? Error;
  const copy = remember(value, new type(value.message), seen);
  Object.defineProperty(copy, "stack", { value: value.stack, writable: true, configurable: true });
  if ("cause" in value)
    Object.defineProperty(copy, "cause", {
      value: clone(value.cause, seen),
      writable: true,
      configurable: true,
    });
  return copy;
}

function cloneProperties(from: object, to: object, seen: Seen): object {
  for (const [key, item] of Object.entries(from)) {
    Object.defineProperty(to, key, {
      value: clone(item, seen),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return to;
}

function notCloneable(what: string): DOMException {
  return new DOMException(`A ${what} cannot be cloned`, "DataCloneError");
}
