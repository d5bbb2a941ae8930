import {
  assert,
  constantFrom,
  dictionary,
  jsonValue,
  nat,
  property,
  stringMatching,
  tuple,
} from "fast-check";
import { expect, test } from "vitest";
import { jsonPositions, spanOf } from "./json-positions.ts";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("jsonPositions() agrees with JSON.parse on what is JSON, after any one edit", () => {
  const edited = tuple(
    jsonValue({ maxDepth: 4 }),
    nat(),
    constantFrom("", ",", '"', "}", "]", "\\", "0", "\n", "-", "x"),
  ).map(([value, at, insert]) => {
    const text = JSON.stringify(value, null, 1);
    const place = at % (text.length + 1);
    return text.slice(0, place) + insert + text.slice(place + (insert === "" ? 1 : 0));
  });
  assert(
    property(edited, (text) => {
      expect(jsonPositions(text).problem === undefined).toBe(parses(text));
    }),
    { numRuns: 3000 },
  );
});

test("jsonPositions() gives each top-level member the text of its value", () => {
  assert(
    property(dictionary(stringMatching(/^[a-z]{1,8}$/), jsonValue()), (members) => {
      const text = JSON.stringify(members, null, 2);
      const positions = jsonPositions(text);
      for (const [name, value] of Object.entries(members)) {
        const { start, end } = spanOf(positions, name, "value");
        expect(JSON.parse(text.slice(start, end))).toEqual(JSON.parse(JSON.stringify(value)));
      }
    }),
  );
});
