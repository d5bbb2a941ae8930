import { each, type Family, type Payload } from "../payload.ts";

const grows: Payload = { expect: "limit_memory", cpuMs: 4_000 };
const grownOrStopped: Payload = { expect: "limit_memory|limit_cpu", cpuMs: 4_000 };

/** Code that fills the isolate's heap. */
export const memory: Family = {
  ...each(grows, {
    "an array of objects": "const a = []; for (;;) a.push({})",
    "an array of arrays": "const a = []; for (;;) a.push([1, 2, 3])",
    "a map": "const m = new Map(); for (let k = 0; ; k += 1) m.set(k, {})",
    "a set": "const s = new Set(); for (let k = 0; ; k += 1) s.add({ k })",
    closures: "const a = []; for (;;) a.push(() => a)",
    "promises that never settle": "const a = []; for (;;) a.push(new Promise(() => {}))",
    "strings of their own": "const a = []; for (let k = 0; ; k += 1) a.push('text number ' + k)",
    numbers: "const a = []; for (let k = 0; ; k += 1) a.push(k + 0.5)",
    "a linked list": "let l = null; for (;;) l = { l }",
    "errors with stacks": "const a = []; for (;;) a.push(new Error('x'))",
    "generators that wait":
      "const a = []; for (;;) { const g = (function* () { yield 1 })(); g.next(); a.push(g) }",
    "bound functions": "let f = () => 1; for (;;) f = f.bind(null, 1)",
    classes: "const a = []; for (;;) a.push(class { m() { return 1 } })",
    "symbols in an array": "const a = []; for (;;) a.push(Symbol('x'))",
    "proxies of proxies": "let p = {}; for (;;) p = new Proxy(p, {})",
    dates: "const a = []; for (;;) a.push(new Date())",
    "a map that grows after an await":
      "await this.api.storage.get('k'); const m = new Map(); for (let k = 0; ; k += 1) m.set(k, {})",
    "an array that grows in a timer":
      "const a = []; await new Promise(() => setTimeout(() => { for (;;) a.push({}) }, 1))",
    "an array that grows a little in each turn":
      "const a = []; for (;;) { for (let k = 0; k < 1e5; k += 1) a.push({ k }); await new Promise((r) => setTimeout(r, 1)) }",
    "then callbacks on one promise": "const p = new Promise(() => {}); for (;;) p.then(() => 1)",
    "header lines":
      "const h = new Headers(); for (let k = 0; ; k += 1) h.append('x-' + k, 'v'.repeat(100))",
    "form fields": "const f = new FormData(); for (let k = 0; ; k += 1) f.append('x' + k, 'v')",
  }),
  ...each(grownOrStopped, {
    "listeners on one target":
      "const t = new EventTarget(); for (;;) t.addEventListener('x', () => {})",
    "keys of one object": "const o = {}; for (let k = 0; ; k += 1) o['k' + k] = k",
    "symbols that stay": "for (let k = 0; ; k += 1) Symbol.for('k' + k)",
    "weak maps": "const a = []; for (;;) { const w = new WeakMap(); w.set(w, w); a.push(w) }",
    "an endless spread": "return [...(function* () { for (;;) yield 1 })()]",
    "Array.from an endless iterator": "return Array.from((function* () { for (;;) yield 1 })())",
    "Promise.all of an endless iterator":
      "return Promise.all((function* () { for (;;) yield 1 })())",
    "a set of an endless iterator":
      "let k = 0; return new Set((function* () { for (;;) yield k++ })()).size",
    "Object.fromEntries of an endless iterator":
      "let k = 0; return Object.fromEntries((function* () { for (;;) { k += 1; yield ['k' + k, k] } })())",
    "Object.groupBy of an endless iterator":
      "let k = 0; return Object.groupBy((function* () { for (;;) yield k++ })(), (n) => n)",
    "Array.fromAsync of an endless iterator":
      "return Array.fromAsync((async function* () { for (;;) yield {} })())",
    "a chain of async functions":
      "const f = async (n) => { await null; return [await f(n + 1)] }; return f(0)",
    "a template of itself":
      "const f = (s, ...v) => [s, v]; const a = []; for (let k = 0; ; k += 1) a.push(f`${a}x${k}`)",
    "private fields":
      "const a = []; for (;;) a.push(new (class { #x = {}; get() { return this.#x } })())",
  }),
  "memory at the top of the module": {
    ...grows,
    by: "install",
    top: "const a = []; for (;;) a.push({})",
  },
  "memory in onActivate": {
    ...grows,
    by: "install",
    members: "onActivate() { const a = []; for (;;) a.push({}) }",
  },
  "memory in handleRequest": {
    ...grows,
    by: "request",
    members: "handleRequest() { const a = []; for (;;) a.push({}) }",
  },
  "memory kept from call to call": {
    ...grows,
    body: "kept.push(Array.from({ length: 2e5 }, () => ({})))",
    top: "const kept = [];",
    act: async ({ call }) => {
      for (;;) await call("go");
    },
  },
};
