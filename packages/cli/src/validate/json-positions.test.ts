import { expect, test } from "vitest";
import { codeFrame } from "./frame.ts";
import { jsonPositions, lineAndColumn, spanOf } from "./json-positions.ts";

const TEXT = `{
  "name": "@acme/x",
  "permissions": ["a", { "code": "b" }],
  "dependencies": { "@acme/y.z": "^1" },
  "escaped\\u0020key": 1.5e3
}
`;

function textAt(path: string, prefer: "key" | "value" = "value"): string {
  const { start, end } = spanOf(jsonPositions(TEXT), path, prefer);
  return TEXT.slice(start, end);
}

test("jsonPositions() finds members, items and names that are no identifiers", () => {
  expect(textAt("name")).toBe('"@acme/x"');
  expect(textAt("name", "key")).toBe('"name"');
  expect(textAt("permissions[1].code")).toBe('"b"');
  expect(textAt('dependencies["@acme/y.z"]', "key")).toBe('"@acme/y.z"');
  expect(textAt('["escaped key"]')).toBe("1.5e3");
});

test("spanOf() shows the parent of what is missing", () => {
  expect(textAt("permissions[1].reason")).toBe("{");
  expect(textAt("version")).toBe("{");
});

test.each([
  ["", "ends where a value"],
  ['{"a":1,}', "comma must not stand"],
  ["[1,]", "comma must not stand"],
  ["{'a':1}", "double quotes"],
  ['{"a":1 // no', "no comments"],
  ['{"a" 1}', 'stands where ":" should'],
  ['{"a":1} x', "text after the end"],
  ['"unfinished', "does not end"],
  ['{"a":01}', "stands where a value should"],
  ["[".repeat(200), "nested too deeply"],
])("jsonPositions(%j) says that it %s", (text, message) => {
  expect(jsonPositions(text).problem?.message).toContain(message);
  expect(() => JSON.parse(text)).toThrow(SyntaxError);
});

test("lineAndColumn() and codeFrame() agree on the place", () => {
  const span = spanOf(jsonPositions(TEXT), "permissions[1].code", "value");
  expect(lineAndColumn(TEXT, span.start)).toEqual({ line: 3, column: 34 });
  expect(codeFrame(TEXT, span)).toBe(
    [
      '  2 |   "name": "@acme/x",',
      '> 3 |   "permissions": ["a", { "code": "b" }],',
      "    |                                  ^^^",
      '  4 |   "dependencies": { "@acme/y.z": "^1" },',
    ].join("\n"),
  );
});
