import { createTestHost, type TestHost } from "@rising-bsm/host-sdk/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildExample } from "../../tests/build-example.ts";

let host: TestHost;
beforeAll(async () => {
  host = await createTestHost(await buildExample("hello"));
});
afterAll(() => host?.close());

test("hello logs that it was activated", () => {
  expect(host.logs()).toMatchObject([{ level: "info", message: "Plugin activated" }]);
});

test.each(["GET", "POST"])("hello answers every %s with its greeting", async (method) => {
  const response = await host.request(new Request("https://host.test/any/path?q=1", { method }));
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(await response.json()).toEqual({ message: "Hello from plugin!" });
});

test("hello is granted nothing and needs nothing", () => {
  expect(host.manifest.permissions).toEqual([]);
  expect(host.denied()).toEqual([]);
});

test.each(["onActivate", "handleRequest", "constructor", "nothing"])(
  "hello has no method %s to call by name",
  async (name) => {
    await expect(host.call(name)).rejects.toMatchObject({ code: "plugin_not_found" });
  },
);
