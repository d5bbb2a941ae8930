import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { assert, constantFrom, nat, property, string } from "fast-check";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";
import { mapStack } from "./source-map.ts";
import { indexMappings } from "./source-map-index.ts";

const LABEL = "rbsm:/@acme/hello@1.0.0";
const FRAME = `    at greet (${LABEL}/main.js:2:5)`;
/** Line 2, column 4 of the code is line 3, column 8 of the source. */
const MAP = { version: 3, sources: ["src/index.ts"], names: [], mappings: ";IAEQ" };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function filesWith(map: unknown, comment = "//# sourceMappingURL=main.js.map\n") {
  const text = typeof map === "string" ? map : JSON.stringify(map);
  return new Map([
    ["main.js", bytes(`\nfoo(bar);\n${comment}`)],
    ["main.js.map", bytes(text)],
  ]);
}

const inline = (map: unknown): string =>
  `//# sourceMappingURL=data:application/json;charset=utf-8;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}`;

test("a frame is shown where the author wrote it, by a map beside the file", () => {
  expect(mapStack(filesWith(MAP), LABEL, FRAME)).toBe("    at greet (src/index.ts:3:9)");
});

test("a map inside of the file does the same", () => {
  expect(mapStack(filesWith("", inline(MAP)), LABEL, FRAME)).toBe(
    "    at greet (src/index.ts:3:9)",
  );
});

test("every frame of a stack is mapped, with and without a function's name", () => {
  const stack = [
    "Error: no",
    FRAME,
    `    at async ${LABEL}/main.js:2:5`,
    "    at x (rbsm:/other.js:1:1)",
  ];
  expect(mapStack(filesWith(MAP), LABEL, stack.join("\n")).split("\n")).toEqual([
    "Error: no",
    "    at greet (src/index.ts:3:9)",
    "    at async src/index.ts:3:9",
    "    at x (rbsm:/other.js:1:1)",
  ]);
});

test("maps lie beside their file, and their paths count from there", () => {
  const files = new Map([
    ["dist/main.js", bytes("\nfoo(bar);\n//# sourceMappingURL=maps/main.js.map")],
    [
      "dist/maps/main.js.map",
      bytes(JSON.stringify({ ...MAP, sourceRoot: "../../src", sources: ["a.ts"] })),
    ],
  ]);
  expect(mapStack(files, LABEL, FRAME.replace("main.js", "dist/main.js"))).toContain(
    "(src/a.ts:3:9)",
  );
});

test.each([
  ["../../src/index.ts", "src/index.ts"],
  ["a/../../../../b.ts", "b.ts"],
  ["/home/ada/secret/src/index.ts", "index.ts"],
  ["file:///home/ada/secret/src/index.ts", "index.ts"],
  ["C:\\Users\\ada\\index.ts", "index.ts"],
  ["webpack://hello/./src/index.ts", "src/index.ts"],
  ["src/\u001b[31mred\u202e\n.ts", "src/[31mred.ts"],
])("the source %j is shown as %s", (source, shown) => {
  expect(mapStack(filesWith({ ...MAP, sources: [source] }), LABEL, FRAME)).toBe(
    `    at greet (${shown}:3:9)`,
  );
});

test("control characters in the name of a function do not reach anybody's terminal", () => {
  expect(mapStack(new Map(), LABEL, FRAME.replace("greet", "\u001b]0;x\u0007"))).toBe(
    FRAME.replace("greet", "]0;x"),
  );
});

const DEEP = "[".repeat(300_000);
test.each([
  ["no JSON", "{"],
  ["deep JSON", DEEP],
  [
    "many keys",
    { ...MAP, ...Object.fromEntries(Array.from({ length: 99 }, (_, key) => [key, 0])) },
  ],
  ["a text without an end", '{"version":3,"sources":["'],
  ["null", "null"],
  ["an old version", { ...MAP, version: 2 }],
  ["sections", { version: 3, sections: [{ offset: { line: 0, column: 0 }, map: MAP }] }],
  ["no mappings", { ...MAP, mappings: 7 }],
  ["mappings that are no VLQ", { ...MAP, mappings: ";I*EQ" }],
  ["mappings outside of ASCII", { ...MAP, mappings: ";IÄEQ" }],
  ["a number without an end", { ...MAP, mappings: ";IAEg" }],
  ["a number over 32 bits", { ...MAP, mappings: ";IAEgggggggggA" }],
  ["a segment of three fields", { ...MAP, mappings: ";IAE" }],
  ["a segment of six fields", { ...MAP, mappings: ";IAEQAA" }],
  ["a negative line", { ...MAP, mappings: ";IADQ" }],
  ["a source that is not there", { ...MAP, mappings: ";ICEQ" }],
  ["a source that is no text", { ...MAP, sources: [null] }],
  ["sources that are no list", { ...MAP, sources: { 0: "src/index.ts" } }],
  ["an empty source", { ...MAP, sources: [""] }],
  ["only later code", { ...MAP, mappings: ";KAEQ" }],
  [
    "one byte too many",
    { ...MAP, more: "x".repeat(RUNTIME_LIMITS.sourceMapBytes - JSON.stringify(MAP).length - 8) },
  ],
])("with a map of %s the frame stays as it is", (_what, map) => {
  expect(mapStack(filesWith(map), LABEL, FRAME)).toBe(FRAME);
});

