import type { Case } from "./cases.ts";

const FORM = `["--B", 'Content-Disposition: form-data; name="a"', "", "1", "--B", 'content-disposition: form-data; name="f"; filename="x.txt"', "Content-Type: text/x", "", "line\\r\\n--C", "--B--", ""].join("\\r\\n")`;

export const BODY_CASES: Readonly<Record<string, readonly Case[]>> = {
  Headers: [
    [
      "names are without case and sorted, values are joined",
      `same([...new Headers([["B", "2"], ["a", "1"], ["b", "3"]])], [["a", "1"], ["b", "2, 3"]])`,
    ],
    [
      "each Set-Cookie stands for itself",
      `(() => { const h = new Headers([["set-cookie", "a"], ["Set-Cookie", "b"]]); return same([...h], [["set-cookie", "a"], ["set-cookie", "b"]]) && same(h.getSetCookie(), ["a", "b"]) && h.get("set-cookie") === "a, b" })()`,
    ],
    [
      "white space around a value is removed",
      `new Headers({ a: " \\t\\r\\n1 2 " }).get("a") === "1 2"`,
    ],
    [
      "a name or value with other characters is a TypeError",
      `[["a b", "1"], ["", "1"], ["a", "1\\n2"], ["a", "\\0"], ["a", "\\u0100"], ["ä", "1"]].every((pair) => throws("TypeError", () => new Headers([pair])))`,
    ],
    [
      "it is made from pairs, a record or another one",
      `new Headers(new Headers({ a: "1" })).get("A") === "1" && new Headers(new Map([["a", "2"]])).get("a") === "2"`,
    ],
    [
      "a pair has two items and null is nothing to make it from",
      `throws("TypeError", () => new Headers([["a"]])) && throws("TypeError", () => new Headers(null)) && throws("TypeError", () => new Headers("a"))`,
    ],
    [
      "set replaces, append adds, delete removes",
      `(() => { const h = new Headers(); h.append("a", "1"); h.append("A", "2"); const both = h.get("a"); h.set("a", "3"); const one = h.get("a"); h.delete("A"); return both === "1, 2" && one === "3" && !h.has("a") && h.get("a") === null })()`,
    ],
    [
      "forEach gives value, name and the object",
      `(() => { const h = new Headers({ a: "1" }); let got; h.forEach((...args) => { got = args }); return got[0] === "1" && got[1] === "a" && got[2] === h })()`,
    ],
    [
      "it has the name of its interface",
      `Object.prototype.toString.call(new Headers()) === "[object Headers]" && Object.keys(Headers.prototype).includes("getSetCookie")`,
    ],
  ],
  Request: [
    [
      "its defaults",
      `(() => { const r = new Request("http://h"); return r.method === "GET" && r.url === "http://h/" && r.redirect === "follow" && r.mode === "cors" && r.credentials === "same-origin" && r.cache === "default" && r.body === null && !r.bodyUsed && r.signal instanceof AbortSignal && !r.signal.aborted })()`,
    ],
    [
      "usual methods become upper case, others stay",
      `new Request("http://h", { method: "post" }).method === "POST" && new Request("http://h", { method: "patch" }).method === "patch"`,
    ],
    [
      "forbidden and malformed methods are a TypeError",
      `["CONNECT", "trace", "a b", ""].every((method) => throws("TypeError", () => new Request("http://h", { method })))`,
    ],
    [
      "GET and HEAD have no body",
      `throws("TypeError", () => new Request("http://h", { body: "x" })) && throws("TypeError", () => new Request("http://h", { method: "HEAD", body: "" }))`,
    ],
    [
      "a URL is whole and without credentials",
      `throws("TypeError", () => new Request("/x")) && throws("TypeError", () => new Request("http://u:p@h"))`,
    ],
    [
      "a body implies its content type",
      `[["x", "text/plain;charset=UTF-8"], [new URLSearchParams("a=1"), "application/x-www-form-urlencoded;charset=UTF-8"], [new Blob(["x"], { type: "a/b" }), "a/b"], [bytes(1), null]].every(([body, type]) => new Request("http://h", { method: "POST", body }).headers.get("content-type") === type)`,
    ],
    [
      "a content type that is given stays",
      `new Request("http://h", { method: "POST", body: "x", headers: { "content-type": "a/b" } }).headers.get("content-type") === "a/b"`,
    ],
    [
      "a request made from another takes its body",
      `(async () => { const a = new Request("http://h", { method: "POST", body: "x", headers: { k: "v" } }); const b = new Request(a); return a.bodyUsed && (await b.text()) === "x" && b.headers.get("k") === "v" && b.method === "POST" })()`,
    ],
    [
      "a request may be the options of another",
      `(async () => { const a = new Request("http://h", { method: "PUT", body: "x" }); const b = new Request("http://g", a); return b.method === "PUT" && b.url === "http://g/" })()`,
    ],
    [
      "clone reads on its own",
      `(async () => { const a = new Request("http://h", { method: "POST", body: "x" }); const b = a.clone(); return (await a.text()) + (await b.text()) === "xx" && throws("TypeError", () => a.clone()) })()`,
    ],
    [
      "its signal follows the given one",
      `(() => { const c = new AbortController(); const r = new Request("http://h", { signal: c.signal }); c.abort(4); return r.signal.aborted && r.signal.reason === 4 && r.signal !== c.signal })()`,
    ],
    [
      "values outside of a choice are a TypeError",
      `throws("TypeError", () => new Request("http://h", { redirect: "x" })) && throws("TypeError", () => new Request("http://h", { credentials: "x" })) && new Request("http://h", { redirect: "manual" }).redirect === "manual"`,
    ],
  ],
  Response: [
    [
      "its defaults",
      `(() => { const r = new Response(); return r.status === 200 && r.ok && r.statusText === "" && r.body === null && r.type === "default" && r.url === "" && !r.redirected && !r.bodyUsed })()`,
    ],
    [
      "a status out of range is a RangeError",
      `[199, 600, "x"].every((status) => throws("RangeError", () => new Response("", { status })))`,
    ],
    [
      "some statuses have no body",
      `[204, 205, 304].every((status) => throws("TypeError", () => new Response("", { status })) && new Response(null, { status }).status === status)`,
    ],
    [
      "a status text has no line break",
      `throws("TypeError", () => new Response("", { statusText: "a\\nb" })) && new Response("", { statusText: "é" }).statusText === "é"`,
    ],
    [
      "a body is read once",
      `(async () => { const r = new Response("x"); const text = await r.text(); return text === "x" && r.bodyUsed && (await rejects("TypeError", r.text())) })()`,
    ],
    [
      "no body is empty text and stays unused",
      `(async () => { const r = new Response(); return (await r.text()) === "" && !r.bodyUsed && (await r.arrayBuffer()).byteLength === 0 })()`,
    ],
    [
      "text drops a BOM and replaces what is invalid",
      `(async () => (await new Response(bytes(0xef, 0xbb, 0xbf, 97, 0xff)).text()) === "a\\ufffd")()`,
    ],
    [
      "json parses or rejects",
      `(async () => (await new Response('{"a":[1]}').json()).a[0] === 1 && (await rejects("SyntaxError", new Response("{").json())))()`,
    ],
    [
      "bytes, arrayBuffer and blob",
      `(async () => { const make = () => new Response(bytes(1, 2), { headers: { "content-type": "A/b" } }); const blob = await make().blob(); return same([...(await make().bytes())], [1, 2]) && (await make().arrayBuffer()).byteLength === 2 && blob.size === 2 && blob.type === "a/b" })()`,
    ],
    [
      "later changes of a buffer do not reach the body",
      `(async () => { const b = bytes(1, 2); const r = new Response(b); b[0] = 9; return (await r.bytes())[0] === 1 })()`,
    ],
    [
      "json() makes JSON with its type",
      `(async () => { const r = Response.json({ a: 1 }, { status: 201 }); return r.status === 201 && r.headers.get("content-type") === "application/json" && (await r.text()) === '{"a":1}' })() `,
    ],
    [
      "json() of what has no JSON is a TypeError",
      `throws("TypeError", () => Response.json(undefined)) && throws("TypeError", () => { const a = {}; a.a = a; Response.json(a) })`,
    ],
    [
      "redirect() has a location and cannot be changed",
      `(() => { const r = Response.redirect("http://h/é", 301); return r.status === 301 && r.headers.get("location") === "http://h/%C3%A9" && throws("TypeError", () => r.headers.set("a", "b")) && throws("RangeError", () => Response.redirect("http://h", 200)) })()`,
    ],
    [
      "error() is a network error",
      `(() => { const r = Response.error(); return r.type === "error" && r.status === 0 && !r.ok && throws("TypeError", () => r.headers.set("a", "b")) })()`,
    ],
    [
      "clone reads on its own",
      `(async () => { const a = new Response("x", { status: 202, headers: { k: "v" } }); const b = a.clone(); await a.text(); return (await b.text()) === "x" && b.status === 202 && b.headers.get("k") === "v" && throws("TypeError", () => a.clone()) })()`,
    ],
    [
      "a response made from the body of another has its content",
      `(async () => { const a = new Response("x", { headers: { k: "v" } }); const b = new Response(a.body, a); return (await b.text()) === "x" && b.headers.get("k") === "v" && (await rejects("TypeError", a.text())) })()`,
    ],
    [
      "its body is a stream of bytes",
      `(async () => { const r = new Response("aä"); const reader = r.body.getReader(); const first = await reader.read(); const last = await reader.read(); return same([...first.value], [97, 195, 164]) && last.done && r.bodyUsed && (await rejects("TypeError", r.text())) })()`,
    ],
    [
      "a stream is a body",
      `(async () => { const r = new Response(new ReadableStream({ start(c) { c.enqueue(bytes(97)); c.enqueue(bytes(98)); c.close() } })); return (await r.text()) === "ab" })()`,
    ],
    [
      "a stream that fails rejects",
      `rejects("RangeError", new Response(new ReadableStream({ pull(c) { c.error(new RangeError("x")) } })).text())`,
    ],
    [
      "a clone of a stream reads the same",
      `(async () => { const a = new Response(new ReadableStream({ start(c) { c.enqueue(bytes(97)); c.close() } })); const b = a.clone(); return (await a.text()) + (await b.text()) === "aa" })()`,
    ],
  ],
  FormData: [
    [
      "values are text or files",
      `(() => { const f = new FormData(); f.append("a", 1); f.append("b", new Blob(["x"])); f.append("c", new Blob(["x"]), "n"); f.append("d", new File(["x"], "m")); return f.get("a") === "1" && f.get("b").name === "blob" && f.get("c").name === "n" && f.get("d").name === "m" })()`,
    ],
    [
      "set replaces the first and removes the others",
      `(() => { const f = new FormData(); f.append("a", 1); f.append("b", 2); f.append("a", 3); f.set("a", 4); return same([...f], [["a", "4"], ["b", "2"]]) })()`,
    ],
    [
      "get, getAll, has and delete",
      `(() => { const f = new FormData(); f.append("a", 1); f.append("a", 2); const all = f.getAll("a"); f.delete("a"); return same(all, ["1", "2"]) && !f.has("a") && f.get("a") === null })()`,
    ],
    [
      "only a Blob has a file name",
      `throws("TypeError", () => new FormData().append("a", "b", "c"))`,
    ],
    ["it is made from nothing", `throws("TypeError", () => new FormData({}))`],
    [
      "an urlencoded body is a form",
      `(async () => same([...(await new Response(new URLSearchParams("?a=1&a=+&b")).formData())], [["a", "1"], ["a", " "], ["b", ""]]))()`,
    ],
    [
      "a multipart body is a form with files",
      `(async () => { const f = await new Response(${FORM}, { headers: { "content-type": "multipart/form-data; boundary=B" } }).formData(); const file = f.get("f"); return f.get("a") === "1" && file.name === "x.txt" && file.type === "text/x" && (await file.text()) === "line\\r\\n--C" })()`,
    ],
    [
      "what it writes it reads",
      `(async () => { const f = new FormData(); f.append('q"\\r\\n', "ä\\nb"); f.append("f", new File([bytes(0, 255, 13, 10)], 'n".bin', { type: "a/b" })); const r = new Response(f); const g = await r.formData(); const file = g.get("f"); return g.get('q"\\r\\n') === "ä\\r\\nb" && file.name === 'n".bin' && file.type === "a/b" && same([...(await file.bytes())], [0, 255, 13, 10]) })()`,
    ],
    [
      "a body of another type or form is a TypeError",
      `(async () => (await rejects("TypeError", new Response("x").formData())) && (await rejects("TypeError", new Response("x", { headers: { "content-type": "multipart/form-data; boundary=B" } }).formData())) && (await rejects("TypeError", new Response("--B", { headers: { "content-type": "multipart/form-data" } }).formData())))()`,
    ],
    [
      "an empty form can be sent",
      `(async () => [...(await new Response(new FormData()).formData())].length === 0)()`,
    ],
  ],
  Blob: [
    [
      "parts are joined",
      `(async () => (await new Blob(["a", bytes(98), new Blob(["c"]), bytes(100).buffer, 5]).text()) === "abcd5")()`,
    ],
    [
      "its type is lower case, and empty when it has other characters",
      `new Blob([], { type: "A/B" }).type === "a/b" && new Blob([], { type: "é" }).type === ""`,
    ],
    [
      "slice counts from either end",
      `(async () => (await new Blob(["abcdef"]).slice(1, -2, "x/y").text()) === "bcd" && new Blob(["abc"]).slice(1, 2, "x/y").type === "x/y" && new Blob(["abc"]).slice(-2).size === 2 && new Blob(["abc"]).slice(2, 1).size === 0)()`,
    ],
    [
      "it needs a sequence",
      `throws("TypeError", () => new Blob("a")) && throws("TypeError", () => new Blob(null)) && new Blob().size === 0`,
    ],
    [
      "arrayBuffer and bytes are copies",
      `(async () => { const b = new Blob([bytes(1, 2)]); new Uint8Array(await b.arrayBuffer())[0] = 9; return (await b.bytes())[0] === 1 })()`,
    ],
    [
      "line endings can be made native",
      `(async () => (await new Blob(["a\\r\\nb\\rc\\n"], { endings: "native" }).text()) === "a\\nb\\nc\\n")()`,
    ],
    [
      "stream gives its bytes",
      `(async () => { let n = 0; for await (const chunk of new Blob(["abc"]).stream()) n += chunk.length; return n === 3 })()`,
    ],
  ],
  File: [
    [
      "it is a Blob with a name and a time",
      `(() => { const f = new File(["abc"], "n", { type: "a/b", lastModified: 5 }); return f instanceof Blob && f.name === "n" && f.lastModified === 5 && f.size === 3 && f.type === "a/b" })()`,
    ],
    [
      "the time is now unless it is given",
      `Math.abs(new File([], "n").lastModified - Date.now()) < 5000`,
    ],
    [
      "parts and name are needed",
      `throws("TypeError", () => new File([])) && throws("TypeError", () => new File())`,
    ],
    ["a slice is a Blob without name", `!("name" in new File(["abc"], "n").slice(1))`],
  ],
  ReadableStream: [
    [
      "chunks come in order, then the end",
      `(async () => { const r = new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close() } }).getReader(); const all = [await r.read(), await r.read(), await r.read()]; await r.closed; return same(all, [{ done: false, value: 1 }, { done: false, value: 2 }, { done: true }]) })()`,
    ],
    [
      "pull is called when chunks are wanted, one at a time",
      `(async () => { let n = 0; const s = new ReadableStream({ async pull(c) { n += 1; await null; c.enqueue(n); if (n === 3) c.close() } }); const seen = []; for await (const v of s) seen.push(v); return same(seen, [1, 2, 3]) })()`,
    ],
    [
      "a failure reaches reads and closed",
      `(async () => { const r = new ReadableStream({ start(c) { c.error(new RangeError("x")) } }).getReader(); return (await rejects("RangeError", r.read())) && (await rejects("RangeError", r.closed)) })()`,
    ],
    [
      "a source that throws fails the stream",
      `(async () => { const r = new ReadableStream({ pull() { throw new RangeError("x") } }).getReader(); return rejects("RangeError", r.read()) })()`,
    ],
    [
      "a reader locks",
      `(() => { const s = new ReadableStream(); const r = s.getReader(); const locked = s.locked && throws("TypeError", () => s.getReader()); r.releaseLock(); return locked && !s.locked })()`,
    ],
    [
      "cancel tells the source and ends reads",
      `(async () => { let why; const s = new ReadableStream({ cancel(reason) { why = reason } }); await s.cancel("x"); return why === "x" && (await s.getReader().read()).done })()`,
    ],
    [
      "a locked stream cannot be cancelled",
      `(async () => { const s = new ReadableStream(); s.getReader(); return rejects("TypeError", s.cancel()) })()`,
    ],
    [
      "tee gives every chunk twice",
      `(async () => { const [a, b] = new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close() } }).tee(); const read = async (s) => { const seen = []; for await (const v of s) seen.push(v); return seen }; return same([await read(a), await read(b)], [[1, 2], [1, 2]]) })()`,
    ],
    [
      "from takes iterables of both kinds",
      `(async () => { const seen = []; for await (const v of ReadableStream.from([1, Promise.resolve(2)])) seen.push(v); for await (const v of ReadableStream.from((async function* () { yield 3 })())) seen.push(v); return same(seen, [1, 2, 3]) })()`,
    ],
    [
      "leaving a loop cancels",
      `(async () => { let cancelled = false; const s = new ReadableStream({ pull(c) { c.enqueue(1) }, cancel() { cancelled = true } }); for await (const v of s) break; return cancelled && !s.locked })()`,
    ],
    [
      "a released reader reads no more",
      `(async () => { const r = new ReadableStream().getReader(); const waiting = rejects("TypeError", r.read()); r.releaseLock(); return (await waiting) && (await rejects("TypeError", r.read())) && (await rejects("TypeError", r.closed)) })()`,
    ],
    [
      "desiredSize tells how much is wanted",
      `(() => { let sizes = []; new ReadableStream({ start(c) { sizes.push(c.desiredSize); c.enqueue(1); sizes.push(c.desiredSize); c.error(); sizes.push(c.desiredSize) } }, { highWaterMark: 2 }); return same(sizes, [2, 1, null]) })()`,
    ],
    [
      "nothing is enqueued after close",
      `(() => { let ok; new ReadableStream({ start(c) { c.close(); ok = throws("TypeError", () => c.enqueue(1)) && throws("TypeError", () => c.close()) } }); return ok })()`,
    ],
  ],
};
