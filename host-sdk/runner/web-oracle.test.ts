import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "../runtime/test-runtime.ts";

/**
 * Functions of one generated input, run in the isolate and here: Node's own implementations are the
 * oracle. A thrown error is its name.
 */
const SUBJECTS = {
  url: `([url, base]) => { const u = base === null ? new URL(url) : new URL(url, base); return [u.href, u.origin, u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash] }`,
  setUrl: `([url, key, value]) => { const u = new URL(url); u[key] = value; return [u.href, u[key], [...u.searchParams]] }`,
  params: `(text) => { const p = new URLSearchParams(text); const list = [...p]; p.sort(); return [list, String(p), p.size] }`,
  editParams: `([url, edits]) => { const u = new URL(url); for (const [name, ...args] of edits) u.searchParams[name](...args); return [u.href, u.search, [...u.searchParams]] }`,
  encode: `(text) => { const into = new Uint8Array(7); const { read, written } = new TextEncoder().encodeInto(text, into); return [[...new TextEncoder().encode(text)], read, written, [...into.subarray(0, written)]] }`,
  decode: `([label, options, pieces]) => { const d = new TextDecoder(label, options); let text = ""; for (const piece of pieces) text += d.decode(new Uint8Array(piece), { stream: true }); return text + d.decode() }`,
  headers: `(pairs) => { const h = new Headers(); for (const [how, name, value] of pairs) h[how](name, value); return [[...h], h.getSetCookie(), pairs.map(([, name]) => h.get(name))] }`,
  base64: `(text) => [btoa(text), atob(btoa(text)) === text]`,
  unbase64: `(text) => Array.from(atob(text), (char) => char.charCodeAt(0))`,
  clone: `([kind, value]) => {
    const make = {
      plain: (v) => v, date: (v) => new Date(JSON.stringify(v).length), map: (v) => new Map([[v, v], ["k", [v]]]), set: (v) => new Set([v, 1, [v]]),
      error: (v) => Object.assign(new TypeError(JSON.stringify(v), { cause: v }), { own: v }), box: (v) => Object(JSON.stringify(v)), view: (v) => Int16Array.from(JSON.stringify(v), (c) => c.charCodeAt(0)).subarray(1),
      pattern: (v) => new RegExp("a", "gi"), holes: (v) => Object.assign([, v, , v], { extra: v }), twice: (v) => { const o = { v }; return [o, o] },
    };
    const describe = (v) => v instanceof Map || v instanceof Set ? [...v].map(describe) : v instanceof Error ? [v.name, v.message, v.cause, Object.keys(v)] : [Object.prototype.toString.call(v), String(v), Object.entries(Object(v))];
    const from = make[kind](value); const c = structuredClone(from);
    return [describe(c), c === from, kind === "twice" && c[0] === c[1], Object.getPrototypeOf(Object(c)) === Object.getPrototypeOf(Object(from))];
  }`,
  urlencoded: `async (text) => [...(await new Response(text, { headers: { "content-type": "application/x-www-form-urlencoded" } }).formData())]`,
  multipart: `async (fields) => { const f = new FormData(); for (const [name, value, file] of fields) file === null ? f.append(name, value) : f.append(name, new File([new Uint8Array(value)], file, { type: "a/b" })); const g = await new Response(f).formData(); const out = []; for (const [name, value] of g) out.push(typeof value === "string" ? [name, value] : [name, value.name, value.type, [...(await value.bytes())]]); return out }`,
};
type Subject = keyof typeof SUBJECTS;

const GUARD = `async (list, run) => { const results = []; for (const input of list) { try { results.push(await run(input)) } catch (error) { results.push(error.name) } } return results }`;

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = startTestRuntime();
  const methods = Object.entries(SUBJECTS).map(
    ([name, run]) => `${name}: (list) => guard(list, ${run})`,
  );
  await runtime.load(
    "web",
    `const guard = ${GUARD}; export default { methods: { ${methods.join(",\n")} } }`,
  );
});
afterAll(() => runtime.close());

