import type { Case } from "./cases.ts";

export const URL_CASES: Readonly<Record<string, readonly Case[]>> = {
  URL: [
    [
      "a relative reference is resolved against the base",
      `new URL("../b/./c?x#y", "http://h/a/d/e").href === "http://h/a/b/c?x#y"`,
    ],
    [
      "the default port of a scheme is left out",
      `new URL("https://h:443/").host === "h" && new URL("http://h:443/").port === "443"`,
    ],
    [
      "scheme and host become lower case",
      `new URL("HTTP://EXAMPLE.Com/A").href === "http://example.com/A"`,
    ],
    [
      "an international host becomes ASCII by UTS 46",
      `new URL("http://Bücher.de").host === "xn--bcher-kva.de" && new URL("http://faß.de").host === "xn--fa-hia.de" && new URL("http://☃.net/").host === "xn--n3h.net"`,
    ],
    [
      "full-width letters and ideographic stops are mapped",
      `new URL("http://ＧＯ。com").host === "go.com"`,
    ],
    [
      "a host that is not valid Punycode is refused",
      `throws("TypeError", () => new URL("http://xn--iñvalid/"))`,
    ],
    [
      "numbers in all notations become an IPv4 address",
      `new URL("http://0x7f.1/").host === "127.0.0.1" && new URL("http://2130706433").host === "127.0.0.1" && new URL("http://017700000001").host === "127.0.0.1"`,
    ],
    [
      "an IPv4 address out of range is refused",
      `throws("TypeError", () => new URL("http://256.1.1.1"))`,
    ],
    [
      "an IPv6 address is compressed",
      `new URL("http://[1:0:0:0:0:0:0:1]").host === "[1::1]" && new URL("http://[::ffff:1.2.3.4]").host === "[::ffff:102:304]"`,
    ],
    [
      "a host has no forbidden characters",
      `["http://a b", "http://a<b", "http://a%00b", "http://a^b"].every((url) => !URL.canParse(url))`,
    ],
    [
      "a scheme of its own has an opaque origin",
      `new URL("custom://h/x").origin === "null" && new URL("blob:https://a.example/1").origin === "https://a.example"`,
    ],
    [
      "an opaque path has no hierarchy",
      `new URL("mailto:a@b").pathname === "a@b" && !URL.canParse("x", "mailto:a@b")`,
    ],
    [
      "a file URL has no port and an empty host for localhost",
      `new URL("file://localhost/C|/x").href === "file:///C:/x"`,
    ],
    [
      "tabs and line breaks are removed, white space around too",
      `new URL(" ht\\ntp://h/\\ta ").href === "http://h/a"`,
    ],
    [
      "a backslash is a slash in special schemes",
      `new URL("http:\\\\\\\\h\\\\a").href === "http://h/a"`,
    ],
    [
      "each part has its own set of encoded characters",
      `new URL("http://h/ \\"<>{}?'\\"<>#\`<>").href === "http://h/%20%22%3C%3E%7B%7D?%27%22%3C%3E#%60%3C%3E"`,
    ],
    ["dots may be encoded", `new URL("http://h/a/%2E%2e/b/%2e").pathname === "/b/"`],
    [
      "credentials are encoded and kept",
      `(() => { const u = new URL("http://u@:p@@h/"); return u.username === "u%40" || u.password === "p%40" })()`,
    ],
    [
      "setters ignore what is not valid",
      `(() => { const u = new URL("http://h:1/"); u.port = "x"; u.protocol = "mailto"; u.host = ""; return u.href === "http://h:1/" })()`,
    ],
    [
      "the port setter takes leading digits",
      `(() => { const u = new URL("http://h/"); u.port = "8080x"; return u.port === "8080" })()`,
    ],
    [
      "the hostname setter leaves the port",
      `(() => { const u = new URL("http://h:1/"); u.hostname = "g"; return u.host === "g:1" })()`,
    ],
    [
      "the search setter updates searchParams and back",
      `(() => { const u = new URL("http://h/?a=1"); const p = u.searchParams; u.search = "?b=2"; p.append("c", "3 4"); return p.get("b") === "2" && u.href === "http://h/?b=2&c=3+4" })()`,
    ],
    [
      "searchParams is the same object each time",
      `(() => { const u = new URL("http://h/?a"); return u.searchParams === u.searchParams })()`,
    ],
    [
      "the last deleted parameter takes the question mark away",
      `(() => { const u = new URL("http://h/?a#b"); u.searchParams.delete("a"); return u.href === "http://h/#b" })()`,
    ],
    [
      "an empty query stays in href and not in search",
      `(() => { const u = new URL("http://h/?#"); return u.href === "http://h/?#" && u.search === "" && u.hash === "" })()`,
    ],
    [
      "canParse and parse do not throw",
      `URL.canParse("x", "http://h") && !URL.canParse("x") && URL.parse("x") === null && URL.parse("x", "http://h").pathname === "/x"`,
    ],
    [
      "toString and toJSON are href",
      `(() => { const u = new URL("http://h/a"); return String(u) === u.href && JSON.stringify([u]) === '["http://h/a"]' })()`,
    ],
    ["an invalid URL is a TypeError", `throws("TypeError", () => new URL("http://"))`],
    [
      "half a surrogate pair becomes U+FFFD",
      `new URL("http://h/\\ud800").href === "http://h/%EF%BF%BD"`,
    ],
    [
      "it has the name of its interface",
      `Object.prototype.toString.call(new URL("http://h")) === "[object URL]"`,
    ],
  ],
  URLSearchParams: [
    [
      "it is made from a text with or without question mark",
      `same([...new URLSearchParams("?a=1&b")], [["a", "1"], ["b", ""]])`,
    ],
    [
      "it is made from pairs, a record or another one",
      `String(new URLSearchParams([["a", "1"]])) === "a=1" && String(new URLSearchParams({ b: 2 })) === "b=2" && String(new URLSearchParams(new URLSearchParams("c=3"))) === "c=3"`,
    ],
    [
      "a pair has two items",
      `throws("TypeError", () => new URLSearchParams([["a"]])) && throws("TypeError", () => new URLSearchParams([["a", "b", "c"]]))`,
    ],
    [
      "plus is a space and percent is decoded, also when it is not UTF-8",
      `new URLSearchParams("a=+%2B%zz%ff").get("a") === " +%zz\\ufffd"`,
    ],
    ["a BOM stays", `new URLSearchParams("a=%ef%bb%bfx").get("a") === "\\ufeffx"`],
    [
      "writing encodes all but letters, digits and *-._",
      `String(new URLSearchParams({ a: "*-._ ~!'()ä\\ud83d\\ude00" })) === "a=*-._+%7E%21%27%28%29%C3%A4%F0%9F%98%80"`,
    ],
    [
      "set replaces the first and removes the others",
      `(() => { const p = new URLSearchParams("a=1&b=2&a=3"); p.set("a", "4"); return String(p) === "a=4&b=2" })()`,
    ],
    [
      "delete and has heed a value",
      `(() => { const p = new URLSearchParams("a=1&a=2"); p.delete("a", "1"); return !p.has("a", "1") && p.has("a", "2") && String(p) === "a=2" })()`,
    ],
    [
      "sort is by UTF-16 units and stable",
      `(() => { const p = new URLSearchParams("\\ufb03=1&\\ud83c\\udf08=2&a=3&a=1"); p.sort(); return same([...p.values()], ["3", "1", "2", "1"]) })()`,
    ],
    ["size counts pairs", `new URLSearchParams("a&a&b").size === 3`],
    [
      "get gives null, getAll an empty list",
      `new URLSearchParams().get("a") === null && same(new URLSearchParams().getAll("a"), [])`,
    ],
    [
      "what is deleted while iterating is not visited",
      `(() => { const p = new URLSearchParams("a&b&c"); const seen = []; for (const [n] of p) { seen.push(n); p.delete("b") } return same(seen, ["a", "c"]) })()`,
    ],
    [
      "forEach gives value, name and the object",
      `(() => { const p = new URLSearchParams("a=1"); let got; p.forEach(function (...args) { got = [...args, this.x] }, { x: 5 }); return got[0] === "1" && got[1] === "a" && got[2] === p && got[3] === 5 })()`,
    ],
    ["members can be enumerated", `Object.keys(URLSearchParams.prototype).includes("getAll")`],
  ],
};
