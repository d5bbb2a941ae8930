import { each, type Family, type Payload } from "../payload.ts";

/** What is tried has to fail: an expression that is true got out. */
const out = (expression: string): Payload => ({
  expect: "ok",
  result: false,
  body: `const attempt = (f) => { try { return f() } catch { return false } }; return Boolean(${expression})`,
});
const outs = (expressions: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(expressions).map(([name, expression]) => [name, out(expression)]),
  );
const compiles = (maker: string) => `attempt(() => ${maker}('return 1')() !== undefined)`;

/** Says everything that can be read, so that a secret in it is found. */
const tells = (body: string): Payload => ({ expect: "ok", body, cpuMs: 2_000 });

const WALK = `
const seen = new Set(), texts = [];
const look = (value, path, depth) => {
  if (typeof value === 'string') texts.push(value.slice(0, 300));
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 8 || seen.size > 20000) return;
  seen.add(value);
  if (typeof value === 'function') { try { texts.push(Function.prototype.toString.call(value).slice(0, 300)) } catch (e) { texts.push(e.stack) } }
  for (const key of Reflect.ownKeys(value)) {
    texts.push(String(key));
    try { look(value[key], path, depth + 1) } catch (e) { texts.push(String(e), e.stack) }
    try { const d = Object.getOwnPropertyDescriptor(value, key); look(d.get, path, depth + 1); look(d.set, path, depth + 1) } catch {}
  }
  look(Object.getPrototypeOf(value), path, depth + 1);
};`;

