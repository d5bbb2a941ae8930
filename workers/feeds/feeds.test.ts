import { env } from "cloudflare:workers";
import { advisoryListSchema, changePageSchema } from "@rising-bsm/protocol";
import type { ChangePage } from "@rising-bsm/protocol";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { copyVersions } from "../catalog/sample-versions.ts";
import { writeDatabase } from "../database.ts";
import { restoreAdvisories } from "../log/recover-queries.ts";
import { recoverAll, restore, snapshot } from "../log/sample-restore.ts";
import { elementsOf, parseXml, textOf } from "../sample-xml.ts";
import { counting } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";

let acme: Account;

async function release(name: string, version: string, manifest: object = {}): Promise<void> {
  const bundle = await buildBundle(acme.key, { name, version, ...manifest });
  expect((await publish({ name, version }, bundle, acme)).status).toBe(201);
}

async function changes(query = ""): Promise<ChangePage> {
  const answer = await call(`/v1/changes${query}`);
  expect(answer.status).toBe(200);
  return changePageSchema.parse(await answer.json());
}

const typesOf = ({ items }: ChangePage) => items.map(({ change }) => change.type);
const advisory = {
  match: { plugin: "@acme/hello", versions: "<2.0.0" },
  action: "warn",
  reason: { en: "Loses data", de: "Verliert Daten" },
};

