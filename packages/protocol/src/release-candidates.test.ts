import { expect, test } from "vitest";
import type { PluginDocument } from "./documents.ts";
import {
  candidatesOf,
  requestedRange,
  unmetEngine,
  type VersionEntry,
} from "./release-candidates.ts";

const ENTRY: VersionEntry = {
  version: "1.0.0",
  sha256: "0".repeat(64),
  size: 1,
  treeDigest: `sha256:${"0".repeat(64)}`,
  publishedAt: "2026-10-10T12:00:00Z",
  status: "published",
  yanked: false,
  deprecated: false,
  permissions: [],
  network: [],
  dependencies: { "@acme/base": "^1.0.0" },
  engines: {},
  paid: false,
  bundle: "/b/x.rbsm",
  logIndex: 1,
};

function documentOf(
  versions: readonly Partial<VersionEntry>[],
  channels: Record<string, string> = {},
): PluginDocument {
  return {
    type: "https://rising-bsm.com/plugin/v1",
    name: "@acme/hello",
    displayName: "Hello",
    publisher: { name: "acme", keys: [], recovery: null, statements: [] },
    channels,
    versions: versions.map((one) => ({ ...ENTRY, ...one })),
  };
}

test("candidates say what they need, what was withdrawn and why they stay out", () => {
  const document = documentOf([{}, { version: "1.1.0", yanked: { reason: "broken" } }]);
  const refuse = ({ version }: VersionEntry) => (version === "1.1.0" ? "not here" : undefined);
  const { dependencies } = ENTRY;
  expect(candidatesOf(document, refuse)).toEqual([
    { version: "1.0.0", dependencies, yanked: false, excluded: undefined },
    { version: "1.1.0", dependencies, yanked: true, excluded: "not here" },
  ]);
});

test.each([
  [{}, undefined],
  [{ runtime: "^1.0.0" }, undefined],
  [{ "rising-bsm": ">=9.0.0" }, undefined],
  [{ runtime: undefined }, undefined],
  [{ runtime: "^2.0.0" }, "needs runtime ^2.0.0, this host has 1.0.0"],
])("an entry that names %j: %s", (engines, expected) => {
  expect(unmetEngine({ ...ENTRY, engines }, { runtime: "1.0.0" })).toBe(expected);
});

test.each([
  [undefined, "<=1.2.0"],
  ["beta", "2.0.0-beta.1"],
  ["^1.0.0", "^1.0.0"],
  ["constructor", "constructor"],
])("%s stands for the range %s", (version, range) => {
  const document = documentOf([{}], { latest: "1.2.0", beta: "2.0.0-beta.1" });
  expect(requestedRange(document, version)).toBe(range);
});

test("without a tag anything is wanted, and a tag that is a prerelease is meant exactly", () => {
  expect(requestedRange(documentOf([{}]), undefined)).toBe("*");
  const tagged = documentOf([{}], { latest: "2.0.0-beta.1" });
  expect(requestedRange(tagged, undefined)).toBe("2.0.0-beta.1");
});
