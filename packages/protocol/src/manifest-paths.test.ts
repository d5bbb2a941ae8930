import { expect, test } from "vitest";
import { checkManifest } from "./manifest.ts";

const smallest = {
  name: "@acme/hello",
  version: "1.0.0",
  main: "index.js",
  permissions: [],
  dependencies: {},
};

function pathsOfFindings(change: object): string[] {
  return checkManifest({ ...smallest, ...change }).findings.map(({ path }) => path);
}

test.each(["/", "/report", "/report/", "/a.b/..c/c../:id/*", "/~ada/@x/-_"])(
  "%s is a path below the plugin's address",
  (path) => {
    const routes = [{ method: "GET", path }];
    expect(pathsOfFindings({ routes, ui: { pages: [{ path, title: "x" }] } })).toEqual([]);
  },
);

test.each([
  "/..",
  "/a/../../b",
  "/./a",
  "/a/.",
  "//example.com",
  "/a//b",
  "a",
  "",
  "/a?b",
  "/%2e%2e",
])("%j is no path below the plugin's address", (path) => {
  const routes = [{ method: "GET", path }];
  expect(pathsOfFindings({ routes, ui: { pages: [{ path, title: "x" }] } })).toEqual([
    "routes[0].path",
    "ui.pages[0].path",
  ]);
});

test("a host name is as long as DNS allows", () => {
  const longest = `${`${"a".repeat(62)}.`.repeat(3)}${"a".repeat(60)}.com`;
  expect(longest).toHaveLength(253);
  expect(pathsOfFindings({ network: [longest] })).toEqual([]);
  expect(pathsOfFindings({ network: [`a${longest}`] })).toEqual(["network[0]"]);
});
