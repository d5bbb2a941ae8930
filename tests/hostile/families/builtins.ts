import { each, type Family, type Payload } from "../payload.ts";

/** Which limit is met first depends on the machine; that one is met does not. */
const contained: Payload = { expect: "limit_cpu|limit_memory" };
const thrown: Payload = { expect: "plugin_threw|limit_cpu|limit_memory" };

/** Functions of the language that V8 does not interrupt, or that end its process. */
export const builtins: Family = {
  ...each(contained, {
    "reverse of an array-like": "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })",
    "indexOf in a sparse array": "const a = []; a.length = 2 ** 32 - 1; return a.indexOf(1)",
    "lastIndexOf in a sparse array":
      "const a = []; a.length = 2 ** 32 - 1; return a.lastIndexOf(1)",
    "includes in an array-like": "return Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)",
    "find in an array-like":
      "return Array.prototype.find.call({ length: 2 ** 53 - 1 }, () => false)",
    "every in an array-like":
      "return Array.prototype.every.call({ length: 2 ** 53 - 1 }, () => true)",
    "some in an array-like":
      "return Array.prototype.some.call({ length: 2 ** 53 - 1 }, () => false)",
    "forEach in an array-like":
      "return Array.prototype.forEach.call({ length: 2 ** 53 - 1 }, () => {})",
    "reduce in an array-like":
      "return Array.prototype.reduce.call({ length: 2 ** 53 - 1 }, () => {}, 0)",
    "filter in an array-like":
      "return Array.prototype.filter.call({ length: 2 ** 53 - 1 }, () => false)",
    "findLast in an array-like":
      "return Array.prototype.findLast.call({ length: 2 ** 53 - 1 }, () => false)",
    "shift of an array-like": "return Array.prototype.shift.call({ length: 2 ** 53 - 1 })",
    "unshift of an array-like": "return Array.prototype.unshift.call({ length: 2 ** 53 - 2 }, 1)",
    "splice of an array-like": "return Array.prototype.splice.call({ length: 2 ** 53 - 1 }, 0, 1)",
    "copyWithin of an array-like":
      "return Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 1, 0)",
    "fill of an array-like": "return Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 1)",
    "join of a sparse array": "const a = []; a.length = 2 ** 32 - 1; return a.join('')",
    "Array.from of a thousand million": "return Array.from({ length: 1e9 }).length",
    "JSON.parse of three million objects":
      "return JSON.parse('[' + '{},'.repeat(2.7e6) + '0]').length",
    "JSON.parse of a text that was doubled":
      "let s = '{},'; while (s.length < 6e7) s += s; return JSON.parse('[' + s + '0]').length",
    "JSON.stringify of a wide object":
      "const o = {}; for (let k = 0; k < 1e5; k += 1) o['k' + k] = 'v'; for (;;) JSON.stringify(o)",
    "a BigInt to text": "return (1n << 2n ** 27n).toString().length",
    "a BigInt from text": "let s = '9'; while (s.length < 3e6) s += s; return BigInt(s) > 0n",
    "a power of BigInts": "for (;;) (7n ** 5_000_000n) % 10n",
    "a division of BigInts":
      "const n = (1n << 30_000_000n) - 1n; return n / ((1n << 15_000_000n) - 3n) > 0n",
    "asUintN of a negative BigInt":
      "return BigInt.asUintN(2 ** 29, -1n) * BigInt.asUintN(2 ** 29, -1n) > 0n",
    "a sort of a million strings":
      "for (;;) Array.from({ length: 1e6 }, (_, k) => String(k * 7919 % 1e6)).sort()",
    "a sort of typed arrays": "for (;;) new Float64Array(1e6).map(() => Math.random()).sort()",
    "a sort by locale":
      "const a = Array.from({ length: 2e5 }, (_, k) => 'ä' + (k * 7919 % 2e5)); for (;;) a.slice().sort((x, y) => x.localeCompare(y, 'de'))",
    "localeCompare of long strings":
      "const a = 'ä'.repeat(8e6), b = 'ä'.repeat(8e6 - 1) + 'b'; for (;;) a.localeCompare(b, 'de')",
    "normalize of long strings": "const s = 'ü'.repeat(8e6); for (;;) s.normalize('NFD')",
    "toLocaleUpperCase of a text that was doubled":
      "let s = 'ß'; while (s.length < 1e8) s += s; for (;;) s.toLocaleUpperCase('de')",
    "toUpperCase of a text that was doubled":
      "let s = 'ß'; while (s.length < 1e8) s += s; for (;;) s.toUpperCase()",
    "split and join":
      "let s = 'ab'.repeat(1e6); for (;;) s = s.split('a').join('ab').slice(0, 8e6)",
    "encodeURIComponent of long strings":
      "const s = '€'.repeat(2e6); for (;;) encodeURIComponent(s)",
    "indexOf of a needle nearly there":
      "const s = 'a'.repeat(8e6), n = 'a'.repeat(4e6) + 'b'; for (;;) s.indexOf(n)",
    "matchAll of every letter": "const s = 'a'.repeat(8e6); for (;;) [...s.matchAll(/a/g)]",
    "String.raw of an array-like": "return String.raw({ raw: { length: 2 ** 53 - 1 } })",
    "the keys of a long string":
      "const s = Object('x'.repeat(8e6)); for (;;) Object.getOwnPropertyNames(s)",
    "assign from a long string": "for (;;) Object.assign({}, 'x'.repeat(4e6))",
    "flat of aliases":
      "let a = [1]; for (let k = 0; k < 40; k += 1) a = [a, a]; return a.flat(Infinity).length",
    "a comparison of nested arrays as text":
      "let a = ['x']; for (let k = 0; k < 40; k += 1) a = [a, a]; return String(a).length",
    "concat of spreadables":
      "const s = { length: 2 ** 32 - 1, [Symbol.isConcatSpreadable]: true }; return [].concat(s).length",
    "sort of an array-like": "return Array.prototype.sort.call({ length: 2 ** 32 - 1 })",
    "a set that is united with an endless one":
      "return new Set().union({ size: 1, has: () => true, keys: () => ({ next: () => ({ done: false, value: {} }) }) }).size",
    "drop of an endless iterator":
      "return Iterator.from({ next: () => ({ done: false }) }).drop(Infinity).next()",
    "fill of a large typed array": "const a = new Uint8Array(2e7); for (;;) a.fill(1)",
    "indexOf in a large typed array": "const a = new Uint8Array(2e7); for (;;) a.indexOf(1)",
    "join of a large typed array": "const a = new Uint8Array(8e6); for (;;) a.join(',')",
    "structuredClone of a deep value":
      "let v = []; for (let k = 0; k < 1e5; k += 1) v = [v]; for (;;) { try { structuredClone(v) } catch {} }",
    "a date formatted in a loop":
      "const f = new Intl.DateTimeFormat('ar', { dateStyle: 'full' }); for (;;) f.formatToParts(1)",
    "a URL parsed in a loop": "const s = 'https://h/' + 'a/../'.repeat(1e3); for (;;) new URL(s)",
  }),
  ...each(thrown, {
    "apply with a long list": "return Math.max.apply(null, { length: 2 ** 31 })",
    "Reflect.construct with a long list":
      "return Reflect.construct(Array, { length: 2 ** 31 }).length",
    "fromCharCode with a long list":
      "return String.fromCharCode.apply(null, new Array(4e6)).length",
    "a spread of four million arguments": "return Math.max(...new Array(4e6).fill(1))",
    "a recursion": "(function f() { f() })()",
    "a recursion through toString": "const o = { toString() { return `${o}` } }; return String(o)",
    "a recursion through JSON": "const o = { toJSON() { return [o] } }; return JSON.stringify(o)",
    "a proxy that recurses": "const p = new Proxy({}, { get: (t, k, r) => r[k] }); return p.x",
    "a proxy that is its own prototype":
      "const p = new Proxy({}, { getPrototypeOf: () => p }); return {} instanceof Object && p instanceof (class {})",
    "a deep regular expression": "return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('')",
    "a deep JSON text": "return JSON.parse('['.repeat(1e6) + ']'.repeat(1e6)).length",
    "a deep array as text":
      "let v = []; for (let k = 0; k < 1e6; k += 1) v = [v]; return String(v).length",
  }),
  "a digest in a loop": {
    expect: "limit_cpu|limit_calls",
    body: "const b = new Uint8Array(1e6); for (;;) await crypto.subtle.digest('SHA-512', b)",
  },
  // The text may be refused by the system, which ends the process.
  ...each(
    { expect: `${thrown.expect}|plugin_crashed|collateral` },
    {
      "a text that amplifies": "return 'a'.repeat(1e5).replaceAll('a', 'b'.repeat(1e5)).length",
      "a replace that amplifies by groups":
        "return 'a'.repeat(1e5).replace(/(a)/g, '$1'.repeat(1e5)).length",
    },
  ),
};