/** Ways to the host: its code, its memory, its paths, its environment. */
export const escapes: Family = {
  ...outs({
    process: "typeof process !== 'undefined'",
    require: "typeof require !== 'undefined' || typeof module !== 'undefined'",
    Buffer: "typeof Buffer !== 'undefined' || typeof global !== 'undefined'",
    eval: "typeof eval !== 'undefined'",
    "an indirect eval": "attempt(() => (0, globalThis['ev' + 'al'])('1') === 1)",
    "the function constructor": compiles("(() => {}).constructor"),
    "new Function": "attempt(() => new Function('return 1')() === 1)",
    "Reflect.construct of Function":
      "attempt(() => Reflect.construct(Function, ['return 1'], Object)() === 1)",
    "the async function constructor": compiles("(async () => {}).constructor"),
    "the generator function constructor": compiles("(function* () {}).constructor"),
    "the async generator function constructor": compiles("(async function* () {}).constructor"),
    "the constructor of a builtin": compiles("Math.max.constructor"),
    "the constructor of a class": compiles("(class {}).constructor"),
    "the constructor of a bound function": compiles("(() => {}).bind().constructor"),
    "the constructor of a proxy": compiles("new Proxy(() => {}, {}).constructor"),
    "the constructor of the api": compiles("this.api.log.constructor"),
    "the constructor of a nested api": compiles("this.api.customers.notes.add.constructor"),
    "the constructor of a prelude class": compiles("Request.constructor"),
    "the constructor of a getter":
      "attempt(() => Object.getOwnPropertyDescriptor(Map.prototype, 'size').get.constructor('return 1')() === 1)",
    "the constructor of the constructor of an error":
      "attempt(() => { try { null.x } catch (e) { return e.constructor.constructor('return 1')() === 1 } })",
    "a subclass of Function": "attempt(() => new (class extends Function {})('return 1')() === 1)",
    "a prototype of a function that is a constructor":
      "attempt(() => Object.getPrototypeOf(Object.getPrototypeOf(async function () {})).constructor('return 1')() === 1)",
    "setTimeout of a text": "attempt(() => setTimeout('globalThis.pwned = 1', 0) > 0)",
    WebAssembly: "typeof WebAssembly !== 'undefined'",
    "shared memory": "typeof SharedArrayBuffer !== 'undefined' || typeof Atomics !== 'undefined'",
    "shared memory through a typed array":
      "attempt(() => /Shared/.test(new Uint8Array(8).buffer.constructor.name))",
    "memory that grows in place": "attempt(() => 'resize' in ArrayBuffer.prototype)",
    ShadowRealm: "typeof ShadowRealm !== 'undefined'",
    FinalizationRegistry: "typeof FinalizationRegistry !== 'undefined'",
    "Intl.Segmenter": "typeof Intl.Segmenter !== 'undefined'",
    "the runner's adopt function": "'rbsmAdopt' in globalThis",
    "names of the runner":
      "Object.getOwnPropertyNames(globalThis).some((n) => /ivm|isolate|callback|errand|rbsm|^turn$|^post/i.test(n))",
    "the realm of a console":
      "attempt(() => console.log.constructor('return this')() !== undefined)",
    "native syntax": "attempt(() => new RegExp('%DebugPrint(1)').exec('') !== null)",
    "the caller of a function": "attempt(() => (function f() { return f.caller })() != null)",
    "arguments.callee": "attempt(() => (function () { return arguments.callee })() != null)",
    "captureStackTrace with call sites":
      "attempt(() => { const o = {}; Error.captureStackTrace(o); return typeof o.stack !== 'string' })",
    "call sites by prepareStackTrace":
      "attempt(() => { Error.prepareStackTrace = (e, s) => s; return Array.isArray(new Error().stack) })",
    "a raised stack limit":
      "attempt(() => { Error.stackTraceLimit = 1e9; return Error.stackTraceLimit > 100 })",
    "paths of the host in a stack":
      "attempt(() => { try { null.x } catch (e) { return /\\/work|runner|node:|file:/.test(e.stack) } })",
    "a license that says yes":
      "attempt(() => { this.api.license.has = () => true; return this.api.license.has('pro') })",
    "an entitlement that is an object":
      "attempt(() => this.api.license.has({ toString: () => 'pro' }))",
    "settings that can be changed":
      "attempt(() => { this.api.config.admin = true; return this.api.config.admin })",
    "a global that another load has left": "'pwned' in globalThis",
    "a document": "typeof document !== 'undefined' || typeof window !== 'undefined'",
    "a worker": "typeof Worker !== 'undefined' || typeof importScripts !== 'undefined'",
    "a message channel":
      "typeof MessageChannel !== 'undefined' || typeof postMessage !== 'undefined'",
    "a with statement over the global object":
      "attempt(() => (0, Function)('with (globalThis) { return process }')() !== undefined)",
  }),
  ...each(
    { expect: "plugin_threw" },
    {
      "import of a built-in module":
        "return (await import('node:fs')).readFileSync('/etc/passwd', 'utf8')",
      "import of a file": "return Object.keys(await import('/etc/passwd'))",
      "import of data": "return Object.keys(await import('data:text/javascript,export default 1'))",
      "import of the addon": "return Object.keys(await import('isolated-vm'))",
      "import of oneself": "return Object.keys(await import('./index.js'))",
    },
  ),
  "a static import of a built-in module": {
    expect: "plugin_threw",
    by: "install",
    top: "import fs from 'node:fs';",
  },
  "a static import of a path above the bundle": {
    expect: "plugin_threw",
    by: "install",
    top: "import x from '../../../../etc/passwd.json';",
  },
  "a static import of a file URL": {
    expect: "plugin_threw",
    by: "install",
    top: "import x from 'file:///etc/hostname.js';",
  },
  "a static import of data": {
    expect: "plugin_threw",
    by: "install",
    top: "import x from 'data:text/javascript,export default 1';",
  },
  "import.meta": {
    expect: "ok",
    body: "return Reflect.ownKeys(import.meta).map(String)",
    result: [],
  },
  "a walk through the global object": tells(
    `${WALK} look(globalThis, '', 0); return [...new Set(texts)].join('\\n').slice(0, 900_000)`,
  ),
  "a walk through the plugin and its api": tells(
    `${WALK} look(this, '', 0); return [...new Set(texts)].join('\\n').slice(0, 900_000)`,
  ),
  "a walk through what a host call answers": tells(
    `${WALK} const p = this.api.storage.get('k'); look(p, '', 0); look(await p, '', 0); await this.api.customers.list().catch((e) => look(e, '', 0)); return texts.join('\\n')`,
  ),
  "stacks of all kinds of errors": tells(`
const texts = [];
const note = (f) => { try { f() } catch (e) { texts.push(String(e), String(e?.stack)) } };
note(() => null.x); note(() => { throw new Error('x') }); note(() => new URL('x')); note(() => atob('%'));
note(() => new Response('', { status: 1 })); note(() => new Function('x')); note(() => 'x'.repeat(1e9));
note(() => this.api.log('info', 'm', 1n)); note(() => new TextDecoder('nothing')); note(() => structuredClone(() => 1));
note(() => crypto.getRandomValues(1)); note(() => new Headers([['\\n', 'x']])); note(() => [1].map(() => { throw new Error('in map') }));
for (const f of [() => this.api.storage.get(), () => this.api.storage.get({}), () => this.api.storage.set('k'), () => this.api.plugins.call('@good/neighbour', 'hi'), () => this.api.customers.get('x'), () => fetch('https://example.com'), () => fetch('file:///etc/passwd'), () => fetch(''), () => import('node:fs')])
  await Promise.resolve().then(f).catch((e) => texts.push(String(e), String(e?.stack), JSON.stringify(e)));
return texts.join('\\n')`),
  "an error with the stack of a deep recursion": tells(
    "const f = () => f(); try { f() } catch (e) { return e.stack }",
  ),
  "an error whose stack is read by the host": {
    expect: "plugin_threw",
    body: "await this.api.storage.get('k'); [1].map(() => { null.x })",
  },
  "the storage of the neighbour": {
    expect: "ok",
    body: "return [await this.api.storage.get('secret'), await this.api.storage.get('../secret'), await this.api.storage.get('@good/neighbour/secret'), (await this.api.storage.list({ prefix: '' })).keys]",
    result: [null, null, null, []],
  },
  "a call of the neighbour that is no dependency": {
    expect: "permission_denied|plugin_not_found",
    body: "return this.api.plugins.call('@good/neighbour', 'hi', 1)",
  },
  "settings that name a prototype": {
    expect: "ok",
    body: "return [typeof this.api.config.constructor, Object.keys(this.api.config)]",
    result: ["function", []],
  },
  "a facade that is called with another this": {
    expect: "ok",
    body: "const { get } = this.api.storage; return get.call(null, 'k')",
    result: null,
  },
  "a facade that is constructed": {
    expect: "plugin_threw",
    body: "return new this.api.storage.get('k')",
  },
  "a host method that does not exist": {
    expect: "plugin_threw",
    body: "return this.api.storage.constructor('k')['then']()",
  },
};
