import { expect, test } from "vitest";
import { pluginNameSchema, splitPluginName } from "./plugin-name.ts";

test.each(["@acme/hello", "@a/0", `@${"a".repeat(64)}/${"b".repeat(64)}`])(
  "%.20s is a plugin name",
  (name) => {
    expect(pluginNameSchema.safeParse(name).success).toBe(true);
    const parts = splitPluginName(name);
    expect(`${parts.scope}/${parts.name}`).toBe(name);
  },
);

test.each([
  "hello",
  "@acme",
  "@acme/",
  "@/hello",
  "@Acme/hello",
  "@acme/-a",
  "@acme/a/b",
  "@acme/hello\n",
  `@${"a".repeat(65)}/b`,
  "@acme/ümlaut",
])("%j is no plugin name", (name) => {
  expect(pluginNameSchema.safeParse(name).success).toBe(false);
  expect(() => splitPluginName(name)).toThrow(expect.objectContaining({ code: "request_invalid" }));
});
