import { each, type Family, type Payload } from "../payload.ts";

/** After the poison everything that the prelude uses is used, by this call and by the next one. */
const poison = (statement: string): Payload => ({
  expect: "ok",
  result: ["intact", "intact"],
  body: "return 'not reached'",
  members: `
async poison() { try { ${statement} } catch {} return this.use(); }
async use() {
  await this.api.storage.set("k", { list: [1, { a: "b" }] });
  const kept = await this.api.storage.get("k");
  await new Promise((done) => setTimeout(done, 1));
  this.api.log("info", "m", { kept });
  const text = await new Response(new TextEncoder().encode(JSON.stringify(kept))).text();
  const url = new URL("/a?b=c", "http://h/").searchParams.get("b");
  return text === '{"list":[1,{"a":"b"}]}' && url === "c" ? "intact" : text + url;
}`,
  act: async ({ call }) => [await call("poison"), await call("use")],
});

const replaced = (path: string, value = "() => { for (;;) {} }") =>
  poison(
    `const f = ${value}; try { ${path} = f } catch {} try { Object.defineProperty(${path.slice(0, path.lastIndexOf("."))}, '${path.slice(path.lastIndexOf(".") + 1)}', { value: f }) } catch {}`,
  );

const FUNCTIONS = [
  "Promise.prototype.then",
  "Promise.prototype.finally",
  "Promise.prototype.constructor",
  "Promise.resolve",
  "Promise.withResolvers",
  "Array.prototype.push",
  "Array.prototype.pop",
  "Array.prototype.map",
  "Array.prototype.slice",
  "Array.prototype.join",
  "Array.isArray",
  "Object.prototype.toString",
  "Object.prototype.hasOwnProperty",
  "Object.entries",
  "Object.defineProperty",
  "Object.fromEntries",
  "Object.freeze",
  "Reflect.apply",
  "Reflect.get",
  "Reflect.construct",
  "Function.prototype.call",
  "Function.prototype.apply",
  "Function.prototype.bind",
  "String.prototype.slice",
  "String.prototype.split",
  "String.prototype.charCodeAt",
  "String.prototype.toWellFormed",
  "Map.prototype.get",
  "Map.prototype.set",
  "WeakMap.prototype.get",
  "JSON.stringify",
  "JSON.parse",
  "Number.prototype.toString",
  "Math.min",
  "Uint8Array.prototype.set",
  "Error.prototype.toString",
  "globalThis.setTimeout",
  "globalThis.Promise",
  "globalThis.JSON",
  "globalThis.Object",
  "globalThis.undefined",
  "Response.prototype.text",
  "URL.prototype.searchParams",
  "this.api.storage.get",
  "this.api.license.has",
  "this.api.log",
];

const EVERY_METHOD = `for (const n of Object.getOwnPropertyNames(globalThis)) { const p = Object(globalThis[n]).prototype; if (p == null) continue; for (const k of Reflect.ownKeys(p)) { try { p[k] = () => { for (;;) {} } } catch {} } }`;

