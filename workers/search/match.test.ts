import { expect, test } from "vitest";
import { matchExpression } from "./match.ts";
import type { WordGroup } from "./word-group.ts";

const NO_TAGS = { oneOf: [], none: [] };

function group(texts: readonly string[], parts: readonly WordGroup[] = []): WordGroup {
  const terms = texts.map((text) => ({
    text: text.replace("*", ""),
    open: text.endsWith("*"),
    nearness: 1,
  }));
  return { word: texts[0] ?? "", terms, parts };
}

test.each([
  [{ groups: [], need: "all", tags: NO_TAGS }, '"_all"'],
  [{ groups: [group(["hello", "hell*"])], need: "all", tags: NO_TAGS }, '(("hello" OR "hell" *))'],
  [{ groups: [group(["a"]), group(["b"])], need: "all", tags: NO_TAGS }, '(("a") AND ("b"))'],
  [{ groups: [group(["a"]), group(["b"])], need: "any", tags: NO_TAGS }, '(("a") OR ("b"))'],
  [
    { groups: [group(["ab"], [group(["a"]), group(["b"])])], need: "all", tags: NO_TAGS },
    '(("ab" OR (("a") AND ("b"))))',
  ],
  [
    { groups: [], need: "all", tags: { oneOf: [["_a", "_b"], ["_c"]], none: [] } },
    '("_a" OR "_b") AND ("_c")',
  ],
  [
    { groups: [], need: "all", tags: { oneOf: [], none: ["_a", "_b"] } },
    '("_all") NOT ("_a" OR "_b")',
  ],
  [
    { groups: [group(["x"]), group(["y"])], need: "any", tags: { oneOf: [["_a"]], none: ["_b"] } },
    '((("x") OR ("y")) AND ("_a")) NOT ("_b")',
  ],
  [{ groups: [group(['a" OR "_all'])], need: "all", tags: NO_TAGS }, '(("a"" OR ""_all"))'],
] as const)("matchExpression(%j) is %s", (query, expected) => {
  expect(matchExpression(query)).toBe(expected);
});