describe("GET /v1/changes", () => {
  beforeEach(async () => {
    await resetMarketplace();
    acme = await createAccount("acme");
  });

  test("tells each public event once, in the order of the log, advisories between them", async () => {
    const start = (await changes("?after=latest")).nextCursor;
    await release("@acme/hello", "1.0.0");
    await release("@acme/secret", "1.0.0", { visibility: "private" });
    await release("@acme/veiled", "1.0.0", { visibility: "unlisted" });
    const version = "/v1/plugins/@acme/hello/versions/1.0.0";
    await send("POST", `${version}/deprecate`, { body: { reason: "Old" } });
    await send("PUT", "/v1/advisories/A-1", { body: advisory });
    await send("PUT", "/v1/advisories/A-1", { body: advisory });
    await send("POST", `${version}/yank`, { body: { reason: "Broken" } });
    await send("POST", "/v1/plugins/@acme/secret/versions/1.0.0/yank", { body: { reason: "x" } });
    await send("DELETE", "/v1/advisories/A-1");
    for (const name of ["secret", "hello"]) {
      await send("DELETE", `/v1/plugins/@acme/${name}`, { body: { reason: "Gone" } });
    }

    const page = await changes(`?after=${start}`);
    expect(typesOf(page)).toEqual([
      "release",
      "deprecate",
      "advisory",
      "yank",
      "advisory",
      "remove",
    ]);
    expect(page.items[0]).toMatchObject({
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      change: { plugin: "@acme/hello", version: "1.0.0" },
    });
    expect(page.items[2]?.change).toMatchObject({
      id: "A-1",
      entry: { id: "A-1", action: "warn" },
    });
    expect(page.items[4]?.change).toMatchObject({ id: "A-1", entry: null });
    expect(page.items.at(-1)?.change).toMatchObject({ plugin: "@acme/hello" });
    expect(JSON.stringify(page)).not.toMatch(/secret|veiled/);
    expect(typesOf(await changes()).slice(0, 2)).toEqual(["owner", "key-add"]);
  });

  test("tells an advisory once, also when a recovery writes it again", async () => {
    await send("PUT", "/v1/advisories/A-1", { body: advisory });
    const known = await changes();
    const inForce = advisoryListSchema.parse(await (await call("/v1/advisories")).json()).items;
    await restoreAdvisories(writeDatabase(env), inForce, Date.now());
    expect(await changes()).toEqual(known);
  });

  test("goes on where it stopped, page by page, and from each single change", async () => {
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await release("@acme/hello", version);
    const whole = await changes();
    const walked: ChangePage["items"] = [];
    for (let cursor = "0", more = true; more;) {
      const page = await changes(`?after=${cursor}&limit=2`);
      walked.push(...page.items);
      ({ nextCursor: cursor, more } = page);
    }
    expect(walked).toEqual(whole.items);
    for (const [at, item] of whole.items.entries()) {
      expect((await changes(`?after=${item.cursor}`)).items).toEqual(whole.items.slice(at + 1));
    }
    const end = await changes(`?after=${whole.nextCursor}`);
    expect(end).toEqual({ items: [], nextCursor: whole.nextCursor, more: false });
  });

  test("takes a cursor as other lists do", async () => {
    await release("@acme/hello", "1.0.0");
    const { nextCursor, more } = await changes("?limit=1");
    expect(more).toBe(true);
    const next = await changes(`?after=${nextCursor}`);
    expect(await changes(`?cursor=${nextCursor}`)).toEqual(next);
    expect(await changes(`?cursor=${nextCursor}&after=${nextCursor}`)).toEqual(next);
    const answer = await call(`/v1/changes?after=0&cursor=${nextCursor}`);
    expect(await refusal(answer)).toEqual([400, "request_invalid"]);
  });

  test("only a full page may be kept for long", async () => {
    await release("@acme/hello", "1.0.0");
    const cacheOf = async (query: string) =>
      (await call(`/v1/changes${query}`)).headers.get("cache-control");
    expect(await cacheOf("?limit=1")).toBe("public, max-age=86400, immutable");
    expect(await cacheOf("")).toBe("public, max-age=5, stale-if-error=86400");
  });

  test("who has a page gets 304 until there is more of it", async () => {
    await release("@acme/hello", "1.0.0");
    for (const [query, isFull] of [
      ["?limit=1", true],
      ["", false],
    ] as const) {
      const etag = (await call(`/v1/changes${query}`)).headers.get("etag") ?? "";
      const again = () => call(`/v1/changes${query}`, { headers: { "If-None-Match": etag } });
      const answer = await again();
      expect([answer.status, await answer.text()]).toEqual([304, ""]);
      expect(answer.headers.get("etag")).toBe(etag);
      expect(answer.headers.get("cache-control")).toMatch(/^public/);
      await release("@acme/hello", isFull ? "1.1.0" : "1.2.0");
      expect((await again()).status).toBe(isFull ? 304 : 200);
    }
    const refused = await call("/v1/changes?after=x");
    expect(refused.headers.has("etag")).toBe(false);
  });

  test("does not tell what the log does not show yet", async () => {
    const before = await changes();
    await release("@acme/hello", "1.0.0");
    await env.DB.exec("UPDATE heads SET shown_log_size = shown_log_size - 1");
    expect(await changes()).toEqual(before);
    expect((await changes("?after=latest")).nextCursor).toBe(before.nextCursor);
  });

  test("reads a bounded number of rows however long the log is", async () => {
    const rows = JSON.stringify(Array.from({ length: 3_000 }, (_, at) => 1_000 + at));
    await env.DB.prepare(
      `INSERT INTO log_entries SELECT value,
         '{"type":"key-add","publisher":"acme","keyId":"' || printf('%064d', value) || '"}' FROM json_each(?)`,
    )
      .bind(rows)
      .run();
    const { bindings, count } = counting(env);
    const first = await changes("?limit=1");
    await call("/v1/changes", {}, bindings);
    count.rowsRead = 0;
    await call("/v1/changes?after=latest", {}, bindings);
    expect(count.rowsRead).toBeLessThanOrEqual(310);
    count.rowsRead = 0;
    await call(`/v1/changes?after=${first.nextCursor}&limit=20`, {}, bindings);
    expect(count.rowsRead).toBeLessThanOrEqual(70);
  });

  test("a database that was set back and has other changes since refuses the cursors of before", async () => {
    await release("@acme/hello", "1.0.0");
    const known = await changes();
    const before = await snapshot();
    await send("PUT", "/v1/advisories/A-1", { body: advisory });
    await release("@acme/hello", "1.1.0");
    const lost = await changes(`?after=${known.nextCursor}`);
    expect(typesOf(lost)).toEqual(["advisory", "release"]);
    await restore(before);
    expect(await recoverAll()).toEqual([]);
    for (const { cursor } of lost.items) {
      expect(await refusal(await call(`/v1/changes?after=${cursor}`))).toEqual([
        410,
        "cursor_expired",
      ]);
    }
    expect(typesOf(await changes(`?after=${known.nextCursor}`))).toContain("release");
  });
});

test.each(["?after=x", "?cursor=x", "?after=1-zz", "?limit=0", "?limit=101", "?limit=x"])(
  "GET /v1/changes%s is refused",
  async (query) => {
    expect((await call(`/v1/changes${query}`)).status).toBe(400);
  },
);

