import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foldName, isNearName, isReservedName, slipsBetween } from "./index.ts";

const word = fc.stringMatching(/^[a-ik-z][a-ik-z0-9]{3,14}[a-ik-z]$/);
const at = (text: string, index: number) => index % text.length;

describe("foldName", () => {
  test.each([
    ["acrne", "acme"],
    ["ac-me", "acme"],
    ["acmes", "acme"],
    ["accme", "acme"],
    ["he11o", "hello"],
    ["hello-plugin", "hello"],
    ["official-hello", "hello"],
    ["hellojs", "hello"],
    ["hello-js-plugins", "hello"],
    ["vvindow5", "window"],
    ["d3t3v-3xp0rt", "detev-export"],
    ["adm1n-to01s", "admin-tool"],
  ])("takes %s for %s", (name, other) => {
    expect(foldName(name)).toBe(foldName(other));
  });

  test.each([
    ["invoice", "invoke"],
    ["plugin", "addon"],
    ["js", "s"],
    ["invoice-5", "invoice"],
    ["load1", "load11"],
    ["load-1", "load-11"],
    ["asset", "aset5x"],
  ])("keeps %s and %s apart", (name, other) => {
    expect(foldName(name)).not.toBe(foldName(other));
  });

  test("folds what is folded to itself", () => {
    fc.assert(fc.property(word, (name) => foldName(foldName(name)) === foldName(name)));
  });

  test("does not see a dash, a doubled letter, a plural, an affix or a look-alike", () => {
    const disguises: ((name: string, index: number) => string)[] = [
      (name, index) => `${name.slice(0, at(name, index))}-${name.slice(at(name, index))}`,
      (name, index) =>
        `${name.slice(0, at(name, index))}${name.slice(at(name, index) - name.length - 1)}`,
      (name) => `${name}s`,
      (name) => `${name}-plugin`,
      (name) => `official-${name}`,
      (name) => {
        const leet = { o: "0", l: "1", i: "1", e: "3", s: "5" };
        // A number at the end would be one.
        return Object.entries(leet).reduce(
          (text, [letter, digit]) => text.slice(0, -1).replaceAll(letter, digit) + text.slice(-1),
          name,
        );
      },
      (name) => name.replaceAll("m", "rn").replaceAll("w", "vv"),
    ];
    fc.assert(
      fc.property(word, fc.nat(), fc.constantFrom(...disguises), (name, index, disguise) => {
        expect(foldName(disguise(name, index))).toBe(foldName(name));
      }),
      { numRuns: 2_000 },
    );
  });
});

test("slipsBetween agrees with the definition", () => {
  const definition = (a: string, b: string): number => {
    if (a === "" || b === "") return a.length + b.length;
    const [restA, restB] = [a.slice(0, -1), b.slice(0, -1)];
    const ways = [
      definition(restA, b) + 1,
      definition(a, restB) + 1,
      definition(restA, restB) + (a.at(-1) === b.at(-1) ? 0 : 1),
    ];
    const isSwapped =
      a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
    if (isSwapped) ways.push(definition(a.slice(0, -2), b.slice(0, -2)) + 1);
    return Math.min(...ways);
  };
  const short = fc.stringMatching(/^[abc]{0,6}$/);
  fc.assert(
    fc.property(short, short, (a, b) => {
      expect(slipsBetween(a, b)).toBe(definition(a, b));
      expect(slipsBetween(b, a)).toBe(slipsBetween(a, b));
    }),
  );
});

test.each([
  ["export", "exprot", true],
  ["export", "exprott", false],
  ["datevexport", "datevexprott", true],
  ["datevexport", "dtaevexprott", false],
  ["crm", "cms", false],
  ["crm", "crm", true],
  ["crmx", "crm", false],
  ["calendar", "calendarium", false],
])("%s near %s is %s", (fold, other, isNear) => {
  expect(isNearName(fold, other)).toBe(isNear);
});

test.each([
  ["admin", true],
  ["adm1n", true],
  ["support-team", false],
  ["supports", true],
  ["rising-bsm-labs", true],
  ["acme-official", true],
  ["acme", false],
])("a scope called %s is reserved: %s", (name, isReserved) => {
  expect(isReservedName(name)).toBe(isReserved);
});
