import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "../runtime/test-runtime.ts";

/** Lists, inside the isolate, every object that code can reach without being given one. */
const WALK = `
  const roots = [
    ["globalThis", globalThis],
    ["%async function%", async () => {}], ["%generator%", function* () {}], ["%async generator%", async function* () {}],
    ["%array iterator%", [][Symbol.iterator]()], ["%map iterator%", new Map().entries()],
    ["%set iterator%", new Set().values()], ["%string iterator%", ""[Symbol.iterator]()],
    ["%regexp iterator%", "".matchAll(/./g)], ["%iterator helper%", [].values().map(() => 0)],
    ["%wrapped iterator%", Iterator.from({ next: () => ({ done: true }) })],
    ["%segments%", Intl.Segmenter && new Intl.Segmenter().segment("")],
    ["%headers iterator%", new Headers().entries()], ["%params iterator%", new URLSearchParams().entries()],
    ["%api%", this.api],
  ];
  const seen = new Map(), open = [], members = {}, changeable = [];
  const isObject = (v) => (typeof v === "object" && v !== null) || typeof v === "function";
  const visit = (path, value) => { if (isObject(value) && !seen.has(value)) { seen.set(value, path); open.push(value) } };
  for (const [path, value] of roots) { visit(path, value) }
  for (let at = 0; at < open.length; at += 1) {
    const item = open[at], path = seen.get(item);
    // Instances and functions made here are ours; what they lead to is not.
    const isOurs = path.startsWith("%") && path.endsWith("%") && path !== "%api%";
    if (!isOurs && !Object.isFrozen(item)) changeable.push(path);
    visit(path + ".[[Prototype]]", Object.getPrototypeOf(item));
    const names = [];
    for (const key of isOurs ? [] : Reflect.ownKeys(item)) {
      const name = typeof key === "symbol" ? "@@" + key.description.replace("Symbol.", "") : key;
      const property = Reflect.getOwnPropertyDescriptor(item, key);
      const kind = "value" in property ? (typeof property.value === "function" ? "()" : "") : "=";
      if (typeof item !== "function" || !["length", "name"].includes(name)) names.push(name + kind);
      const child = path === "globalThis" ? name : path + "." + name;
      if ("value" in property) visit(child, property.value);
      else { visit(child + ".get", property.get); visit(child + ".set", property.set) }
    }
    if (names.length > 0 && !isOurs) members[path] = names.sort().join(" ");
  }
  return { members, changeable };`;

