import { each, type Family, type Payload } from "../payload.ts";

const loops: Payload = { expect: "limit_cpu" };
const hook: Payload = {
  by: "hook",
  expect: "limit_cpu",
  permissions: ["customers.view"],
  manifest: { hooks: ["customers.created"] },
};
const inHook = (body: string) => `hooks = { "customers.created": async (event) => { ${body} } };`;

/** Code that never ends, wherever plugin code can stand. */
export const cpu: Family = {
  ...each(loops, {
    "an empty loop": "for (;;) {}",
    "a loop that counts": "let n = 0; while (true) n += 1",
    "a loop that catches everything":
      "for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }",
    "a loop in a finally that returns": "try { return 1 } finally { for (;;) {} }",
    "a labelled loop that goes back": "again: for (;;) { for (;;) continue again }",
    "a recursion of two that catches the overflow":
      "const f = () => { try { g() } catch { g() } }; const g = () => { try { f() } catch { f() } }; f()",
    "a chain of microtasks":
      "await (function next() { return Promise.resolve().then(() => { next() }).then(next) })()",
    "an await in a loop": "for (;;) await null",
    "an await of what was awaited":
      "let p = Promise.resolve(); for (;;) { p = p.then(() => 1); await p }",
    "queueMicrotask without end":
      "const go = () => queueMicrotask(go); go(); await new Promise(() => {})",
    "timers of 1 ms that work":
      "const spin = () => { const end = Date.now() + 20; while (Date.now() < end); setTimeout(spin, 1) }; spin(); await new Promise(() => {})",
    "an interval that works":
      "setInterval(() => { const end = Date.now() + 20; while (Date.now() < end); }, 1); await new Promise(() => {})",
    "a loop in a timer": "await new Promise(() => setTimeout(() => { for (;;) {} }, 5))",
    "a loop after a timer": "await new Promise((r) => setTimeout(r, 5)); for (;;) {}",
    "a loop after a host call": "await this.api.storage.get('k'); for (;;) {}",
    "a loop in then of a host call": "await this.api.storage.get('k').then(() => { for (;;) {} })",
    "a loop in catch of a refused host call":
      "await this.api.customers.list().catch(() => { for (;;) {} })",
    "a loop in finally of a host call":
      "await this.api.storage.get('k').finally(() => { for (;;) {} })",
    "a loop in then of a host call that nobody awaits":
      "this.api.storage.get('k').then(() => { for (;;) {} }); await new Promise(() => {})",
    "a loop between many host calls": `for (;;) { await this.api.storage.get('k'); const end = Date.now() + 30; while (Date.now() < end); }`,
    "an endless generator": "const g = (function* () { for (;;) yield })(); for (const _ of g);",
    "an endless generator without yields": "return (function* () { for (;;); yield 1 })().next()",
    "an endless async generator":
      "for await (const _ of (async function* () { for (;;) yield 1 })());",
    "an endless iterator that is destructured":
      "const [...rest] = { [Symbol.iterator]: () => ({ next: () => { for (;;) {} } }) }; return rest",
    "an iterator whose return never ends":
      "for (const _ of { [Symbol.iterator]: () => ({ next: () => ({ value: 1 }), return() { for (;;) {} } }) }) break",
    "a getter": "return { get x() { for (;;) {} } }.x",
    "a setter": "({ set x(v) { for (;;) {} } }).x = 1",
    "a comparator": "return [2, 1].sort(() => { for (;;) {} })",
    "a comparator that lies":
      "const a = Array.from({ length: 2e6 }, (_, k) => k); for (;;) a.sort(() => 0.5 - Math.random())",
    "a replace callback": "return 'a'.replace(/a/, () => { for (;;) {} })",
    "a reviver": "return JSON.parse('[1]', () => { for (;;) {} })",
    "a replacer": "return JSON.stringify({ a: 1 }, () => { for (;;) {} })",
    toJSON: "return JSON.stringify({ toJSON() { for (;;) {} } })",
    "Symbol.toPrimitive": "return `${{ [Symbol.toPrimitive]() { for (;;) {} } }}`",
    "valueOf in an addition": "return 1 + { valueOf() { for (;;) {} } }",
    "toString in a key": "return ({})[{ toString() { for (;;) {} } }]",
    "Symbol.hasInstance": "return 1 instanceof { [Symbol.hasInstance]() { for (;;) {} } }",
    "Symbol.species of an array":
      "class A extends Array { static get [Symbol.species]() { for (;;) {} } } return new A(1, 2).map((x) => x)",
    "a proxy trap get": "return new Proxy({}, { get() { for (;;) {} } }).x",
    "a proxy trap has": "return 'x' in new Proxy({}, { has() { for (;;) {} } })",
    "a proxy trap ownKeys": "return Object.keys(new Proxy({}, { ownKeys() { for (;;) {} } }))",
    "a proxy trap getPrototypeOf":
      "return Object.getPrototypeOf(new Proxy({}, { getPrototypeOf() { for (;;) {} } }))",
    "a proxy trap apply": "return new Proxy(() => 1, { apply() { for (;;) {} } })()",
    "a tagged template": "return (() => { for (;;) {} })`x${1}y`",
    "a default parameter": "return ((x = (() => { for (;;) {} })()) => x)()",
    "a computed key": "return { [(() => { for (;;) {} })()]: 1 }",
    "a static block": "class A { static { for (;;) {} } } return A",
    "a regular expression that backtracks": "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
    "a regular expression that backtracks in replace":
      "return 'a'.repeat(40).replace(/(a|aa)+$b/, '')",
    "a regular expression with nested lookaheads":
      "return /^(?:(?=(a+))\\1?a)*(?:(a+)+)+$/.test('a'.repeat(60) + '!')",
    "a regular expression with back references":
      "return /(.*)(.*)(.*)(.*)(.*)[^\\1\\2]x/.test('y'.repeat(2000))",
    "a date parser in a loop": "for (;;) Date.parse('Mon, 25 Dec 1995 13:30:00 GMT+0430')",
    "a host call and a loop beside it": "this.api.storage.get('k'); for (;;) {}",
    "a hundred loops that share the time":
      "await Promise.all(Array.from({ length: 100 }, async () => { for (;;) { await null; for (let n = 0; n < 1e5; n += 1); } }))",
    "an event listener":
      "const t = new EventTarget(); t.addEventListener('x', () => { for (;;) {} }); t.dispatchEvent(new Event('x'))",
    "an abort listener":
      "const c = new AbortController(); c.signal.addEventListener('abort', () => { for (;;) {} }); c.abort()",
    "an error's cause getter": "throw new Error('x', { get cause() { for (;;) {} } })",
    "structuredClone of a getter": "return structuredClone({ get a() { for (;;) {} } })",
  }),
  "the top of the module": { ...loops, by: "install", top: "for (;;) {}" },
  "a top-level await in a loop": { ...loops, by: "install", top: "for (;;) await null" },
  "a constructor": { ...loops, by: "install", members: "constructor() { for (;;) {} }" },
  "a field initialiser": { ...loops, by: "install", members: "x = (() => { for (;;) {} })();" },
  "a getter named methods": { ...loops, by: "install", members: "get methods() { for (;;) {} }" },
  "a getter named handleRequest": {
    ...loops,
    by: "install",
    members: "get handleRequest() { for (;;) {} }",
  },
  "a proxy as the plugin": {
    ...loops,
    by: "install",
    module: "export default new Proxy({}, { get() { for (;;) {} } })",
  },
  "a proxy as the plugin's class": {
    ...loops,
    by: "install",
    module: "export default new Proxy(class {}, { construct() { for (;;) {} } })",
  },
  onInstall: { ...loops, by: "install", members: "onInstall() { for (;;) {} }" },
  onActivate: { ...loops, by: "install", members: "async onActivate() { for (;;) await null }" },
  onDeactivate: { by: "disable", expect: "ok", members: "onDeactivate() { for (;;) {} }" },
  onUninstall: { by: "uninstall", expect: "ok", members: "onUninstall() { for (;;) {} }" },
  handleRequest: { ...loops, by: "request", members: "handleRequest() { for (;;) {} }" },
  "a response whose body never ends": {
    ...loops,
    by: "request",
    members:
      "handleRequest() { const r = new Response('x'); Object.defineProperty(r, 'status', { get() { for (;;) {} } }); return { get a() { for (;;) {} } } }",
  },
  "a hook": { ...hook, members: inHook("for (;;) {}") },
  "a hook after an await": { ...hook, members: inHook("await null; for (;;) {}") },
  "a hook that takes 100 ms": {
    ...hook,
    members: inHook("const end = Date.now() + 5000; while (Date.now() < end);"),
  },
};
