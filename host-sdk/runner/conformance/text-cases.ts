import type { Case } from "./cases.ts";

export const TEXT_CASES: Readonly<Record<string, readonly Case[]>> = {
  TextEncoder: [
    [
      "text becomes UTF-8",
      `same([...new TextEncoder().encode("a\\u00e4\\u20ac\\ud83d\\ude00")], [97, 195, 164, 226, 130, 172, 240, 159, 152, 128])`,
    ],
    [
      "half a surrogate pair becomes U+FFFD",
      `same([...new TextEncoder().encode("\\udc00x\\ud800")], [239, 191, 189, 120, 239, 191, 189])`,
    ],
    [
      "without a text the result is empty",
      `new TextEncoder().encode().length === 0 && new TextEncoder().encode("").length === 0`,
    ],
    [
      "encodeInto writes whole characters and says how far it came",
      `(() => { const into = new Uint8Array(5); const { read, written } = new TextEncoder().encodeInto("aä\\ud83d\\ude00", into); return read === 2 && written === 3 })()`,
    ],
    [
      "encodeInto needs a Uint8Array",
      `throws("TypeError", () => new TextEncoder().encodeInto("a", []))`,
    ],
    ["its encoding is utf-8", `new TextEncoder().encoding === "utf-8"`],
    [
      "long text is encoded like short text",
      `new TextEncoder().encode("ä\\ud800".repeat(5000)).length === 25000`,
    ],
  ],
  TextDecoder: [
    [
      "labels have many forms",
      `[["UTF8", "utf-8"], [" unicode-1-1-utf-8\\n", "utf-8"], ["ascii", "windows-1252"], ["latin1", "windows-1252"], ["utf-16", "utf-16le"], ["sjis", "shift_jis"], ["koi8", "koi8-r"], ["gb2312", "gbk"]].every(([label, name]) => new TextDecoder(label).encoding === name)`,
    ],
    [
      "a label that is none is a RangeError",
      `["", "utf-9", "utf-8\\0", "latin-1x"].every((label) => throws("RangeError", () => new TextDecoder(label)))`,
    ],
    [
      "each invalid byte sequence becomes U+FFFD by its longest prefix",
      `new TextDecoder().decode(bytes(0x61, 0xf0, 0x9f, 0x98, 0x62, 0xed, 0xa0, 0x80, 0xc0, 0xaf, 0xe2, 0x82)) === "a\\ufffdb\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"`,
    ],
    [
      "a BOM is dropped once",
      `new TextDecoder().decode(bytes(0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 97)) === "\\ufeffa"`,
    ],
    [
      "a BOM stays with ignoreBOM",
      `new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf)) === "\\ufeff"`,
    ],
    [
      "a BOM in pieces is dropped too",
      `(() => { const d = new TextDecoder(); return d.decode(bytes(0xef), { stream: true }) + d.decode(bytes(0xbb), { stream: true }) + d.decode(bytes(0xbf, 97)) === "a" })()`,
    ],
    [
      "fatal throws a TypeError and starts afresh",
      `(() => { const d = new TextDecoder("utf-8", { fatal: true }); return throws("TypeError", () => d.decode(bytes(0xff))) && d.decode(bytes(97)) === "a" })()`,
    ],
    [
      "fatal throws for bytes that end early",
      `throws("TypeError", () => new TextDecoder("utf-8", { fatal: true }).decode(bytes(0xe2, 0x82)))`,
    ],
    [
      "a character may come in pieces",
      `(() => { const d = new TextDecoder(); return d.decode(bytes(0xf0, 0x9f), { stream: true }) === "" && d.decode(bytes(0x98, 0x80), { stream: true }) === "\\ud83d\\ude00" && d.decode() === "" })()`,
    ],
    [
      "what is missing at the end is replaced",
      `(() => { const d = new TextDecoder(); return d.decode(bytes(97, 0xf0, 0x9f), { stream: true }) === "a" && d.decode() === "\\ufffd" })()`,
    ],
    [
      "UTF-16 in both orders, with pairs in pieces",
      `(() => { const le = new TextDecoder("utf-16le"); return le.decode(bytes(0x3d, 0xd8, 0x00), { stream: true }) + le.decode(bytes(0xde)) === "\\ud83d\\ude00" && new TextDecoder("utf-16be").decode(bytes(0xfe, 0xff, 0x20, 0xac)) === "\\u20ac" })()`,
    ],
    [
      "half a UTF-16 pair is replaced",
      `new TextDecoder("utf-16le").decode(bytes(0x3d, 0xd8, 0x61, 0)) === "\\ufffda"`,
    ],
    [
      "one-byte encodings",
      `new TextDecoder("windows-1251").decode(bytes(0xcf, 0xf0)) === "\\u041f\\u0440" && new TextDecoder("iso-8859-2").decode(bytes(0xb1)) === "\\u0105"`,
    ],
    [
      "East Asian encodings",
      `new TextDecoder("shift_jis").decode(bytes(0x82, 0xa0)) === "\\u3042" && new TextDecoder("gb18030").decode(bytes(0xc4, 0xe3)) === "\\u4f60" && new TextDecoder("euc-kr").decode(bytes(0xb0, 0xa1)) === "\\uac00"`,
    ],
    [
      "any view and a buffer are taken",
      `new TextDecoder().decode(bytes(97, 98).buffer) === "ab" && new TextDecoder().decode(new DataView(bytes(97, 98, 99).buffer, 1, 1)) === "b"`,
    ],
    [
      "its attributes say how it was made",
      `(() => { const d = new TextDecoder("utf-16be", { fatal: 1, ignoreBOM: 0 }); return d.encoding === "utf-16be" && d.fatal === true && d.ignoreBOM === false })()`,
    ],
  ],
  atob: [
    [
      "white space is skipped and padding may be left out",
      `atob(" Y\\nQ\\t=\\f= ") === "a" && atob("YQ") === "a" && atob("") === ""`,
    ],
    [
      "what is no base64 is an InvalidCharacterError",
      `["a", "ab=", "a===", "=", "ab-_", "YQ==="].every((text) => throws("InvalidCharacterError", () => atob(text)))`,
    ],
    ["the argument becomes text", `atob(null) === "\\x9e\\xe9e" && atob(12) === "\\xd7"`],
  ],
  btoa: [
    ["characters are bytes", `btoa("a\\u00ff\\0") === "Yf8A" && btoa("") === ""`],
    [
      "a character above U+00FF is an InvalidCharacterError",
      `throws("InvalidCharacterError", () => btoa("\\u0100"))`,
    ],
    [
      "long text is encoded like short text",
      `atob(btoa("\\u00e4".repeat(5000))) === "\\u00e4".repeat(5000)`,
    ],
  ],
  structuredClone: [
    [
      "cycles and identity stay",
      `(() => { const a = { b: {} }; a.c = a.b; a.self = a; const d = structuredClone(a); return d.self === d && d.b === d.c && d !== a })()`,
    ],
    [
      "built-in types stay what they are",
      `(() => { const v = structuredClone([new Date(5), /x/gi, new Map([[1, { a: 1 }]]), new Set([2]), Object(3), Object("t"), Object(true), Object(4n), bytes(1, 2).subarray(1), new DataView(new ArrayBuffer(3), 1)]); return v[0].getTime() === 5 && String(v[1]) === "/x/gi" && v[2].get(1).a === 1 && v[3].has(2) && v[4] instanceof Number && v[5] instanceof String && v[6] instanceof Boolean && v[7] instanceof BigInt && v[8][0] === 2 && v[8].byteOffset === 1 && v[9].byteLength === 2 })()`,
    ],
    [
      "two views share one buffer afterwards too",
      `(() => { const b = new ArrayBuffer(4); const [x, y] = structuredClone([new Uint8Array(b), new Uint16Array(b)]); return x.buffer === y.buffer && x.buffer !== b })()`,
    ],
    [
      "holes of an array stay holes",
      `(() => { const c = structuredClone([, 1, ,]); return c.length === 3 && !(0 in c) && c[1] === 1 })()`,
    ],
    [
      "errors keep type, message, stack and cause",
      `(() => { const e = structuredClone(new RangeError("m", { cause: { a: 1 } })); return e instanceof RangeError && e.message === "m" && e.cause.a === 1 && typeof e.stack === "string" && !Object.keys(e).length })()`,
    ],
    [
      "an error with another name is an Error",
      `(() => { const e = new Error("m"); e.name = "Mine"; return structuredClone(e).name === "Error" })()`,
    ],
    [
      "classes and accessors become plain data",
      `(() => { class A { x = 1; get y() { return 2 } } const c = structuredClone(Object.assign(new A(), { get z() { return 3 } })); return c.constructor === Object && same(c, { x: 1, z: 3 }) })()`,
    ],
    [
      "functions, symbols and handles are a DataCloneError",
      `[() => {}, Symbol(), { f() {} }, Promise.resolve(), new WeakMap(), new WeakSet(), Object(Symbol())].every((value) => throws("DataCloneError", () => structuredClone(value)))`,
    ],
    [
      "a transferred buffer is moved",
      `(() => { const b = new ArrayBuffer(4); const c = structuredClone({ b }, { transfer: [b] }); return b.byteLength === 0 && c.b.byteLength === 4 })()`,
    ],
    [
      "what cannot be transferred is a DataCloneError",
      `(() => { const b = new ArrayBuffer(1); return throws("DataCloneError", () => structuredClone(b, { transfer: [b, b] })) && throws("DataCloneError", () => structuredClone(1, { transfer: [{}] })) })()`,
    ],
    ["a Blob stays a Blob", `structuredClone(new Blob(["abc"], { type: "x/y" })).size === 3`],
    [
      "a key __proto__ is data",
      `(() => { const c = structuredClone(JSON.parse('{"__proto__": 1}')); return Object.hasOwn(c, "__proto__") && Object.getPrototypeOf(c) === Object.prototype })()`,
    ],
  ],
  queueMicrotask: [
    [
      "it runs before a timer, in order",
      `new Promise((resolve) => { const seen = []; setTimeout(() => resolve(same(seen, [1, 2])), 1); queueMicrotask(() => seen.push(1)); Promise.resolve().then(() => seen.push(2)) })`,
    ],
    ["it needs a function", `throws("TypeError", () => queueMicrotask(1))`],
  ],
  setTimeout: [
    [
      "arguments are passed on",
      `new Promise((resolve) => setTimeout((a, b) => resolve(a + b === 3), 1, 1, 2))`,
    ],
    [
      "a shorter delay fires first",
      `new Promise((resolve) => { const seen = []; setTimeout(() => { seen.push(2); resolve(same(seen, [1, 2])) }, 30); setTimeout(() => seen.push(1), 1) })`,
    ],
  ],
  clearTimeout: [
    [
      "what is cleared does not fire, what is unknown is ignored",
      `new Promise((resolve) => { let fired = false; const id = setTimeout(() => { fired = true }, 1); clearTimeout(id); clearTimeout(12345678); clearTimeout(undefined); setTimeout(() => resolve(!fired), 20) })`,
    ],
  ],
  setInterval: [
    [
      "it repeats until it is cleared, by either function",
      `new Promise((resolve) => { let n = 0; const id = setInterval(() => { n += 1; if (n === 3) { clearTimeout(id); setTimeout(() => resolve(n === 3), 20) } }, 1) })`,
    ],
  ],
};