test("a map of exactly the most bytes is read", () => {
  const room = RUNTIME_LIMITS.sourceMapBytes - JSON.stringify({ ...MAP, more: "" }).length;
  expect(mapStack(filesWith({ ...MAP, more: "x".repeat(room) }), LABEL, FRAME)).toContain(
    "index.ts",
  );
});

test.each([
  ["no comment", ""],
  ["a map that is not there", "//# sourceMappingURL=other.map"],
  ["a map outside of the bundle", "//# sourceMappingURL=../../main.js.map"],
  ["an address", "//# sourceMappingURL=https://evil.example/main.js.map"],
  ["data that is no JSON", "//# sourceMappingURL=data:text/plain;base64,AAAA"],
  ["code behind the comment", "//# sourceMappingURL=main.js.map\nmore();"],
])("with %s the frame stays as it is", (_what, comment) => {
  expect(mapStack(filesWith(MAP, comment), LABEL, FRAME)).toBe(FRAME);
});

test("all maps of one plugin share one allowance, and each is read once", () => {
  const big = { ...MAP, more: "x".repeat(RUNTIME_LIMITS.sourceMapBytes / 2 - 200) };
  const files = new Map(
    ["a", "b", "c"].flatMap((name): [string, Uint8Array][] => [
      [`${name}.js`, bytes(`\nfoo(bar);\n//# sourceMappingURL=${name}.js.map`)],
      [`${name}.js.map`, bytes(JSON.stringify(big))],
    ]),
  );
  const shown = (name: string) =>
    mapStack(files, LABEL, FRAME.replace("main", name)).includes("src/");
  expect(["a", "a", "b", "c", "a"].map(shown)).toEqual([true, true, true, false, true]);
});

test("of a forged stack only so many frames are looked up", () => {
  const lines = mapStack(filesWith(MAP), LABEL, Array(1_000).fill(FRAME).join("\n")).split("\n");
  expect(lines.filter((line) => line.includes("src/"))).toHaveLength(RUNTIME_LIMITS.mappedFrames);
});

test("look-ups agree with another implementation at every place of a real map", async () => {
  const build = await rolldown({
    input: new URL("source-map.ts", import.meta.url).pathname,
    external: ["@rising-bsm/protocol", "zod", "node:path"],
  });
  const { output } = await build.generate({ sourcemap: "hidden" });
  const map = JSON.parse(output[0].map?.toString() ?? "");
  const theirs = new TraceMap(map);
  const ours = indexMappings(map.mappings);
  expect(map.mappings.length).toBeGreaterThan(2_048);
  output[0].code.split("\n").forEach((text, line) => {
    for (let column = 0; column <= text.length; column += 1) {
      const wanted = originalPositionFor(theirs, { line: line + 1, column });
      const found = ours?.(line, column) ?? null;
      const place = found && {
        source: map.sources[found.source],
        line: found.line + 1,
        column: found.column,
      };
      expect(place).toEqual(
        wanted.line === null
          ? null
          : { source: wanted.source, line: wanted.line, column: wanted.column },
      );
    }
  });
});

test("no mappings make a look-up throw", () => {
  const text = string({ unit: constantFrom(...",;ACDEQgh/+*".split("")), maxLength: 4_000 });
  assert(
    property(text, nat(50), nat(200), (mappings, line, column) => {
      const original = indexMappings(mappings)?.(line, column) ?? null;
      expect(original === null || original.line >= 0).toBe(true);
    }),
  );
});
