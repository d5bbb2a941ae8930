import { each, type Family, type Payload } from "../payload.ts";

const refused: Payload = { expect: "limit_memory", cpuMs: 4_000 };
const contained: Payload = {
  expect: "limit_memory|limit_cpu|limit_calls|plugin_threw",
  cpuMs: 2_000,
};

const cheapOrStopped: Payload = { ...contained, expect: `${contained.expect}|ok` };

/** Memory that V8 does not count as the isolate's heap, or only late. */
export const offHeap: Family = {
  ...each(refused, {
    "a buffer of 4 GB": "return new ArrayBuffer(4e9).byteLength",
    "a typed array of 1 GB": "return new Float64Array(2 ** 27).length",
    "buffers of 1 MB": "const a = []; for (;;) a.push(new ArrayBuffer(1 << 20))",
    "buffers of 1,000 bytes": "const a = []; for (;;) a.push(new Uint8Array(1000))",
    "buffers of 64 KB that are written to":
      "const a = []; for (;;) a.push(new Uint8Array(65536).fill(1))",
    "a buffer that is copied":
      "let b = new Uint8Array(1 << 20); const a = []; for (;;) a.push(b.slice())",
    "a typed array from an array-like": "return new Uint8Array({ length: 2 ** 31 }).length",
    "a long repeat": "return 'x'.repeat(1e9).length",
    "a long padding": "return 'x'.padEnd(5e8).length",
    "a padded string that is split": "return ''.padStart(2 ** 29 - 24, 'ab').split('').length",
  }),
  ...each(contained, {
    "a buffer that grows in place":
      "const b = new ArrayBuffer(1, { maxByteLength: 2e9 }); b.resize(2e9); return new Uint8Array(b).fill(1).length",
    "buffers that are transferred":
      "let b = new ArrayBuffer(1 << 20); const a = []; for (;;) { a.push(b.transfer(2 << 20)); b = new ArrayBuffer(1 << 20) }",
    "a string that doubles": "let s = 'x'; for (;;) s += s",
    "ropes that are flattened and kept":
      "const a = []; for (let k = 0; ; k += 1) { let s = 'x' + k; while (s.length < 4e6) s += s; a.push(s, s.charCodeAt(1)) }",
    "two-byte ropes that are flattened and kept":
      "const a = []; for (let k = 0; ; k += 1) { let s = '\\u20ac' + k; while (s.length < 4e6) s += s; a.push(s, s.charCodeAt(1)) }",
    "slices that hold their parents":
      "const a = []; for (let k = 0; ; k += 1) { let s = 'x' + k; while (s.length < 1e6) s += s; a.push(s.slice(1, 20)); s.charCodeAt(1) }",
    "external-like strings by join":
      "const a = []; for (;;) a.push(Array.from({ length: 1e5 }, () => 'abcdefgh').join(''))",
    "text encoders":
      "const e = new TextEncoder(), a = []; for (;;) a.push(e.encode('x'.repeat(1e6)))",
    "text decoders":
      "const d = new TextDecoder(), b = new Uint8Array(1e6).fill(65), a = []; for (;;) a.push(d.decode(b))",
    "base64 of base64": "let s = 'x'.repeat(1e6); for (;;) s = btoa(s)",
    "a Response of a large body":
      "const a = []; for (;;) a.push(new Response('x'.repeat(1e6)), await new Response('y'.repeat(1e6)).arrayBuffer())",
    "blobs of blobs": "let b = new Blob(['x'.repeat(1e5)]); for (;;) b = new Blob([b, b])",
    "structuredClone of what grows":
      "let v = ['x']; for (;;) v = structuredClone([v, v, new Uint8Array(1e5)])",
    "random bytes that are kept":
      "const a = []; for (;;) a.push(crypto.getRandomValues(new Uint8Array(65536)))",
    "toLocaleString in many locales":
      "const tags = ['de', 'en', 'fr', 'ar', 'hi', 'ja', 'zh', 'th', 'ko', 'ru']; for (let k = 0; ; k += 1) new Date(k).toLocaleString(tags[k % 10], { timeZone: 'Asia/Tokyo', era: 'long', minute: k % 2 ? '2-digit' : 'numeric' })",
    "regular expressions that are compiled":
      "const a = []; for (let k = 0; ; k += 1) { const r = new RegExp('(?:x' + k + '|y){1,200}z', 'u'); r.test('xyz'); a.push(r) }",
    "a class of all code points, folded":
      "const a = []; for (let k = 0; ; k += 1) { const r = new RegExp('[\\\\p{L}\\\\p{N}&&[^' + String.fromCodePoint(97 + k % 5000) + ']]', 'iv'); r.test('x'); a.push(r) }",
    "BigInts that are kept":
      "const a = []; for (let k = 0n; ; k += 1n) a.push((1n << 500_000n) + k)",
    "array of 100 million": "return new Array(1e8).fill(1).length",
    "a hole-filled array of 2 ** 32 - 1":
      "const a = []; a[2 ** 32 - 2] = 1; return a.concat([1]).map(() => 1).length",
    "weak references and their targets":
      "const a = []; for (;;) a.push(new WeakRef(new Uint8Array(1e5)))",
  }), // What it takes fits below every limit, or does not, by the machine.
  ...each(cheapOrStopped, {
    "a rope that is flattened":
      "let s = 'ab'; for (let k = 0; k < 27; k += 1) s += s; return s.charCodeAt(5)",
    "100,000 date formatters":
      "const a = []; for (let k = 0; k < 1e5; k += 1) a.push(new Intl.DateTimeFormat('de', { timeZone: 'Europe/Berlin' })); return a.length",
    "100,000 number formatters":
      "const a = []; for (let k = 0; k < 1e5; k += 1) a.push(new Intl.NumberFormat('de', { style: 'currency', currency: 'EUR' })); return a.length",
    "100,000 collators":
      "const a = []; for (let k = 0; k < 1e5; k += 1) a.push(new Intl.Collator('de')); return a.length",
    "100,000 plural rules":
      "const a = []; for (let k = 0; k < 1e5; k += 1) a.push(new Intl.PluralRules('ar')); return a.length",
    "100,000 list formatters":
      "const a = []; for (let k = 0; k < 1e5; k += 1) a.push(new Intl.ListFormat('de')); return a.length",
    "100,000 relative time formatters":
      "const a = []; for (let k = 0; k < 1e5; k += 1) a.push(new Intl.RelativeTimeFormat('de')); return a.length",
    "100,000 display names":
      "const a = []; for (let k = 0; k < 1e5; k += 1) a.push(new Intl.DisplayNames('de', { type: 'region' })); return a.length",
    "a regular expression that unrolls":
      "return new RegExp('(?:(?:(?:a{1,100}){1,100}){1,100}){1,100}').test('a'.repeat(1000))",
    "a BigInt of half a gigabit": "return (1n << 500_000_000n) > 0n",
    "a regular expression of 1 MB": "return new RegExp('(?:a|b)?'.repeat(120_000)).test('abc')",
  }),
  // One function takes it all: the process may end before anybody can say whose it was.
  ...each(
    { ...contained, expect: `${contained.expect}|plugin_crashed|collateral` },
    {
      "a result of aliases":
        "const s = 'x'.repeat(1e6); return JSON.stringify(Array.from({ length: 1000 }, () => s)).length",
      "squares of a BigInt": "let n = 3n; for (;;) n *= n",
    },
  ),
};