/** Each ends in an error of this kind, or the expression is what it says. */
const REFUSED: readonly (readonly [expression: string, error: string])[] = [
  [`eval("1")`, "ReferenceError"],
  [`new Function("return 1")`, "EvalError"],
  [`Function("return 1")`, "EvalError"],
  [`(() => {}).constructor("return 1")`, "EvalError"],
  [`(async () => {}).constructor("return 1")`, "EvalError"],
  [`(function* () {}).constructor("return 1")`, "EvalError"],
  [`(async function* () {}).constructor("return 1")`, "EvalError"],
  [`Array.prototype.map = 1`, "TypeError"],
  [`Object.prototype.x = 1`, "TypeError"],
  [`Object.prototype.toString = 1`, "TypeError"],
  [`Object.defineProperty(Promise, "x", { value: 1 })`, "TypeError"],
  [`Object.setPrototypeOf(Map.prototype, null)`, "TypeError"],
  [`fetch = 1`, "TypeError"],
  [`delete globalThis.fetch`, "TypeError"],
  [`Headers.prototype.get = 1`, "TypeError"],
  [`Error.stackTraceLimit = 1e9`, "TypeError"],
  [`Error.prepareStackTrace = () => 1`, "TypeError"],
  [`new ArrayBuffer(8, { maxByteLength: 16 }).resize(16)`, "TypeError"],
  [`new ArrayBuffer(8).transfer(16, 1).resize(32)`, "TypeError"],
];
const ABSENT = [
  "Atomics",
  "SharedArrayBuffer",
  "WebAssembly",
  "FinalizationRegistry",
  "escape",
  "unescape",
  "process",
  "require",
  "global",
  "Intl.Segmenter",
  "ArrayBuffer.prototype.resize",
  "ArrayBuffer.prototype.maxByteLength",
  "rbsmAdopt",
];
const ALLOWED: readonly (readonly [expression: string, value: unknown])[] = [
  [
    `(() => { const e = new Error("a"); e.message = "b"; e.name = "N"; return String(e) })()`,
    "N: b",
  ],
  [
    `(() => { const o = {}; o.toString = () => "mine"; o.constructor = 1; return o + o.constructor })()`,
    "mine1",
  ],
  [
    `(() => { function Old() {} Old.prototype = Object.create(Map.prototype); Old.prototype.constructor = Old; Old.prototype.toString = () => "old"; return String(new Old()) })()`,
    "old",
  ],
  [
    `(() => { class B extends Uint8Array {} B.prototype.slice = function () { return "mine" }; return new B(2).slice() })()`,
    "mine",
  ],
  [
    `(() => { class E extends Error { constructor() { super("m"); this.name = "E" } } return new E().name })()`,
    "E",
  ],
  [`(() => { const r = new Response("a"); r.toString = () => "r"; return String(r) })()`, "r"],
  [`(() => { globalThis.mine = 1; return mine })()`, 1],
  [`new ArrayBuffer(8).slice(2).byteLength`, 6],
  [
    `new ArrayBuffer(8) instanceof ArrayBuffer && new Uint8Array(4).buffer instanceof ArrayBuffer`,
    true,
  ],
  [`new Uint8Array(new ArrayBuffer(8), 4, 2).length`, 2],
  [`(() => { class B extends ArrayBuffer {} return new B(3).byteLength })()`, 3],
  [`Intl.NumberFormat("de").format(1.5) + new Intl.NumberFormat("de").format(2.5)`, "1,52,5"],
  [
    `(() => { for (let i = 0; i < 3000; i += 1) new Intl.DateTimeFormat("en", { year: "numeric" }); return 1 })()`,
    1,
  ],
  [
    `(() => { for (let i = 0; i < 3000; i += 1) new Intl.PluralRules("ar"); return new Intl.DisplayNames("en", { type: "region" }).of("DE") })()`,
    "Germany",
  ],
  [
    `(() => { class F extends Intl.NumberFormat { mine() { return this.format(1) } } return new F("en").mine() })()`,
    "1",
  ],
  [`(1234.5).toLocaleString("de-DE")`, "1.234,5"],
  [`["b", "ä", "a"].sort(new Intl.Collator("de").compare).join("")`, "aäb"],
  [`(2n ** 200n).toString().length + [1, [2]].flat().concat([3]).length`, 64],
];
/** Built-in functions that V8 cannot interrupt, at sizes for which that matters. */
const CAPPED = [
  `"a".repeat(2 ** 28)`,
  `"a".padStart(2 ** 28)`,
  `"a".padEnd(2 ** 28)`,
  `"a".repeat(2 ** 22).concat("b".repeat(2 ** 22), "c")`,
  `(("a".repeat(2 ** 23)) + "b").split("")`,
  `(("a".repeat(2 ** 23)) + "b").normalize("NFKD")`,
  `(("a".repeat(2 ** 23)) + "b").toLocaleUpperCase()`,
  `(("a".repeat(2 ** 23)) + "b").toUpperCase()`,
  `(("a".repeat(2 ** 23)) + "b").localeCompare("a")`,
  `"a".repeat(2 ** 21).replaceAll("a", "b".repeat(2 ** 10))`,
  `"a".repeat(2 ** 21).indexOf("b" + "a".repeat(2 ** 20))`,
  `"a".repeat(2 ** 21).includes("b" + "a".repeat(2 ** 20))`,
  `JSON.parse("[" + "1,".repeat(2 ** 22) + "1]")`,
  `Array.from({ length: 1e9 })`,
  `Uint8Array.from({ length: 1e9 })`,
  `new Array(1e9).fill(0)`,
  `new Array(1e9).join()`,
  `new Array(2 ** 31).concat([1])`,
  `Array.prototype.reverse.call({ length: 2 ** 53 - 1 })`,
  `Array.prototype.forEach.call({ length: 2 ** 53 - 1 }, () => {})`,
  `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`,
  `Array.prototype.map.call({ length: 2 ** 31 }, (x) => x)`,
  `new Array(1e9).sort()`,
  `BigInt.asUintN(2 ** 30, -1n)`,
  `(1n << (2n ** 24n)).toString()`,
  `(() => { for (let i = 0; i < 2000; i += 1) new Intl.NumberFormat("en", { minimumFractionDigits: i % 20, maximumFractionDigits: 20 + (Math.trunc(i / 20) % 60), minimumIntegerDigits: 1 + (i % 20) }) })()`,
  ...["PluralRules", "ListFormat"].map(
    (name) =>
      `(() => { class Own extends Intl.${name} {} for (let i = 0; i < 1000; i += 1) new Own("de") })()`,
  ),
];

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = startTestRuntime();
  const attempts = [...REFUSED.map(([code]) => code), ...CAPPED];
  await runtime.load(
    "globals",
    `export default class {
      onActivate(api) { this.api = api }
      walk() { ${WALK} }
      absent() { return ${JSON.stringify(ABSENT)}.filter((path) => path.split(".").reduce((o, key) => o?.[key], globalThis) !== undefined) }
      ${attempts.map((code, at) => `refused${at}() { try { ${code}; return "nothing" } catch (e) { return [e.name, e.message] } }`).join("\n")}
      ${CAPPED.map((code, at) => `capped${at}() { ${code} }`).join("\n")}
      ${ALLOWED.map(([code], at) => `allowed${at}() { return ${code} }`).join("\n")}
    }`,
  );
  await runtime.executePlugin("globals", {
    kind: "lifecycle",
    name: "onActivate",
    args: [],
    context: null,
  });
});
afterAll(() => runtime.close());

test("what plugin code can reach is what the committed list says, and it is frozen", async () => {
  const walked: unknown = await runtime.run("globals", "walk");
  const { members, changeable } = Object(walked);
  const lines = Object.entries(members).map(([path, names]) => `${path}: ${String(names)}`);
  await expect(`${lines.sort().join("\n")}\n`).toMatchFileSnapshot("./globals.txt");
  // The runner's realm is faster at matching while RegExp.prototype is as V8 made it.
  expect(changeable).toEqual(["globalThis", "RegExp.prototype"]);
});

test("what would undermine the isolate is not there", async () => {
  expect(await runtime.run("globals", "absent")).toEqual([]);
});

test.each(REFUSED.map(([code, error], at) => [code, error, at] as const))(
  "%s is a %s",
  async (_, error, at) => {
    const outcome = await runtime.run("globals", `refused${at}`);
    expect(Object(outcome)[0]).toBe(error);
  },
);

test.each(ALLOWED.map(([code, value], at) => [code, value, at] as const))(
  "%s works",
  async (_, value, at) => {
    expect(await runtime.run("globals", `allowed${at}`)).toEqual(value);
  },
);

test.each(CAPPED.map((code, at) => [code, at] as const))("%s is limit_memory", async (_, at) => {
  await expect(runtime.run("globals", `capped${at}`)).rejects.toMatchObject({
    code: "limit_memory",
  });
});