describe("Atom feeds", () => {
  const HOSTILE = `</title><script>alert(1)</script>&lt;]]>`;

  beforeAll(async () => {
    await resetMarketplace();
    acme = await createAccount("acme");
    await release("@acme/hello", "0.9.0", { visibility: "private" });
    await release("@acme/hello", "2.0.0", {
      displayName: { en: "Greeter", de: "Grüßer" },
      description: HOSTILE,
    });
    await release("@acme/hello", "1.9.1", { categories: ["finance"] });
    await release("@acme/yanked", "1.0.0");
    await release("@acme/secret", "1.0.0", { visibility: "private" });
    await release("@acme/veiled", "1.0.0", { visibility: "unlisted" });
    await release("@acme/hiding", "1.0.0");
    await release("@acme/hiding", "1.1.0", { visibility: "private" });
    await send("POST", "/v1/plugins/@acme/yanked/versions/1.0.0/yank", { body: { reason: "x" } });
  });

  async function feed(path: string) {
    const answer = await call(path);
    expect([path, answer.status]).toEqual([path, 200]);
    expect(answer.headers.get("content-type")).toBe("application/atom+xml; charset=utf-8");
    const root = parseXml(await answer.text());
    expect(root).toMatchObject({
      name: "feed",
      attributes: { xmlns: "http://www.w3.org/2005/Atom" },
    });
    return { root, entries: elementsOf(root, "entry"), etag: answer.headers.get("etag") ?? "" };
  }

  const first = (element: Parameters<typeof elementsOf>[0], name: string) =>
    textOf(elementsOf(element, name)[0]);

  test.each(["/feed.atom", "/plugins/@acme/hello/feed.atom", "/publishers/acme/feed.atom"])(
    "%s holds public releases that are offered, the newest first",
    async (path) => {
      const { root, entries } = await feed(path);
      expect(entries.map((entry) => first(entry, "title"))).toEqual([
        "@acme/hello 1.9.1",
        "Greeter 2.0.0",
      ]);
      const links = elementsOf(root, "link").map(({ attributes }) => attributes);
      expect(links[0]).toMatchObject({
        rel: "self",
        href: `https://marketplace.test${path}?lang=en`,
      });
      expect(first(entries[1] ?? root, "summary")).toBe(HOSTILE);
      expect(elementsOf(entries[0] ?? root, "category")[0]?.attributes).toEqual({
        term: "finance",
      });
      const ids = elementsOf(root, "id").map((id) => textOf(id));
      expect(new Set(ids).size).toBe(3);
      for (const id of ids) expect(id).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
      const times = elementsOf(root, "updated").map((time) => textOf(time));
      expect(times[0]).toBe(times[1]);
      for (const time of times) expect(new Date(time).toISOString()).toBe(time);
    },
  );

  test("an entry has one id in all feeds, in both languages and on another host", async () => {
    const ids = async (url: string) => {
      const entries = elementsOf(parseXml(await (await call(url)).text()), "entry");
      return entries.map((entry) => first(entry, "id"));
    };
    const known = await ids("/feed.atom");
    expect(await ids("/publishers/acme/feed.atom?lang=de")).toEqual(known);
    expect(await ids("https://other.test/plugins/@acme/hello/feed.atom")).toEqual(known);
  });

  test("is German where that is asked for", async () => {
    const { root, entries } = await feed("/feed.atom?lang=de");
    expect(root.attributes["xml:lang"]).toBe("de");
    expect(entries.map((entry) => first(entry, "title"))).toContain("Grüßer 2.0.0");
  });

  test("who has it gets 304 until something is released", async () => {
    const { etag } = await feed("/feed.atom");
    const again = () => call("/feed.atom", { headers: { "If-None-Match": etag } });
    const answer = await again();
    expect([answer.status, await answer.text()]).toEqual([304, ""]);
    expect(answer.headers.get("cache-control")).toMatch(/^public/);
    await release("@acme/later", "1.0.0");
    expect((await again()).status).toBe(200);
  });

  test.each([
    "/plugins/@acme/secret/feed.atom",
    "/plugins/@acme/veiled/feed.atom",
    "/plugins/@acme/nothing/feed.atom",
    "/plugins/@acme/hiding/feed.atom",
    "/publishers/nobody/feed.atom",
  ])("%s is not there", async (path) => {
    expect((await call(path)).status).toBe(404);
  });

  test("private releases, however many, do not push others out of the feed of all", async () => {
    const { entries } = await feed("/feed.atom");
    const versions = Array.from({ length: 60 }, (_, at) => `1.0.${at + 1}`);
    await copyVersions("@acme/secret", versions);
    await copyVersions("@acme/hiding", versions);
    expect((await feed("/feed.atom")).entries).toHaveLength(entries.length);
    const { bindings, count } = counting(env);
    await call("/feed.atom", {}, bindings);
    count.rowsRead = 0;
    await call("/feed.atom", {}, bindings);
    expect(count.rowsRead).toBeLessThan(700);
    await env.DB.prepare(
      "DELETE FROM versions WHERE version LIKE '1.0.%' AND version <> '1.0.0'",
    ).run();
  });

  test("reads a bounded number of rows", async () => {
    const { bindings, count } = counting(env);
    await call("/feed.atom", {}, bindings);
    for (const path of [
      "/feed.atom",
      "/plugins/@acme/hello/feed.atom",
      "/publishers/acme/feed.atom",
    ]) {
      count.rowsRead = 0;
      await call(path, {}, bindings);
      expect([path, count.rowsRead <= 100]).toEqual([path, true]);
    }
  });
});
