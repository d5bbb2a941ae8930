import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256Hex, utf8 } from "./encoding.ts";
import {
  hashLicenseKey,
  isLegacyLicenseKey,
  newLicenseKey,
  normalizeLicenseKey,
} from "./license-key.ts";

const example = Uint8Array.from({ length: 20 }, (_, i) => i * 13);

test("a new key is fixed by its random bytes", () => {
  expect(newLicenseKey(example)).toBe("RBSM-006H-M9SM-8575-PT3N-GA7S-SADP-RF8D-VTQQ");
  expect(newLicenseKey(new Uint8Array(20))).toBe(`RBSM${"-0000".repeat(8)}`);
  expect(newLicenseKey(new Uint8Array(20).fill(255))).toBe(`RBSM${"-ZZZZ".repeat(8)}`);
});

test("every new key is its own normal form and no two are equal", () => {
  const random = fc.uint8Array({ minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(random, random, (a, b) => {
      const key = newLicenseKey(a);
      expect(normalizeLicenseKey(key)).toBe(key);
      expect(newLicenseKey(b) === key).toBe(a.join() === b.join());
    }),
  );
});

test("a key needs exactly 160 random bits", () => {
  expect(() => newLicenseKey(new Uint8Array(19))).toThrow(
    expect.objectContaining({ code: "internal" }),
  );
});

describe("normalizeLicenseKey()", () => {
  const key = newLicenseKey(example);
  test.each([
    key.toLowerCase(),
    key.replaceAll("-", ""),
    ` ${key.replaceAll("-", " ")}\n`,
    key.slice(5),
    key.replaceAll("0", "O").replaceAll("1", "l"),
  ])("reads %j as the same key", (typed) => {
    expect(normalizeLicenseKey(typed)).toBe(key);
  });

  test("keeps a legacy key", () => {
    const legacy = "A1B2C3-D4E5F6-000000-ABCDEF-123456";
    expect(normalizeLicenseKey(legacy)).toBe(legacy);
    expect(normalizeLicenseKey(legacy.toLowerCase().replaceAll("-", ""))).toBe(legacy);
  });

  test.each([
    "",
    "RBSM",
    `${key}0`,
    key.slice(0, -1),
    key.replace("9", "U"),
    "A1B2C3-D4E5F6-000000-ABCDEF",
    "x".repeat(1_000_000),
  ])("refuses %.60j", (typed) => {
    expect(() => normalizeLicenseKey(typed)).toThrow(
      expect.objectContaining({ code: "license_refused" }),
    );
  });
});

test("a key is stored as the hash of its normal form", async () => {
  const key = newLicenseKey(example);
  expect(await hashLicenseKey(key.toLowerCase())).toBe(await sha256Hex(utf8(key)));
  await expect(hashLicenseKey("no key")).rejects.toMatchObject({ code: "license_refused" });
});

test.each([
  ["ABCDEF-012345-6789AB-CDEF01-234567", true],
  ["abcdef0123456789abcdef01234567", true],
  ["ABCDEF-012345-6789AB-CDEF01-23456", false],
  [newLicenseKey(example), false],
])("%s is a key of the old marketplace: %s", (key, isLegacy) => {
  expect(isLegacyLicenseKey(key)).toBe(isLegacy);
});
