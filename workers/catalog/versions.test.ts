import { env } from "cloudflare:workers";
import { versionComparisonSchema, versionListSchema } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { buildBundle, call, createAccount, publish, refusal } from "../testing.ts";
import { resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { counting } from "../testing-bindings.ts";
import { copyVersions } from "./sample-versions.ts";

let acme: Account;
let globex: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  globex = await createAccount("globex");
  await release({ name: "@acme/many", version: "1.0.0" });
  await release({ name: "@acme/other", version: "1.0.0" });
  await release({ name: "@acme/other", version: "2.0.0", permissions: ["customers.view"] });
  await release({ name: "@acme/secret", version: "1.0.0", visibility: "private" });
  await release({ name: "@acme/secret", version: "2.0.0", visibility: "private" });
  await copyVersions("@acme/many", COPIES);
});

const COPIES = ["1.0.1", "1.0.0-beta.2", "1.0.0-beta.10", "1.10.0", "1.9.0", "2.0.0", "1.10.0+b"];
const IN_ORDER = "2.0.0 1.10.0+b 1.10.0 1.9.0 1.0.1 1.0.0 1.0.0-beta.10 1.0.0-beta.2".split(" ");

async function release(manifest: { name: string; version: string; [key: string]: unknown }) {
  const bundle = await buildBundle(acme.key, manifest);
  expect((await publish(manifest, bundle, acme)).status).toBe(201);
}

async function versionsAt(path: string) {
  const answer = await call(path);
  expect([path, answer.status]).toEqual([path, 200]);
  return versionListSchema.parse(await answer.json());
}

describe("the versions of a plugin", () => {
  const path = "/v1/plugins/@acme/many/versions";

  test("come in one page, in semver's order", async () => {
    const { items, nextCursor } = await versionsAt(path);
    expect(items.map(({ version }) => version)).toEqual(IN_ORDER);
    expect(nextCursor).toBeNull();
  });

  test.each([1, 2, 3, 7, 8])("come in pages of %i, each once", async (limit) => {
    const seen: string[] = [];
    for (let next: string | null | undefined = ""; next !== null && next !== undefined;) {
      const cursor = next === "" ? "" : `&cursor=${encodeURIComponent(next)}`;
      const page: Awaited<ReturnType<typeof versionsAt>> = await versionsAt(
        `${path}?limit=${limit}${cursor}`,
      );
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items.map(({ version }) => version));
      next = page.nextCursor;
    }
    expect(seen).toEqual(IN_ORDER);
  });

  test("a cursor is good for its own list alone, and only as it was given", async () => {
    const { nextCursor } = await versionsAt(`${path}?limit=1`);
    const cursor = encodeURIComponent(nextCursor ?? "");
    const elsewhere = [
      `/v1/plugins/@acme/other/versions?cursor=${cursor}`,
      `/v1/plugins/@acme/many/dependents?cursor=${cursor}`,
      `${path}?cursor=${cursor.slice(0, -1)}`,
      `${path}?cursor=${"x".repeat(5_000)}`,
      `${path}?cursor=`,
    ];
    for (const each of elsewhere) {
      expect([each, await refusal(await call(each))]).toEqual([each, [400, "cursor_invalid"]]);
    }
  });

  test.each(["0", "101", "1.5", "x"])("a limit of %s is refused", async (limit) => {
    expect((await call(`${path}?limit=${limit}`)).status).toBe(400);
  });

  test("a page reads a row a version and three more", async () => {
    const { bindings, count } = counting(env);
    // The first request also asks for the schema.
    await call(`${path}?limit=3`, {}, bindings);
    count.rowsRead = 0;
    await call(`${path}?limit=3`, {}, bindings);
    expect(count.rowsRead).toBeLessThanOrEqual(3 + 1 + 3);
  });
});

async function compared(from: string, to: string) {
  const path = `/v1/plugins/@acme/other/compare?from=${from}&to=${to}`;
  const answer = await call(path);
  expect(answer.headers.get("cache-control")).toContain("public");
  return versionComparisonSchema.parse(await answer.json());
}

describe("two versions", () => {
  test("are compared in either order, and with themselves", async () => {
    const up = await compared("1.0.0", "2.0.0");
    expect(up.permissions.added).toMatchObject([{ code: "customers.view", optional: false }]);
    const down = await compared("2.0.0", "1.0.0");
    expect(down.permissions).toMatchObject({ added: [], removed: ["customers.view"] });
    expect(down.sizeChange).toBe(-up.sizeChange);
    expect((await compared("2.0.0", "2.0.0")).sizeChange).toBe(0);
  });

  test.each(["from=1.0.0", "from=1.0.0&to=x", "from=1.0.0&to=^2", "to=1.0.0", ""])(
    "cannot be compared as ?%s",
    async (query) => {
      const answer = await call(`/v1/plugins/@acme/other/compare?${query}`);
      expect(await refusal(answer)).toEqual([400, "request_invalid"]);
    },
  );

  test("have to be published", async () => {
    const bindings = { ...env, REVIEW_POLICY: "first-release" };
    const waiting = { name: "@globex/waits", version: "1.0.0" };
    const bundle = await buildBundle(globex.key, waiting);
    await publish(waiting, bundle, { token: globex.token, bindings });
    for (const path of [
      "@acme/other/compare?from=1.0.0&to=9.0.0",
      "@globex/waits/compare?from=1.0.0&to=1.0.0",
    ]) {
      const answer = await call(`/v1/plugins/${path}`);
      expect(await refusal(answer)).toEqual([404, "plugin_not_found"]);
    }
  });

  test("of a private plugin are compared for its owner alone", async () => {
    const path = "/v1/plugins/@acme/secret/compare?from=1.0.0&to=2.0.0";
    const missing = path.replace("secret", "nothing");
    for (const each of [path, missing]) {
      expect(await refusal(await call(each))).toEqual([404, "plugin_not_found"]);
      const other = await send("GET", each, { token: globex.token });
      expect(await refusal(other)).toEqual([404, "plugin_not_found"]);
    }
    const own = await send("GET", path, { token: acme.token });
    expect([own.status, own.headers.get("cache-control")]).toEqual([200, "no-store"]);
  });
});
