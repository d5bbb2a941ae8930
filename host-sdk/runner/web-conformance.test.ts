import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "../runtime/test-runtime.ts";
import { CASES, HELPERS } from "./conformance/cases.ts";
import { GLOBALS, INTERFACES } from "./conformance/surface.ts";

/** A function that gives the facts which do not hold. */
function checker(cases: (typeof CASES)[string]): string {
  const checks = cases.map(
    ([fact, expression]) => `[${JSON.stringify(fact)}, async () => ${expression}]`,
  );
  return `async () => {
    const failed = [];
    for (const [fact, holds] of [${checks.join(",\n")}]) {
      try { if ((await holds()) !== true) failed.push(fact) } catch (error) { failed.push(fact + ": " + error) }
    }
    return failed;
  }`;
}

const NAMES = Object.keys(CASES);
/** Where Node 24 does otherwise than the standard says. */
const NOT_IN_NODE = [
  "an event that is being sent is an InvalidStateError",
  "any follows the first of its sources, with its reason",
  "it is the global object",
  "it takes any value and gives nothing",
  "its phases have constants",
];

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = startTestRuntime();
  const methods = NAMES.map((name) => `"${name}": ${checker(CASES[name] ?? [])}`);
  await runtime.load("web", `${HELPERS} export default { methods: { ${methods.join(",\n")} } }`);
});
afterAll(() => runtime.close());

test.each(NAMES)("%s does what its standard says", async (name) => {
  expect(await runtime.run("web", name, [], { cpuMs: 5_000 })).toEqual([]);
});

test.each(NAMES)("what the cases of %s say holds in Node", async (name) => {
  const cases = (CASES[name] ?? []).filter(([fact]) => !NOT_IN_NODE.includes(fact));
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the oracle
  const make: () => () => Promise<string[]> = new Function(
    `${HELPERS} return ${checker(cases)}`,
  ) as never;
  expect(await make()()).toEqual([]);
});

test("what the table leaves out is not there, and what it has is", () => {
  const reachable = readFileSync(new URL("globals.txt", import.meta.url), "utf8");
  const globals = /^globalThis: (.*)$/m.exec(reachable)?.[1]?.split(" ") ?? [];
  for (const { name, absent } of [...INTERFACES, ...GLOBALS]) {
    const isThere = [name, `${name}()`, `${name}=`].some((entry) => globals.includes(entry));
    expect([name, isThere]).toEqual([name, absent === undefined]);
  }
});

test("every interface and function that is there has cases", () => {
  const partsOf: Readonly<Record<string, string>> = {
    Performance: "performance",
    ReadableStreamDefaultController: "ReadableStream",
    ReadableStreamDefaultReader: "ReadableStream",
  };
  const there = INTERFACES.filter(({ absent }) => absent === undefined).map(({ name }) => name);
  expect(there.filter((name) => !NAMES.includes(partsOf[name] ?? name))).toEqual([]);
});
