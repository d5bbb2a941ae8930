import type { Json } from "@rising-bsm/protocol";
import { each, type Family, type Payload } from "../payload.ts";

const refused: Payload = { expect: "plugin_rejected_value" };
const tooLarge: Payload = { expect: "limit_payload" };
const endless: Payload = { expect: "limit_cpu" };
const echo: Payload = { expect: "ok", body: "return args[0]" };

/** An argument that no JSON text makes, as an application's code may pass it by mistake. */
function passes(make: () => unknown): Partial<Payload> {
  return {
    body: "return args[0]",
    act: ({ call }) => call("go", make() as Json),
  };
}

/** What crosses between plugin and host, and what must not. */
export const boundary: Family = {
  ...each(refused, {
    "a cycle": "const a = {}; a.a = a; return a",
    "a cycle through an array": "const a = []; a.push([a]); return a",
    "a BigInt": "return { n: 1n }",
    "a function": "return { f() {} }",
    "a bare function": "return () => 1",
    "a class": "return class {}",
    "a symbol": "return [Symbol('x')]",
    "65 levels": "let v = 1; for (let k = 0; k < 65; k += 1) v = [v]; return v",
    "a hundred thousand levels": "let v = 1; for (let k = 0; k < 1e5; k += 1) v = [v]; return v",
    "levels made by toJSON": "const o = { toJSON() { return [{ toJSON: o.toJSON }] } }; return o",
    "a getter that throws": "return { get x() { throw 1 } }",
    "a toJSON that throws null": "return { toJSON() { throw null } }",
    "a proxy whose keys throw": "return new Proxy({}, { ownKeys() { throw new Error('x') } })",
    "a cycle as a host call's argument":
      "const a = {}; a.a = a; await this.api.storage.set('k', a)",
    "a BigInt as a log field": "this.api.log('info', 'm', { n: 1n })",
    "the api itself": "return this.api",
    "the plugin itself": "this.f = () => 1; return { self: this, api: this.api }",
  }),
  ...each(tooLarge, {
    "a result of aliases":
      "const s = 'x'.repeat(1e6); return Array.from({ length: 1000 }, () => s)",
    "a result of one long string": "return 'x'.repeat(1_048_577)",
    "a result of escapes": "return '\\u0000'.repeat(400_000)",
    "a result of three-byte letters": "return '€'.repeat(400_000)",
    "a result of lone surrogates": "return '\\ud800'.repeat(400_000)",
    "a result of a long key": "return { ['k'.repeat(1.1e6)]: 1 }",
    "a toJSON that grows":
      "let s = 'x'; return Array.from({ length: 100 }, () => ({ toJSON() { s += s.length < 1e6 ? s : ''; return s } }))",
    "a host call's argument of 2 MB": "await this.api.storage.set('k', 'x'.repeat(2e6))",
    "a long host call's key": "await this.api.storage.get('k'.repeat(1_048_600))",
  }),
  ...each(endless, {
    "an endless getter": "return { get x() { for (;;) {} } }",
    "an endless toJSON": "return { toJSON() { for (;;) {} } }",
    "an endless proxy": "return new Proxy({}, { ownKeys() { for (;;) {} } })",
    "a thenable with an endless then": "return { get then() { for (;;) {} } }",
    "a thenable whose then never ends": "return { then() { for (;;) {} } }",
    "a thenable of thenables": "const t = { then(r) { r(t) } }; return t",
    "an endless argument": "await this.api.storage.set('k', { get v() { for (;;) {} } })",
    "an endless log message": "this.api.log('info', { toString() { for (;;) {} } })",
    "an endless log level": "this.api.log({ toString() { for (;;) {} } }, 'm')",
    "an endless storage key": "await this.api.storage.get({ toJSON() { for (;;) {} } })",
  }),
  "a thenable that never calls back": {
    expect: "limit_wall",
    body: "return { then() {} }",
    deadlineMs: 200,
  },
  "a promise that never settles": {
    expect: "limit_wall",
    body: "return new Promise(() => {})",
    deadlineMs: 200,
  },
  "a thenable that calls back twice": {
    expect: "ok",
    body: "return { then(r, e) { r('first'); r('second'); e(new Error('third')); throw new Error('fourth') } }",
    result: "first",
  },
  "a keeper of promises": {
    expect: "ok",
    body: "const p = Promise.resolve('kept'); Object.defineProperty(p, 'then', { value: (r) => r('own then') }); return p",
    result: "own then",
  },
  "a prototype key": {
    expect: "ok",
    body: `return JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":null,"b":1}}')`,
    result: { a: { b: 1 } },
  },
  "constructor and prototype as keys": {
    expect: "ok",
    body: `return JSON.parse('{"constructor":{"prototype":{"polluted":1}},"toJSON":1}')`,
    result: { constructor: { prototype: { polluted: 1 } }, toJSON: 1 },
  },
  "the same key twice": {
    expect: "ok",
    body: `return JSON.parse('{"a":1,"a":2}')`,
    result: { a: 2 },
  },
  "numbers that JSON has not": {
    expect: "ok",
    body: "return [-0, NaN, Infinity, -Infinity, 1e400, 5e-324]",
    result: [0, null, null, null, null, 5e-324],
  },
  "holes and undefined": {
    expect: "ok",
    body: "const a = [1]; a[3] = undefined; return { a, b: undefined }",
    result: { a: [1, null, null, null] },
  },
  "objects that are boxes": {
    expect: "ok",
    body: "return [Object(1), Object('s'), Object(true), new Date(0), /x/, new Map([[1, 2]]), new Uint8Array(2)]",
    result: [1, "s", true, "1970-01-01T00:00:00.000Z", {}, {}, { "0": 0, "1": 0 }],
  },
  "lone surrogates": { ...echo, args: ["a\ud800b\udc00"], result: "a\ud800b\udc00" },
  "line separators and nulls": {
    ...echo,
    args: ["\u2028\u2029\u0000\ufeff"],
    result: "\u2028\u2029\u0000\ufeff",
  },
  "a list that is not one": {
    expect: "ok",
    body: "return new Proxy([1, 2, 3], { get: (t, k) => (k === 'length' ? 1 : t[k]) })",
    result: [1],
  },
  "a getter that answers differently each time": {
    expect: "ok",
    body: "let n = 0; return { get v() { n += 1; return n } }",
    result: { v: 1 },
  },
  "an argument with a cycle": {
    ...refused,
    ...passes(() => {
      const cycle: Record<string, unknown> = {};
      return Object.assign(cycle, { cycle });
    }),
  },
  "an argument with a BigInt": { ...refused, ...passes(() => ({ n: 1n })) },
  "an argument with a function": { ...refused, ...passes(() => [() => 1]) },
  "an argument of 2 MB": { ...tooLarge, ...passes(() => "x".repeat(2 ** 21)) },
  "an argument of 66 levels": {
    ...refused,
    ...passes(() => {
      let value: unknown = 1;
      for (let depth = 0; depth < 66; depth += 1) value = [value];
      return value;
    }),
  },
  "an argument with a prototype key": {
    expect: "ok",
    ...passes(() => JSON.parse('{"__proto__":{"polluted":1},"a":1}')),
    result: { a: 1 },
  },
  "a method that every object has": {
    expect: "plugin_not_found",
    act: ({ call }) => call("toString"),
  },
  "a method named __proto__": {
    expect: "plugin_not_found",
    act: ({ call }) => call("__proto__"),
  },
  "the constructor as a method": {
    expect: "plugin_not_found",
    act: ({ call }) => call("constructor"),
  },
  "a method with a very long name": {
    expect: "plugin_not_found",
    act: ({ call }) => call("m".repeat(1e5)),
  },
  "a lifecycle function as a method": {
    expect: "plugin_not_found",
    members: "onActivate() {}",
    act: ({ call }) => call("onActivate"),
  },
  "a response with a status that is none": {
    expect: "plugin_threw",
    by: "request",
    members: "handleRequest() { return new Response('', { status: 99 }) }",
  },
  "a response that is a cycle": {
    ...refused,
    by: "request",
    members: "handleRequest() { const a = {}; a.a = a; return a }",
  },
  "the global object": { expect: "ok", body: "return globalThis", result: {} },
  "a revoked proxy": {
    expect: "plugin_threw",
    body: "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy",
  },
  "a result of many keys": {
    expect: "limit_payload|limit_cpu",
    body: "const o = {}; for (let k = 0; k < 2e5; k += 1) o['k' + k] = 1; return o",
  },
  "a proxy that is a very long list": {
    expect: "plugin_rejected_value|limit_payload",
    body: "return new Proxy([], { get: (t, k) => (k === 'length' ? 2 ** 32 : 1) })",
  },
  "a response that claims to be one": {
    expect: "plugin_threw",
    by: "request",
    members:
      "handleRequest() { return Object.create(Response.prototype, { status: { value: 200 }, headers: { value: [['set-cookie', 'a=1']] } }) }",
  },
  "a result that is a promise of a promise of a cycle": {
    ...refused,
    body: "const a = []; a.push(a); return Promise.resolve().then(async () => a)",
  },
};
