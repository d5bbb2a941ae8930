import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { parseManifest } from "./manifest.ts";

const smallest = {
  name: "@acme/hello",
  version: "1.0.0",
  main: "index.js",
  permissions: [],
  dependencies: {},
};

describe("parseManifest()", () => {
  const bytesOf = (value: unknown) => utf8(JSON.stringify(value));
  const thrown = (bytes: Uint8Array) => {
    try {
      parseManifest(bytes);
    } catch (error) {
      if (error instanceof RbsmError) return error;
    }
    throw new Error("no RbsmError");
  };

  test("gives the manifest of valid bytes", () => {
    expect(parseManifest(bytesOf(smallest)).name).toBe("@acme/hello");
  });

  test("throws one error with every finding", () => {
    const error = thrown(bytesOf({ ...smallest, name: "x", version: "y" }));
    expect(error.code).toBe("manifest_invalid");
    expect(error.message).toContain("2 mistakes");
    expect(error.detail.findings).toHaveLength(2);
  });

  test("throws manifest_duplicate_network when that is all that is wrong", () => {
    const error = thrown(bytesOf({ ...smallest, permissions: ["network:a.example.com"] }));
    expect(error.code).toBe("manifest_duplicate_network");
    expect(error.message).toContain("one mistake");
    expect(
      thrown(bytesOf({ ...smallest, permissions: ["network:a.example.com", "fly"] })).code,
    ).toBe("manifest_invalid");
  });

  test("lists the first of very many mistakes, and says that there are more", () => {
    const keys = Array.from({ length: 3_000 }, (_, i) => [`key${i}`, 1]);
    const { findings = [] } = thrown(bytesOf({ ...smallest, ...Object.fromEntries(keys) })).detail;
    expect(findings).toHaveLength(MANIFEST_LIMITS.findings + 1);
    expect(findings.at(-1)).toEqual({
      rule: "manifest_more_mistakes",
      path: "",
      message: "There are more than 200 mistakes",
      fix: "Mend these first",
    });
  });

  test("of a list that is too long only as many items are looked at as show that", () => {
    const permissions = Array.from({ length: 20_000 }, () => "");
    expect(thrown(bytesOf({ ...smallest, permissions })).detail.findings).toHaveLength(
      MANIFEST_LIMITS.listItems + 1,
    );
  });

  test("a list may be long where the manifest does not say how long", () => {
    const value = Array.from({ length: 500 }, (_, i) => i);
    const config = { type: "object", properties: { a: { type: "array", default: value } } };
    const { config: read } = parseManifest(bytesOf({ ...smallest, config }));
    expect(read?.properties?.["a"]?.default).toEqual(value);
  });

  test.each([
    ["no JSON", utf8("name: hello")],
    ["no UTF-8", Uint8Array.of(0xff)],
    ["an own __proto__", utf8('{"__proto__":{}}')],
    ["a key that is there twice", utf8(`{"version":"2.0.0",${JSON.stringify(smallest).slice(1)}`)],
    ["deep JSON", utf8("[".repeat(60_000))],
    ["more than 64 KiB", bytesOf({ ...smallest, description: "x".repeat(70_000) })],
  ])("refuses %s", (_, bytes) => {
    expect(thrown(bytes)).toMatchObject({
      code: "manifest_invalid",
      detail: { findings: [{ rule: "manifest_invalid_json" }] },
    });
  });

  test("never throws anything but an RbsmError", () => {
    const anything = fc.oneof(
      fc.uint8Array(),
      fc.json().map(utf8),
      fc
        .record({ name: fc.string(), permissions: fc.anything(), config: fc.object() })
        .map((value) => utf8(JSON.stringify(value) ?? "")),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(thrown(bytes).code).toBe("manifest_invalid");
      }),
    );
  });
});
