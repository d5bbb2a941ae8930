import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "../runtime/test-runtime.ts";

/** What Node itself answers is what the isolate has to answer. */
const EXPRESSIONS = [
  `new URL("../b/./c?x=1#y", "https://user:pw@EXAMPLE.com:443/a/d/").href`,
  `[URL.canParse("nope"), URL.canParse("http://a")]`,
  `[...new URLSearchParams("a=1&b=%20+&a=2")].concat(new URLSearchParams({ q: "ä b" }).toString())`,
  `[..."a\\u00e4\\u20ac\\ud83d\\ude00\\ud800"].length + [...new TextEncoder().encode("a\\u00e4\\u20ac\\ud83d\\ude00\\ud800")].join()`,
  `new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xe2, 0x82, 0xff, 0xf0, 0x9f, 0x98]))`,
  `new TextDecoder("utf-16le").decode(new Uint8Array([0x61, 0, 0x3d, 0xd8, 0x00, 0xde]))`,
  `(() => { const d = new TextDecoder(); return [d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac]))] })()`,
  `(() => { try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff])) } catch (e) { return e instanceof TypeError } })()`,
  `[...new Headers([["B", "2"], ["a", " 1 "], ["b", "3"], ["Set-Cookie", "x"], ["set-cookie", "y"]])]`,
  `(() => { try { new Headers({ "a b": "1" }) } catch (e) { return e.name } })()`,
  `new Request("https://a.example/x", { method: "post", body: "hi" }).text()`,
  `new Request("https://a.example/x", { method: "post", body: new URLSearchParams({ a: "1 2" }) }).headers.get("content-type")`,
  `(() => { const r = new Response("x", { status: 201 }); const c = r.clone(); return Promise.all([r.text(), c.text(), r.status, r.ok, r.bodyUsed]) })()`,
  `Response.json({ a: [1] }).json()`,
  `[Response.redirect("https://a.example/", 303).headers.get("location"), Response.json(1).headers.get("content-type")]`,
  `new Response("a").text().then(async (t) => { const r = new Response(t); await r.text(); return r.text().then(() => "twice", (e) => e.name) })`,
  `[btoa("a\\u00ff"), atob(" Y Q = = "), (() => { try { btoa("\\u0100") } catch (e) { return e.name } })()]`,
  `(() => { const c = new AbortController(); const seen = []; c.signal.addEventListener("abort", (e) => seen.push(e.type)); c.abort(); c.abort(); return [seen, c.signal.aborted, c.signal.reason.name] })()`,
  `AbortSignal.any([AbortSignal.abort("why")]).reason`,
  `(() => { const t = new EventTarget(); const seen = []; t.addEventListener("x", () => seen.push(1), { once: true }); t.dispatchEvent(new Event("x")); return [t.dispatchEvent(new Event("x")), seen] })()`,
  `(() => { const a = { d: new Date(5), m: new Map([[1, { n: 1n }]]), s: new Set([1]), r: /x/gi, b: new Uint8Array([1, 2]) }; a.self = a; const c = structuredClone(a); return [c.self === c, c !== a, c.d.getTime(), c.m.get(1).n === 1n, [...c.s], String(c.r), [...c.b]] })()`,
  `(() => { try { structuredClone({ f() {} }) } catch (e) { return e.name } })()`,
  `new Promise((resolve) => { const seen = []; setTimeout(() => { seen.push("t"); resolve(seen) }, 5); queueMicrotask(() => seen.push("m")); const i = setTimeout(() => seen.push("never"), 1); clearTimeout(i) })`,
  `new Promise((resolve) => { let n = 0; const i = setInterval(() => { n += 1; if (n === 3) { clearInterval(i); resolve(n) } }, 1) })`,
  `[/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), crypto.getRandomValues(new Uint8Array(4)).length]`,
  `typeof performance.now()`,
  `new Intl.NumberFormat("de-DE", { style: "currency", currency: "EUR" }).format(1234.5)`,
];

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = startTestRuntime();
  await runtime.load(
    "web",
    `export default class {
      ${EXPRESSIONS.map((expression, at) => `async e${at}() { return ${expression} }`).join("\n")}
      href(url) { try { return new URL(url).href } catch { return null } }
      params(text) { return [...new URLSearchParams(text)] }
      encode(text) { return [...new TextEncoder().encode(text)] }
      decode(bytes) { return new TextDecoder().decode(new Uint8Array(bytes)) }
      base64(bytes) { const text = btoa(String.fromCharCode(...bytes)); return [text, [...atob(text)].map((c) => c.charCodeAt(0))] }
      async random(n) { const seen = new Set(); for (let i = 0; i < n; i += 1) seen.add(crypto.randomUUID()); return seen.size }
    }`,
  );
});
afterAll(() => runtime.close());

test.each(EXPRESSIONS.map((expression, at) => [expression, at] as const))(
  "%s is what Node says",
  async (expression, at) => {
    // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the oracle
    const oracle: () => Promise<unknown> = new Function(
      `return (async () => ${expression})()`,
    ) as never;
    expect(await runtime.run("web", `e${at}`)).toEqual(
      JSON.parse(JSON.stringify((await oracle()) ?? null)),
    );
  },
);

const RUNS = { numRuns: 200 };

test("TextEncoder and TextDecoder agree with Node on any input", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
      expect(await runtime.run("web", "encode", [text])).toEqual([
        ...new TextEncoder().encode(text),
      ]);
    }),
    RUNS,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 255 })), async (bytes) => {
      expect(await runtime.run("web", "decode", [bytes])).toBe(
        new TextDecoder().decode(new Uint8Array(bytes)),
      );
    }),
    RUNS,
  );
});

test("URL, URLSearchParams and base64 agree with Node", async () => {
  await fc.assert(
    fc.asyncProperty(fc.webUrl({ withFragments: true, withQueryParameters: true }), async (url) => {
      expect(await runtime.run("web", "href", [url])).toBe(new URL(url).href);
    }),
    RUNS,
  );
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      expect(await runtime.run("web", "params", [text])).toEqual([...new URLSearchParams(text)]);
    }),
    RUNS,
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 }),
      async (bytes) => {
        expect(await runtime.run("web", "base64", [bytes])).toEqual([
          Buffer.from(bytes).toString("base64"),
          bytes,
        ]);
      },
    ),
    RUNS,
  );
});

test("random values do not repeat, not even across isolates", async () => {
  expect(await runtime.run("web", "random", [500])).toBe(500);
});