/** Traps laid in built-in objects for the runtime's own code and for the next call. */
export const prototypes: Family = {
  ...Object.fromEntries(FUNCTIONS.map((path) => [`${path} replaced`, replaced(path)])),
  ...Object.fromEntries(
    Object.entries({
      "then on Object.prototype": "Object.prototype.then = (r) => { for (;;) {} }",
      "toJSON on Object.prototype": "Object.prototype.toJSON = () => 'poison'",
      "toJSON on Array.prototype": "Array.prototype.toJSON = () => 'poison'",
      "toJSON on String.prototype": "String.prototype.toJSON = () => 'poison'",
      "a setter for 0 on Array.prototype":
        "Object.defineProperty(Array.prototype, 0, { set() { for (;;) {} } })",
      "a getter for code on Object.prototype":
        "Object.defineProperty(Object.prototype, 'code', { get: () => 'limit_memory' })",
      "a getter for ok on Object.prototype":
        "Object.defineProperty(Object.prototype, 'ok', { get: () => true, set() {} })",
      "a getter for value on Object.prototype":
        "Object.defineProperty(Object.prototype, 'value', { get() { for (;;) {} } })",
      "Symbol.iterator of arrays":
        "Array.prototype[Symbol.iterator] = function* () { for (;;) yield 'poison' }",
      "next of array iterators":
        "Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: false, value: 1 })",
      "next of map iterators":
        "Object.getPrototypeOf(new Map().entries()).next = () => { for (;;) {} }",
      "Symbol.species of promises":
        "Object.defineProperty(Promise, Symbol.species, { get: () => class extends Promise { constructor(f) { for (;;) {} } } })",
      "Symbol.species of arrays":
        "Object.defineProperty(Array, Symbol.species, { get() { for (;;) {} } })",
      "Symbol.hasInstance of functions":
        "Object.defineProperty(Function.prototype, Symbol.hasInstance, { value: () => true })",
      "the prototype of Object.prototype":
        "Object.setPrototypeOf(Object.prototype, new Proxy({}, { get() { for (;;) {} } }))",
      "the prototype of Array.prototype":
        "Object.setPrototypeOf(Array.prototype, { get length() { for (;;) {} } })",
      "the prototype of the global object":
        "Object.setPrototypeOf(globalThis, new Proxy({}, { has() { for (;;) {} } }))",
      "the prototype of the api": "Object.setPrototypeOf(this.api, null)",
      "__proto__ of a literal":
        "({}).__proto__.polluted = 1; if (({}).polluted === 1) return 'polluted'",
      "constructor.prototype of a literal":
        "({}).constructor.prototype.polluted = 1; if (({}).polluted === 1) return 'polluted'",
      __defineGetter__: "({}).__proto__.__defineGetter__('list', () => 'poison')",
      "a generator's prototype":
        "Object.getPrototypeOf(function* () {}).prototype.next = () => { for (;;) {} }",
      "an async function's prototype":
        "Object.getPrototypeOf(async () => {}).call = () => { for (;;) {} }",
      "a template of regular expressions": "RegExp.prototype.flags = 'y'; RegExp.lastIndex = 5",
      "RegExp's legacy properties":
        "/(poison)/.exec('poison'); RegExp.$1 = 'x'; RegExp.input = 'y'",
      "a then getter on a resolved value":
        "Object.defineProperty(Object.prototype, 'then', { configurable: true, get() { for (;;) {} } })",
      stackTraceLimit: "Error.stackTraceLimit = 1e9",
      "all names of the global object deleted":
        "for (const n of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[n] } catch {} }",
      "all names of the global object set":
        "for (const n of Object.getOwnPropertyNames(globalThis)) { try { globalThis[n] = () => { for (;;) {} } } catch {} }",
    }).map(([name, statement]) => [name, poison(statement)]),
  ),
  // It is left open, because matching is slow otherwise: the plugin harms itself alone.
  ...Object.fromEntries(
    [
      ["RegExp.prototype.exec", "RegExp.prototype.exec = () => { for (;;) {} }"],
      ["RegExp.prototype.test", "RegExp.prototype.test = () => { for (;;) {} }"],
      ["Symbol.replace", "RegExp.prototype[Symbol.replace] = () => { for (;;) {} }"],
      ["Symbol.split", "RegExp.prototype[Symbol.split] = () => { for (;;) {} }"],
      ["every method of every prototype", EVERY_METHOD],
    ].map(([name, statement = ""]) => [
      `regular expressions: ${name}`,
      { ...poison(statement), expect: "ok|limit_cpu" },
    ]),
  ),
  "an error behind a test that says yes": {
    expect: "plugin_threw",
    body: "RegExp.prototype.test = () => true; RegExp.prototype.exec = () => ['']; RegExp.prototype[Symbol.match] = () => ['']; this.api.log('info', 1n); await this.api.storage.get('k'); null.x",
  },
  ...each(
    { expect: "ok", result: ["point", "Old", "Custom: b", "f"] },
    {
      "objects may still have properties of the same name": `
class Point { constructor() { this.toString = () => "point"; this.constructor = null; } }
function Old() {} Old.prototype = Object.create(Error.prototype); Old.prototype.constructor = Old; Old.prototype.name = "Old";
const error = new Error("a"); error.name = "Custom"; error.message = "b"; error.code = 1;
const f = () => 1; f.toString = () => "f";
return [String(new Point()), new Old().name, String(error), String(f)];`,
    },
  ),
};
