import { tooLarge } from "./cap-builtins.ts";

/**
 * A formatter holds up to 30 KB outside of the heap, where the isolate's limit does not see it. The
 * same one is given out for the same locale and options, and there are only so many different ones.
 */
const MAX_FORMATTERS = 500;
const CAPPED = [
  "Collator",
  "DateTimeFormat",
  "DisplayNames",
  "DurationFormat",
  "ListFormat",
  "NumberFormat",
  "PluralRules",
  "RelativeTimeFormat",
];

type Constructor = (this: unknown, ...args: unknown[]) => unknown;

export function capIntl(): void {
  const made = new Map<string, object>();
  let others = 0;
  const give = (name: string, args: readonly unknown[], make: () => unknown): unknown => {
    const key = keyOf(name, args);
    const known = key === undefined ? undefined : made.get(key);
    if (known !== undefined) return known;
    if (made.size + others >= MAX_FORMATTERS) throw tooLarge(`Intl.${name}`);
    const formatter: object = Object.freeze(Object(make()));
    if (key === undefined) others += 1;
    else made.set(key, formatter);
    return formatter;
  };
  for (const name of CAPPED) replace(name, give);
}

function replace(
  name: string,
  give: (name: string, args: readonly unknown[], make: () => unknown) => unknown,
): void {
  const original: unknown = Reflect.get(Intl, name);
  if (typeof original !== "function") return;
  const capped: Record<string, Constructor> = {
    [name]: function (...args) {
      if (new.target === undefined || new.target === constructor)
        return give(name, args, () => Reflect.construct(original, args));
      return give(name, [Symbol()], () => Reflect.construct(original, args, new.target));
    },
  };
  const constructor = capped[name];
  if (constructor === undefined) return;
  const prototype: object = original.prototype;
  Object.defineProperties(constructor, {
    length: { value: 0 },
    prototype: { value: prototype, writable: false },
    supportedLocalesOf: { value: Reflect.get(original, "supportedLocalesOf") },
  });
  Object.defineProperty(prototype, "constructor", { value: constructor });
  Object.defineProperty(Intl, name, { value: constructor });
}

/** undefined when the options are more than plain values: then no two are known to be the same. */
function keyOf(name: string, [locales, options]: readonly unknown[]): string | undefined {
  if (locales !== undefined && typeof locales !== "string") return undefined;
  if (options === undefined) return `${name} ${locales}`;
  if (typeof options !== "object" || options === null) return undefined;
  if (Object.getPrototypeOf(options) !== Object.prototype) return undefined;
  const entries = Object.entries(options);
  if (entries.some(([, value]) => typeof value === "object" || typeof value === "function"))
    return undefined;
  return `${name} ${locales} ${JSON.stringify(entries.map(([key, value]) => [key, String(value)]))}`;
}
