import type { paths } from "@rising-bsm/protocol/openapi";
import createClient from "openapi-fetch";
import { beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { buildBundle, call, createAccount, publish, resetMarketplace } from "./testing.ts";
import type { Account } from "./testing.ts";

/** The client that the published types are for, against the Worker itself. */
const client = createClient<paths>({
  baseUrl: "https://marketplace.test",
  fetch: async (request) => call(request.url, request),
});

let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  for (const version of ["1.0.0", "1.1.0"]) {
    const target = { name: "@acme/hello", version };
    const manifest = { ...target, permissions: ["customers.view"], categories: ["finance"] };
    expect((await publish(target, await buildBundle(acme.key, manifest), acme)).status).toBe(201);
  }
});

const path = { scope: "@acme", name: "hello" };

const parameterSchema = z.looseObject({ name: z.string(), schema: z.unknown() });
const operationSchema = z.object({ parameters: z.array(parameterSchema).default([]) });
const documentSchema = z.object({
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
});

test("every list says how long its pages are, and how long they may be", async () => {
  const { paths } = documentSchema.parse(await (await call("/openapi.json")).json());
  const limits = Object.entries(paths).flatMap(([path, { get }]) =>
    (get?.parameters ?? [])
      .filter(({ name }) => name === "limit")
      .map(({ schema }) => [path, schema] as const),
  );
  expect(limits.map(([path]) => path)).toEqual(
    expect.arrayContaining(["/v1/plugins", "/v1/changes", "/v1/licenses", "/v1/reports"]),
  );
  for (const [path, schema] of limits) {
    const [maximum, usual]: unknown[] = [expect.any(Number), expect.any(Number)];
    expect([path, schema]).toEqual([
      path,
      { type: "integer", minimum: 1, maximum, default: usual },
    ]);
  }
});

describe("a client with the published types", () => {
  test("searches with filters that may be repeated", async () => {
    const category = ["finance", "team"];
    const query = { q: "hello", category, permission: "customers.view", limit: 20 };
    const { data } = await client.GET("/v1/plugins", { params: { query } });
    expect(data?.items.map(({ name }) => name)).toEqual(["@acme/hello"]);
    expectTypeOf(data?.items[0]?.rating).toEqualTypeOf<number | null | undefined>();
    expectTypeOf(data?.nextCursor).toEqualTypeOf<string | null | undefined>();
    const without = { permission: ["!customers.view"] };
    const none = await client.GET("/v1/plugins", { params: { query: without } });
    expect(none.data?.items).toEqual([]);
  });

  test("reads a plugin, its versions and what changed", async () => {
    const plugin = await client.GET("/v1/plugins/{scope}/{name}", { params: { path } });
    expect(plugin.data?.version).toBe("1.1.0");
    const version = { ...path, version: "1.0.0" };
    const one = await client.GET("/v1/plugins/{scope}/{name}/versions/{version}", {
      params: { path: version },
    });
    expectTypeOf(one.data?.yanked).toEqualTypeOf<false | { reason: string } | undefined>();
    expect(one.data?.yanked).toBe(false);
    const changes = await client.GET("/v1/changes", { params: { query: { limit: 100 } } });
    const released = changes.data?.items.flatMap(({ change }) =>
      change.type === "release" ? [change.version] : [],
    );
    expect(released).toEqual(["1.0.0", "1.1.0"]);
  });

  test("writes with a token, and gets refusals as values", async () => {
    const headers = { Authorization: `Bearer ${acme.token}` };
    const params = { path: { ...path, version: "1.0.0" } };
    const url = "/v1/plugins/{scope}/{name}/versions/{version}/yank";
    const body = { reason: "Loses data" };
    const yanked = await client.POST(url, { params, body, headers });
    expect(yanked.data).toMatchObject({ version: "1.0.0" });
    const refused = await client.POST(url, { params, body });
    expect(refused.data).toBeUndefined();
    expect(refused.error?.code).toBe("auth_required");
    expectTypeOf(refused.error?.findings?.[0]?.message).toEqualTypeOf<string | undefined>();
  });

  test("does not compile with what the API does not take", () => {
    const misuse = () => [
      // @ts-expect-error -- no such path
      client.GET("/v1/plugin"),
      // @ts-expect-error -- no such parameter
      client.GET("/v1/plugins", { params: { query: { search: "x" } } }),
      // @ts-expect-error -- a path parameter is missing
      client.GET("/v1/plugins/{scope}/{name}", { params: { path: { scope: "@acme" } } }),
    ];
    expectTypeOf(misuse).toBeFunction();
  });
});