/** Many inputs cross in one call; fast-check shrinks the list to the one that differs. */
async function agrees(subject: Subject, inputs: fc.Arbitrary<unknown>): Promise<void> {
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the oracle
  const oracle: (list: unknown[]) => Promise<unknown> = new Function(
    `const guard = ${GUARD}; return (list) => guard(list, ${SUBJECTS[subject]})`,
  )() as never;
  const lists = fc.array(inputs, { minLength: 1, maxLength: 60, size: "max" });
  await fc.assert(
    fc.asyncProperty(lists, async (list) => {
      const asked = JSON.parse(JSON.stringify(list));
      const seen = await runtime.run("web", subject, [asked], { cpuMs: 5_000 });
      expect(seen).toEqual(JSON.parse(JSON.stringify(await oracle(asked))));
    }),
    { numRuns: 25 },
  );
}

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
);
const bytes = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }).map((value) => [...new TextEncoder().encode(value)]),
  fc.array(
    fc.constantFrom(0xef, 0xbb, 0xbf, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xed, 0xa0, 0x80, 0x61),
    {
      maxLength: 900,
    },
  ),
);
const part = fc.stringMatching(/^[a-zA-Z0-9äß%.:@/?#&=+ \\[\]_~'"<>{}|^`-]{0,9}$/);
const host = fc.oneof(
  fc.domain(),
  part,
  fc.constantFrom(
    "a",
    "1.2",
    "0x7f.1",
    "256.1.1.1",
    "[::1]",
    "[1::2:3]",
    "bücher.de",
    "faß.de",
    "a..b",
    "xn--bcher-kva",
    "日本。jp",
    "EXAMPLE",
    "a%41",
    "localhost",
  ),
);
const scheme = fc.constantFrom(
  "http://",
  "https://",
  "HTTP:",
  "ws://",
  "file://",
  "x://",
  "mailto:",
  "blob:https://",
  "//",
  "",
);
const port = fc.constantFrom("", ":80", ":443", ":0", ":65535", ":65536", ":x", ":08");
const userinfo = fc.constantFrom("", "", "", "u@", "u:p@", "ä:@");
const url = fc
  .tuple(
    scheme,
    userinfo,
    host,
    port,
    fc.array(part, { maxLength: 4 }),
    fc.constantFrom("", "?", "?a=1", "?b=%zz&c=+", "?é'"),
    fc.constantFrom("", "#", "#f", "#ü`"),
  )
  .map(
    ([head, user, name, number, parts, query, hash]) =>
      `${head}${user}${name}${number}${parts.map((piece) => `/${piece}`).join("")}${query}${hash}`,
  );
const base = fc.oneof(
  fc.constant(null),
  fc.constantFrom("http://h/a/b?c#d", "https://h:8443", "file:///a/b", "x:opaque", "x://h/p"),
);

test("URL agrees with Node on any text and base", () => agrees("url", fc.tuple(url, base)));

test("the setters of URL agree with Node", () =>
  agrees(
    "setUrl",
    fc.tuple(
      fc.constantFrom("http://h/p?q#f", "https://u:p@h:1/", "file:///a", "mailto:x", "x://h/y"),
      fc.constantFrom(
        "href",
        "protocol",
        "username",
        "password",
        "host",
        "hostname",
        "port",
        "pathname",
        "search",
        "hash",
      ),
      fc.oneof(part, host, text, url),
    ),
  ));

test("URLSearchParams agrees with Node", async () => {
  await agrees("params", fc.oneof(text, part, fc.webQueryParameters()));
  const name = fc.constantFrom("a", "b", "", "ä &=");
  const edit = fc.oneof(
    fc.tuple(fc.constantFrom("append", "set"), name, text),
    fc.tuple(fc.constantFrom("delete"), name),
    fc.tuple(fc.constantFrom("sort")),
  );
  await agrees(
    "editParams",
    fc.tuple(fc.constantFrom("http://h/?a=1&b=2&a=3#f", "x:y?a"), fc.array(edit, { maxLength: 4 })),
  );
});

test("TextEncoder agrees with Node", () => agrees("encode", text));

test("TextDecoder agrees with Node, in pieces, fatal or not", () =>
  agrees(
    "decode",
    fc.tuple(
      fc.constantFrom(
        "utf-8",
        "utf-8",
        "utf-16le",
        "utf-16be",
        "windows-1251",
        "iso-8859-2",
        "shift_jis",
        "nope",
      ),
      fc.record({ fatal: fc.boolean(), ignoreBOM: fc.boolean() }),
      fc.array(bytes, { maxLength: 4 }),
    ),
  ));

test("Headers agree with Node", () =>
  agrees(
    "headers",
    fc.array(
      fc.tuple(
        fc.constantFrom("append", "append", "set", "delete"),
        fc.oneof(fc.constantFrom("a", "A", "Set-Cookie", "content-type", "x y", ""), part),
        fc.oneof(part, text),
      ),
      { maxLength: 5 },
    ),
  ));

test("base64 agrees with Node", async () => {
  await agrees(
    "base64",
    fc.oneof(
      text,
      fc.string({
        unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
        maxLength: 900,
      }),
    ),
  );
  await agrees(
    "unbase64",
    fc.oneof(fc.base64String({ maxLength: 900 }), fc.stringMatching(/^[A-Za-z0-9+/= \n-]{0,9}$/)),
  );
});

test("structuredClone agrees with Node", () => {
  const kinds = "plain date map set error box view pattern holes twice".split(" ");
  // A key __proto__ does not cross from the host.
  const value = fc.jsonValue().filter((json) => !JSON.stringify(json).includes("__proto__"));
  return agrees("clone", fc.tuple(fc.constantFrom(...kinds), value));
});

test("FormData agrees with Node, urlencoded and multipart", async () => {
  // Node takes a question mark at the beginning for that of a URL.
  await agrees(
    "urlencoded",
    fc.oneof(text, part).map((body) => body.replace(/^\?+/, "")),
  );
  // Node takes a file without a name for text.
  const filename = fc.oneof(
    part.filter((value) => value !== ""),
    fc.constantFrom("a.txt", 'n".x', "ä\n.bin"),
  );
  const name = fc.oneof(part, fc.constantFrom("a", "a\r\nb", 'q"', "%22"));
  await agrees(
    "multipart",
    fc.array(fc.oneof(fc.tuple(name, text, fc.constant(null)), fc.tuple(name, bytes, filename)), {
      maxLength: 4,
    }),
  );
});
