import { each, type Family, type Payload } from "../payload.ts";

const threw: Payload = { expect: "plugin_threw" };
const endless: Payload = { expect: "limit_cpu" };

const getter = (name: string, body: string) =>
  `Object.defineProperty(new Error('x'), '${name}', { get() { ${body} } })`;
const spoof = (message: string, code: string) =>
  `throw Object.assign(new RangeError(${JSON.stringify(message)}), { code: '${code}', name: 'RbsmError', detail: { collateral: true }, collateral: true, notStarted: true })`;

/** Errors that are not what they seem, or that run code when somebody looks at them. */
export const errors: Family = {
  ...each(endless, {
    "an endless message": `throw ${getter("message", "for (;;) {}")}`,
    "an endless stack": `throw ${getter("stack", "for (;;) {}")}`,
    "an endless name": `throw ${getter("name", "for (;;) {}")}`,
    "an endless proxy": "throw new Proxy(new Error('x'), { get() { for (;;) {} } })",
    "an endless prototype of a proxy":
      "throw new Proxy(new Error('x'), { getPrototypeOf() { for (;;) {} } })",
    "an endless message in a subclass":
      "throw new (class extends Error { get message() { for (;;) {} } })()",
    "an endless message after an await": `await null; throw ${getter("message", "for (;;) {}")}`,
    "a rejection with an endless message": `return Promise.reject(${getter("message", "for (;;) {}")})`,
    "a rejection by a thenable": `return { then(r, e) { e(${getter("name", "for (;;) {}")}) } }`,
    "an endless error in an aggregate that is looked at":
      "const e = new AggregateError([1]); Object.defineProperty(e, 'message', { get() { for (;;) {} } }); throw e",
  }),
  ...each(threw, {
    null: "throw null",
    undefined: "throw undefined",
    "a number": "throw NaN",
    "a BigInt": "throw 1n",
    "a symbol": "throw Symbol('x')",
    "a function": "throw () => { for (;;) {} }",
    "an object without a prototype": "throw Object.create(null)",
    "an object with a looping toString": "throw { toString() { for (;;) {} } }",
    "a message that is an object":
      "throw Object.assign(new Error(), { message: { toString() { for (;;) {} } } })",
    "a message that is a symbol": "throw Object.assign(new Error(), { message: Symbol('x') })",
    "a name that is a proxy": "const e = new Error('x'); e.name = new Proxy({}, {}); throw e",
    "a message of 4 MB": "throw new Error('x'.repeat(4e6))",
    "a name of 4 MB": "const e = new Error('x'); e.name = 'n'.repeat(4e6); throw e",
    "a stack of 4 MB":
      "const e = new Error('x'); e.stack = 'at rbsm:/ (x)\\n'.repeat(2e5); throw e",
    "a stack with control characters":
      "const e = new Error('\\u001b[2J\\u0007'); e.stack = '    at x (rbsm:/\\u001b]0;pwned\\u0007:1:1)'; throw e",
    "a proxy whose traps throw":
      "throw new Proxy(new Error(), { get() { throw 1 }, getPrototypeOf() { throw 2 } })",
    "a revoked proxy":
      "const { proxy, revoke } = Proxy.revocable(new Error(), {}); revoke(); throw proxy",
    "a getter that throws itself":
      "const e = new Error('x'); Object.defineProperty(e, 'message', { get() { throw e } }); throw e",
    "a chain of causes that is a cycle": "const e = new Error('x'); e.cause = e; throw e",
    "ten thousand causes":
      "let e = new Error('x'); for (let k = 0; k < 1e4; k += 1) e = new Error('y', { cause: e }); throw e",
    "an aggregate of itself": "const e = new AggregateError([], 'x'); e.errors.push(e); throw e",
    "prepareStackTrace that never ends":
      "try { Error.prepareStackTrace = () => { for (;;) {} } } catch {} throw new Error('x')",
    "a subclass with its own Symbol.toStringTag":
      "throw new (class extends Error { get [Symbol.toStringTag]() { for (;;) {} } })('x')",
    "a DOMException": "throw new DOMException('x', 'AbortError')",
    "an error thrown in a getter of the result":
      "return Promise.resolve().then(() => { throw new Error('late') })",
    "a stack overflow while throwing":
      "const f = () => { try { f() } finally { throw new Error('x') } }; f()",
    "a spoofed memory limit": spoof(
      "Isolate was disposed during execution due to memory limit",
      "limit_memory",
    ),
    "a spoofed time limit": spoof("Script execution timed out.", "limit_cpu"),
    "a spoofed crash": spoof("The process that ran the plugin ended", "plugin_crashed"),
    "a spoofed quarantine": spoof("The plugin was switched off", "plugin_quarantined"),
    "a spoofed refusal": spoof("The permission is not granted", "permission_denied"),
    "a spoofed host": spoof("All plugin processes are in use", "host_busy"),
    "a spoofed internal error": spoof("Something failed that is our fault", "internal"),
    "a refusal with its code changed":
      "await this.api.customers.list().catch((e) => { throw Object.assign(new Error(e.message), { code: e.code, stack: e.stack }) })",
  }),
  "a code that nobody reads": { ...threw, body: `throw ${getter("code", "for (;;) {}")}` },
  "an aggregate of many": {
    expect: "plugin_threw|limit_cpu",
    body: "throw new AggregateError(Array.from({ length: 1e5 }, () => new Error('x')), 'x')",
  },
  "a refusal that is passed on keeps its code": {
    expect: "permission_denied",
    body: "await this.api.customers.list()",
  },
  "a refusal that tries to say something else": {
    expect: "permission_denied",
    body: "await this.api.customers.list().catch((e) => { try { e.code = 'limit_memory' } catch {} throw e })",
  },
  ...each(
    { expect: "ok", result: 1 },
    {
      "a rejection that nobody handles": "Promise.reject(new Error('nobody')); return 1",
      "a rejection with null that nobody handles": "Promise.reject(null); return 1",
      "a rejection with a proxy that nobody handles":
        "Promise.reject(new Proxy({}, { get() { throw 1 } })); return 1",
      "a thousand rejections that nobody handles":
        "for (let k = 0; k < 1000; k += 1) Promise.reject(new Error('n' + k)); return 1",
      "an error in a timer":
        "setTimeout(() => { throw null }, 1); await new Promise((r) => setTimeout(r, 20)); return 1",
      "an error in a microtask":
        "queueMicrotask(() => { throw Symbol('x') }); await null; return 1",
      "an error in a listener":
        "const t = new EventTarget(); t.addEventListener('x', () => { throw null }); t.dispatchEvent(new Event('x')); return 1",
      "an error after the answer": "setTimeout(() => { throw new Error('late') }, 1); return 1",
      "an error in a then of a host call that nobody awaits":
        "this.api.storage.get('k').then(() => { throw null }); return 1",
    },
  ),
  "a rejection with an endless message that nobody handles": {
    expect: "ok|limit_cpu",
    body: `Promise.reject(${getter("message", "for (;;) {}")}); return 1`,
  },
  "an error at the top of the module": {
    ...threw,
    by: "install",
    top: "throw new Proxy(new Error('x'), { get() { throw 1 } })",
  },
  "an endless error at the top of the module": {
    ...endless,
    by: "install",
    top: `throw ${getter("message", "for (;;) {}")}`,
  },
  "an endless stack in the constructor": {
    ...endless,
    by: "install",
    members: `constructor() { throw ${getter("stack", "for (;;) {}")} }`,
  },
  "a rejection at the top of the module that nobody handles": {
    expect: "ok|plugin_threw",
    by: "install",
    top: "Promise.reject(null);",
  },
  "no default export": { ...threw, by: "install", module: "export const nothing = 1" },
  "null as the plugin": { ...threw, by: "install", module: "export default null" },
  "a frozen plugin": { ...threw, by: "install", module: "export default Object.freeze({})" },
  "a class that makes a frozen object": {
    ...threw,
    by: "install",
    members: "constructor() { return Object.freeze({}) }",
  },
  "text that is no program": { ...threw, by: "install", module: "export default {{{" },
  "an import of what is not there": { ...threw, by: "install", top: "import './missing.js';" },
  "an error in a hook": {
    ...threw,
    by: "hook",
    permissions: ["customers.view"],
    manifest: { hooks: ["customers.created"] },
    members: 'hooks = { "customers.created"() { throw null } };',
  },
  "an endless error in handleRequest": {
    ...endless,
    by: "request",
    members: `handleRequest() { throw ${getter("name", "for (;;) {}")} }`,
  },
  "a thrown Response": {
    ...threw,
    by: "request",
    members: "handleRequest() { throw new Response('x', { status: 200 }) }",
  },
};
