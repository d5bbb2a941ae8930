import { expect, test } from "vitest";
import { checkManifest, needsLicense } from "./manifest.ts";

const smallest = {
  name: "@acme/hello",
  version: "1.0.0",
  main: "index.js",
  permissions: [],
  dependencies: {},
};

test.each([
  ["public", false],
  ["unlisted", true],
  ["private", true],
])("a plugin that is %s needs a license although it is free: %s", (visibility, expected) => {
  const pricing = { plans: [{ id: "free", kind: "free" }] };
  for (const more of [{}, { pricing }]) {
    const { manifest } = checkManifest({ ...smallest, ...more, visibility });
    expect(manifest === null ? null : needsLicense(manifest)).toBe(expected);
  }
});

test("a plugin is public unless it says otherwise, and nothing else is a visibility", () => {
  expect(checkManifest(smallest).manifest?.visibility).toBe("public");
  const { findings } = checkManifest({ ...smallest, visibility: "hidden" });
  expect(findings).toMatchObject([{ path: "visibility" }]);
});
