import { expect, test } from "vitest";
import { matchExpression } from "./match.ts";

const NO_TAGS = { oneOf: [], none: [] };

test.each([
  [{ words: [], need: "all", tags: NO_TAGS }, '"_all"'],
  [{ words: ["hello"], need: "all", tags: NO_TAGS }, '("hello" *)'],
  [{ words: ["hello", "w"], need: "all", tags: NO_TAGS }, '("hello" AND "w")'],
  [{ words: ["hello", "world"], need: "any", tags: NO_TAGS }, '("hello" OR "world" *)'],
  [
    { words: [], need: "all", tags: { oneOf: [["_a", "_b"], ["_c"]], none: [] } },
    '("_a" OR "_b") AND ("_c")',
  ],
  [
    { words: [], need: "all", tags: { oneOf: [], none: ["_a", "_b"] } },
    '("_all") NOT ("_a" OR "_b")',
  ],
  [
    { words: ["x"], need: "all", tags: { oneOf: [["_a"]], none: ["_b"] } },
    '(("x") AND ("_a")) NOT ("_b")',
  ],
  [{ words: ['a" OR "_all'], need: "all", tags: NO_TAGS }, '("a"" OR ""_all" *)'],
] as const)("matchExpression(%j) is %s", (query, expected) => {
  expect(matchExpression(query)).toBe(expected);
});
