import { checkManifest, type Json, SETTINGS_LIMITS } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { checkConfig, type ConfigForm, effectiveConfig } from "./check-config.ts";

/** A form as a manifest declares it. */
function formOf(config: Record<string, Json>): ConfigForm {
  const minimal = {
    name: "@acme/a",
    version: "1.0.0",
    main: "a.js",
    permissions: [],
    dependencies: {},
  };
  const { manifest, findings } = checkManifest({
    ...minimal,
    config: { type: "object", ...config },
  });
  if (manifest?.config === undefined) throw new Error(JSON.stringify(findings));
  return manifest.config;
}

const at = (form: ConfigForm, values: Record<string, Json>) =>
  checkConfig(form, values).map(({ path, message }) => `${path}: ${message}`);

test.each<[Record<string, Json>, Json, string | null]>([
  [{ type: "string" }, "a", null],
  [{ type: "string" }, 1, "must be text"],
  [{ type: "string" }, null, "must be text"],
  [{ type: "number" }, "1", "must be a number"],
  [{ type: "integer" }, 1.5, "must be a whole number"],
  [{ type: "integer" }, 1, null],
  [{ type: "boolean" }, 0, "must be true or false"],
  [{ type: "array" }, {}, "must be a list"],
  [{ type: "object" }, [], "must be an object"],
  [{ type: "object" }, { any: 1 }, null],
  [{}, null, null],
  [{ enum: ["a", 1, null] }, null, null],
  [{ enum: ["a", 1, null] }, "1", 'must be one of "a", 1, null'],
  [{ const: "a" }, "b", 'must be "a"'],
  [{ minimum: 2 }, 2, null],
  [{ minimum: 2 }, 1.9, "must be at least 2"],
  [{ maximum: 2 }, 2, null],
  [{ maximum: 2 }, 2.1, "must be at most 2"],
  [{ exclusiveMinimum: 2 }, 2, "must be more than 2"],
  [{ exclusiveMinimum: 2 }, 2.1, null],
  [{ exclusiveMaximum: 2 }, 2, "must be less than 2"],
  [{ exclusiveMaximum: 2 }, 1.9, null],
  [{ multipleOf: 0.1 }, 0.3, null],
  [{ multipleOf: 0.1 }, 0.35, "must be a multiple of 0.1"],
  [{ minLength: 2 }, "😀", "must have at least 2 characters"],
  [{ maxLength: 2 }, "😀😀", null],
  [{ maxLength: 2 }, "abc", "must have at most 2 characters"],
  [{ format: "email" }, "a@b.example", null],
  [{ format: "email" }, "a@b", "must be an email address"],
  [{ format: "uri" }, "https://a.example", null],
  [{ format: "uri" }, "a.example", "must be an address such as https://example.com"],
  [{ format: "date" }, "2024-02-29", null],
  [{ format: "date" }, "2023-02-29", "must be a date such as 2026-03-01"],
  [{ format: "date-time" }, "2024-02-29T10:00:00+01:00", null],
  [{ format: "date-time" }, "2024-02-30T10:00:00Z", "must be a time such as 2026-03-01T09:30:00Z"],
  [{ format: "date-time" }, "2024-02-29 10:00", "must be a time such as 2026-03-01T09:30:00Z"],
  [{ format: "time" }, "23:59", null],
  [{ format: "time" }, "24:00", "must be a time such as 09:30"],
  [{ format: "color" }, "#3366CC", null],
  [{ format: "color" }, "red", "must be a color such as #3366cc"],
  [{ format: "multiline" }, "a\nb", null],
  [{ minItems: 1 }, [], "must have at least 1 entries"],
  [{ maxItems: 1 }, [1, 2], "must have at most 1 entries"],
  [{ uniqueItems: true }, [1, "1", { a: 1, b: 2 }, { b: 1, a: 2 }], null],
  [
    { uniqueItems: true },
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    "must not have an entry twice",
  ],
])("the field %j takes %j: %s", (field, value, message) => {
  const form = formOf({ properties: { field } });
  expect(at(form, { field: value })).toEqual(message === null ? [] : [`field: ${message}`]);
});

test("every mistake is named with its path", () => {
  const form = formOf({
    required: ["url", "days"],
    properties: {
      url: { type: "string", format: "uri" },
      days: { type: "array", items: { type: "integer", maximum: 31 } },
      mail: {
        type: "object",
        required: ["to"],
        properties: { to: { type: "string" }, copy: { type: "boolean" } },
      },
    },
  });
  expect(at(form, { days: [1, "2", 40], mail: { copy: "yes", subject: "x" } })).toEqual([
    "url: is required",
    "days[1]: must be a whole number",
    "days[2]: must be at most 31",
    "mail.to: is required",
    "mail.copy: must be true or false",
    "mail.subject: is no setting of this plugin",
  ]);
});

test("a name that is no field is refused with the nearest one, unless the form is open", () => {
  const form = formOf({ properties: { greeting: { type: "string" } } });
  expect(checkConfig(form, { greting: "x" })).toMatchObject([
    { path: "greting", fix: 'Did you mean "greeting"?' },
  ]);
  expect(checkConfig(form, JSON.parse('{"__proto__": 1, "constructor": 2}'))).toHaveLength(2);
  const open = formOf({ properties: { greeting: { type: "string" } }, additionalProperties: true });
  expect(checkConfig(open, { other: 1 })).toEqual([]);
  const closed = formOf({ additionalProperties: false });
  expect(checkConfig(closed, { other: 1 })).toHaveLength(1);
});

test("a plugin gets what was entered and still fits, and defaults for the rest", () => {
  const form = formOf({
    properties: {
      kept: { type: "string", default: "a" },
      changed: { type: "integer", default: 5 },
      missing: { type: "boolean", default: true },
      bare: { type: "string" },
    },
  });
  expect(effectiveConfig(form, { kept: "b", changed: "seven", removed: 1 })).toEqual({
    kept: "b",
    changed: 5,
    missing: true,
  });
  expect(effectiveConfig(undefined, { any: 1 })).toEqual({ any: 1 });
});

test("a form with long choices costs little where nothing that was entered fits any more", () => {
  const choices = Array.from({ length: 100 }, (_, i) => `${"x".repeat(500)}${i}`);
  const form = formOf({ properties: { list: { type: "array", items: { enum: choices } } } });
  const values = { list: Array.from({ length: 8_000 }, (_, i) => `q${i % 10}`) };
  expect(effectiveConfig(form, values)).toEqual({});
  const findings = checkConfig(form, values);
  expect(findings).toHaveLength(SETTINGS_LIMITS.findings);
  expect(JSON.stringify(findings).length).toBeLessThan(200_000);
});

test("names that are no field are guessed among the first hundred alone, and short ones", () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `p${i}`);
  const long = "n".repeat(10_000);
  const form = formOf({
    properties: Object.fromEntries([[long, {}], ...names.map((name) => [name, {}] as const)]),
  });
  expect(checkConfig(form, { P98: 1 })[0]?.fix).toBe('Did you mean "p98"?');
  expect(checkConfig(form, { P1999: 1 })[0]?.fix).not.toBe('Did you mean "p1999"?');
  expect(checkConfig(form, { [`${long}x`]: 1 })[0]?.fix).toBeUndefined();
});
