import { expect, test } from "vitest";
import { CATEGORIES } from "./categories.ts";
import { HOOK_EVENTS, hookPermission } from "./events.ts";
import {
  describePermission,
  isPermissionCode,
  networkHost,
  networkPermission,
  normalizePermission,
  PERMISSIONS,
} from "./permissions.ts";
import { localText } from "./text.ts";

test.each(Object.keys(PERMISSIONS))(
  "%s stands for itself and has a sentence in both languages",
  (code) => {
    expect(normalizePermission(code)).toEqual([code]);
    const { en, de } = describePermission(code);
    expect(en).toMatch(/^[A-Z].+[a-z]$/);
    expect(de).toMatch(/^[A-ZÄÖÜ].+[a-zäöü]$/);
    expect(en).not.toBe(de);
  },
);

test.each([
  ["customers.read", ["customers.view"]],
  ["customers.write", ["customers.create", "customers.edit"]],
  ["storage.delete", ["storage"]],
  ["customers.*", []],
  ["toString", []],
  ["__proto__", []],
])("the code %s stands for %j", (code, canonical) => {
  expect(normalizePermission(code)).toEqual(canonical);
  expect(isPermissionCode(code)).toBe(false);
});

test("a network grant names its host", () => {
  const code = networkPermission("api.example.com");
  expect(code).toBe("network:api.example.com");
  expect(networkHost(code)).toBe("api.example.com");
  expect(networkHost("customers.view")).toBeNull();
  expect(describePermission(code).en).toBe("Exchange data with api.example.com");
});

test("an unknown code is described as the worst", () => {
  expect(describePermission("future.power")).toEqual({
    en: "future.power",
    de: "future.power",
    risk: "high",
  });
});

test("every event is covered by a permission that exists", () => {
  expect(HOOK_EVENTS.map(hookPermission).filter((code) => !isPermissionCode(code))).toEqual([]);
  expect(hookPermission("customers.status_changed")).toBe("customers.view");
});

test("categories are unique", () => {
  expect(new Set(CATEGORIES).size).toBe(CATEGORIES.length);
});

test("a text is read in a language", () => {
  expect(localText("Hi", "de")).toBe("Hi");
  expect(localText({ en: "Hi", de: "Hallo" }, "de")).toBe("Hallo");
});
