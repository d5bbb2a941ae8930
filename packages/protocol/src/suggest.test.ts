import { expect, test } from "vitest";
import { suggest } from "./suggest.ts";

const words = ["permissions", "dependencies", "name", "main"];

test.each([
  ["permission", "permissions"],
  ["premissions", "permissions"],
  ["Dependencies", "dependencies"],
  ["nmae", null],
  ["nam", "name"],
  ["colour", null],
  ["", null],
])("%j suggests %j", (word, expected) => {
  expect(suggest(word, words)).toBe(expected);
});

test("the nearest of several wins", () => {
  expect(suggest("customers.creat", ["customers.create", "customers.created"])).toBe(
    "customers.create",
  );
  expect(suggest("customers.creatd", ["customers.create", "customers.created"])).toBe(
    "customers.create",
  );
});

test("an empty candidate is never near", () => {
  expect(suggest("a", [""])).toBe("");
  expect(suggest("ab", [""])).toBeNull();
});
