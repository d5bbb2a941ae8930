import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { RbsmError } from "@rising-bsm/protocol";
import { array, assert, constantFrom, property } from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { respond } from "../app.ts";
import type { Bindings } from "../env.ts";
import { advance } from "../log/advance.ts";
import { withMethods } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  ORIGIN,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";
import { isPageRequest, pageAddress } from "./page-address.ts";
import type { PageCache } from "./page-cache.ts";
import { purgePlugins, purgeWaiting } from "./purge-plugins.ts";
import { isWithdrawn, loadPurges, withWaiting, withWithdrawn } from "./purges.ts";

let acme: Account;
let bundlePath: string;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  for (const name of ["@acme/hello", "@acme/other"]) await release(name, "1.0.0");
  await release("@acme/hello", "1.0.0+build.1");
  const { bundle } = await (
    await call("/v1/plugins/@acme/hello/versions/1.0.0")
  ).json<{
    bundle: string;
  }>();
  bundlePath = new URL(bundle).pathname;
});

async function release(name: string, version: string, more: object = {}): Promise<void> {
  const bundle = await buildBundle(acme.key, { name, version, ...more });
  expect((await publish({ name, version }, bundle, acme)).status).toBe(201);
}

/** Bindings whose databases fail, now or when something has been waited for. */
function away(wait: Promise<unknown> = Promise.resolve()): Bindings {
  const refuse = async (): Promise<never> => {
    await wait;
    throw new Error("D1_ERROR: Network connection lost.");
  };
  const statement = { bind: () => statement, all: refuse, first: refuse, run: refuse, raw: refuse };
  const broken = { prepare: () => statement, batch: refuse, withSession: () => broken };
  const database = (of: D1Database) =>
    new Proxy(of, { get: (_, name) => Reflect.get({ ...broken, exec: refuse }, name) });
  return { ...env, DB: database(env.DB), SEARCH: database(env.SEARCH) };
}

/** A request while the databases stall, which fail once it is answered. */
async function callStalled(path: string, headers: Record<string, string>): Promise<Response> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const context = createExecutionContext();
  const request = new Request(new URL(path, ORIGIN), { headers });
  const answer = await respond(request, away(promise), context);
  resolve();
  await waitOnExecutionContext(context);
  return answer;
}

const PAGES = [
  "/v1/plugins?sort=new",
  "/v1/plugins?q=hello",
  "/v1/plugins/@acme/hello",
  "/v1/plugins/@acme/hello/versions",
  "/v1/plugins/@acme/hello/versions/1.0.0%2Bbuild.1",
  "/?lang=de",
  "/",
  "/plugins/@acme/hello",
];

describe("while the databases fail", () => {
  test.each(PAGES)("%s is answered as it was, and says so", async (path) => {
    const before = await call(path);
    const text = await before.text();
    const answer = await call(path, {}, away());
    expect([answer.status, await answer.text()]).toEqual([200, text]);
    expect(answer.headers.get("Cache-Status")).toBe("rising-bsm; fwd=stale; fwd-status=503");
    expect(answer.headers.get("Age")).toMatch(/^\d+$/);
    for (const name of ["Content-Type", "Cache-Control", "Content-Security-Policy"]) {
      expect(answer.headers.get(name)).toBe(before.headers.get(name));
    }
    const head = await call(path, { method: "HEAD" }, away());
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("a page without a copy is refused with the time to come again", async () => {
    const answer = await call("/v1/plugins?q=never-asked", {}, away());
    expect(answer.headers.get("Retry-After")).toBe("30");
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(await refusal(answer)).toEqual([503, "unavailable"]);
  });

  test("who shows a token is not answered from what others were", async () => {
    await call("/v1/plugins/@acme/hello");
    const answer = await send("GET", "/v1/plugins/@acme/hello", { bindings: away() });
    expect(await refusal(answer)).toEqual([503, "unavailable"]);
  });

  test("each language has its copy", async () => {
    for (const language of ["de", "en"]) {
      const init = { headers: { "Accept-Language": language } };
      await call("/?sort=new", init);
      const answer = await call("/?sort=new", init, away());
      expect(answer.headers.get("Content-Language")).toBe(language);
    }
  });

  test("bundles, documents and what updates are found by are served", async () => {
    for (const path of [bundlePath, "/index/@acme/hello.json", "/log/checkpoint", "/health"]) {
      expect((await call(path, {}, away())).status).toBe(200);
    }
  });

  test("who has a feed already is not sent it again", async () => {
    const etag = (await call("/feed.atom")).headers.get("ETag") ?? "";
    for (const [condition, status] of [
      [etag, 304],
      ['"other"', 200],
    ] as const) {
      const answer = await call("/feed.atom", { headers: { "If-None-Match": condition } }, away());
      expect([answer.status, (await answer.text()) === ""]).toEqual([status, status === 304]);
      expect(answer.headers.get("ETag")).toBe(etag);
    }
  });

  test("a write is refused, not answered with an error of ours", async () => {
    const answer = await send("POST", "/v1/scopes", {
      body: { scope: "@acme2", publisher: "acme" },
      bindings: away(),
    });
    expect(await refusal(answer)).toEqual([503, "unavailable"]);
  });
});

describe("while the databases stall", () => {
  test.each([
    ["that is too long to be kept", `/v1/plugins?q=${"x".repeat(3_000)}`, {}],
    ["that is escaped where it need not be", "/v1/plugins/@%61cme/hello", {}],
    ["of one publisher", "/v1/plugins/@acme/hello", { Authorization: `Bearer ${env.ADMIN_TOKEN}` }],
    ["of one instance", "/v1/plugins/@acme/hello/reviews", { "Rbsm-Proof": "a.b.c" }],
  ])(
    "an answer %s is refused in time too",
    async (_, path, headers) => {
      const answer = await callStalled(path, headers);
      expect(answer.headers.get("Retry-After")).toBe("30");
      expect(await refusal(answer)).toEqual([503, "unavailable"]);
    },
    5_000,
  );
});

describe("what was taken down", () => {
  const stale = async (path: string) => (await call(path, {}, away())).status;

  test("is not answered from copies any more, neither on its page nor in lists", async () => {
    await release("@acme/bad", "1.0.0");
    const paths = ["/v1/plugins/@acme/bad", "/plugins/@acme/bad?lang=en"];
    for (const path of [...paths, "/v1/plugins/@acme/other"])
      expect((await call(path)).status).toBe(200);
    const path = "/v1/plugins/@acme/bad/versions/1.0.0/yank";
    expect((await send("POST", path, { body: { reason: "it is broken" } })).status).toBe(200);
    expect(Object.keys((await loadPurges(env.PRIVATE)).withdrawn)).toContain("@acme/bad");
    for (const of of paths) expect([of, await stale(of)]).toEqual([of, 503]);
    expect(await stale("/v1/plugins/@acme/other")).toBe(200);
    for (const of of paths) expect((await call(of)).status).toBe(200);
    for (const of of paths) expect(await stale(of)).toBe(200);
  });

  test("is not named any more by pages of what it needs", async () => {
    await release("@acme/needy", "1.0.0", { dependencies: { "@acme/other": "^1.0.0" } });
    const paths = ["/v1/plugins/@acme/other", "/plugins/@acme/other"].flatMap((of) => [
      of,
      `${of}/dependents`,
    ]);
    for (const of of paths) expect(await (await call(of)).text()).toContain("@acme/needy");
    const path = "/v1/plugins/@acme/needy/versions/1.0.0/yank";
    expect((await send("POST", path, { body: { reason: "spam" } })).status).toBe(200);
    for (const of of paths) expect([of, await stale(of)]).toEqual([of, 503]);
  });

  test("is that a publisher is verified, too", async () => {
    const mark = (verified: boolean) =>
      send("PUT", "/v1/publishers/acme/verified", { body: { verified } });
    const paths = ["/v1/plugins?verified=true", "/plugins/@acme/hello?lang=en"];
    const answers = async () => {
      for (const path of paths) expect((await call(path)).status).toBe(200);
      return Promise.all(paths.map(stale));
    };
    expect((await mark(true)).status).toBe(200);
    expect(await answers()).toEqual([200, 200]);
    expect((await mark(false)).status).toBe(200);
    expect(await Promise.all(paths.map(stale))).toEqual([503, 503]);
    expect(await answers()).toEqual([200, 200]);
  });

  test("an ordinary release keeps copies, and stores nothing", async () => {
    const before = await env.PRIVATE.head("purges.json");
    await call("/v1/plugins/@acme/other");
    await release("@acme/other", "1.1.0");
    expect((await env.PRIVATE.head("purges.json"))?.etag).toBe(before?.etag);
    expect(await stale("/v1/plugins/@acme/other")).toBe(200);
  });

  test("is not answered from lists either while its row of search cannot be removed", async () => {
    await release("@acme/worst", "1.0.0");
    const list = "/v1/plugins?q=worst";
    expect(await (await call(list)).text()).toContain("@acme/worst");
    const { SEARCH } = away();
    const path = "/v1/plugins/@acme/worst/versions/1.0.0/yank";
    const body = { reason: "it is malware" };
    await send("POST", path, { body, bindings: { ...env, SEARCH } });
    expect(await stale(list)).toBe(503);
    await advance(env);
  });
});

describe("the cache in front", () => {
  let asked: string[][];
  let accepts: number;
  const front: PageCache = {
    isBehindCache: true,
    find: async () => null,
    keep: async () => {},
    purge: async (tags) => {
      if (asked.length >= accepts) return false;
      asked.push([...tags]);
      return true;
    },
  };
  const changed = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ plugin: `@acme/p${at}`, isWithdrawn: false }));

  beforeEach(async () => {
    asked = [];
    accepts = Infinity;
    await env.PRIVATE.delete("purges.json");
  });

  test("is purged by tag, a hundred in a request, and nothing is stored", async () => {
    await purgePlugins(env, changed(150), front);
    expect(asked.map((tags) => tags.length)).toEqual([100, 50]);
    expect(asked[0]?.[0]).toBe("plugin:@acme/p0");
    expect(await env.PRIVATE.head("purges.json")).toBeNull();
  });

  test("what it does not take now is purged by the cron, each once", async () => {
    accepts = 0;
    await purgePlugins(env, changed(2), front);
    await purgePlugins(env, changed(650), front);
    expect((await loadPurges(env.PRIVATE)).waiting).toHaveLength(650);
    await purgeWaiting(env, front);
    expect((await loadPurges(env.PRIVATE)).waiting).toHaveLength(650);
    accepts = Infinity;
    await purgeWaiting(env, front);
    expect(asked).toHaveLength(5);
    expect((await loadPurges(env.PRIVATE)).waiting).toHaveLength(150);
    await purgeWaiting(env, front);
    expect(new Set(asked.flat()).size).toBe(650);
    expect((await loadPurges(env.PRIVATE)).waiting).toEqual([]);
    await purgeWaiting(env, front);
    expect(asked).toHaveLength(7);
  });

  test("a bucket that refuses one write is asked again, and one that refuses all is said", async () => {
    const failing = (until: number) => {
      let puts = 0;
      const put = async (...args: Parameters<R2Bucket["put"]>) => {
        puts += 1;
        if (puts <= until) throw new Error("put: Reduce your concurrent request rate (10058)");
        return env.PRIVATE.put(...args);
      };
      return { ...env, PRIVATE: withMethods(env.PRIVATE, { put }) };
    };
    const yanked = [{ plugin: "@acme/p", isWithdrawn: true }];
    await purgePlugins(failing(1), yanked, front);
    expect(Object.keys((await loadPurges(env.PRIVATE)).withdrawn)).toEqual(["@acme/p"]);
    await expect(purgePlugins(failing(Infinity), yanked, front)).rejects.toThrow(RbsmError);
  });
});

describe("what is stored of purges", () => {
  const NONE = { withdrawn: {}, before: 0, waiting: [] };
  const DAY_MS = 86_400_000;

  test("a copy is withdrawn by its tags alone, from the moment of the takedown back", () => {
    const purges = withWithdrawn(NONE, ["@acme/bad"], 1_000);
    const kept = (at: number, tags: string) => ({
      at,
      text: "",
      headers: [["cache-tag", tags] as const],
    });
    expect(isWithdrawn(kept(1_000, "plugin:@acme/good,plugin:@acme/bad"), purges)).toBe(true);
    expect(isWithdrawn(kept(1_001, "plugin:@acme/bad"), purges)).toBe(false);
    expect(isWithdrawn(kept(900, "plugin:@acme/bad-not"), purges)).toBe(false);
    expect(isWithdrawn({ at: 900, text: "", headers: [] }, purges)).toBe(false);
  });

  test("it stays small: what no copy is older than is forgotten, and very many are one of all", () => {
    const old = withWithdrawn(NONE, ["@acme/old"], 1_000);
    expect(withWithdrawn(old, ["@acme/new"], 1_000 + DAY_MS).withdrawn).toEqual({
      "@acme/new": 1_000 + DAY_MS,
    });
    const many = Array.from({ length: 1_001 }, (_, at) => `@acme/p${at}`);
    expect(withWithdrawn(old, many, 5_000)).toEqual({ withdrawn: {}, before: 5_000, waiting: [] });
    expect(isWithdrawn({ at: 5_000, text: "", headers: [] }, { ...NONE, before: 5_000 })).toBe(
      true,
    );
  });

  test("any order of takedowns and waits keeps each plugin once", () => {
    const name = constantFrom("@a/1", "@a/2", "@a/3");
    assert(
      property(array(array(name)), (lists) => {
        const purges = lists.reduce(withWaiting, { ...NONE });
        expect(purges.waiting.toSorted()).toEqual([...new Set(lists.flat())].toSorted());
      }),
    );
  });
});

describe("an address", () => {
  const of = (path: string, headers: Record<string, string> = {}) =>
    new Request(`https://marketplace.test${path}`, { headers });

  test("is the same for the same parameters, and never too long", () => {
    expect(pageAddress(of("/v1/plugins?sort=new&q=a"))).toBe(
      pageAddress(of("/v1/plugins?q=a&sort=new")),
    );
    expect(pageAddress(of("/?q=a"))).not.toBe(pageAddress(of("/?q=b")));
    expect(pageAddress(of(`/?q=${"x".repeat(3_000)}`))).toBeNull();
    expect(pageAddress(of("/", { "Accept-Language": "de" }))).not.toBe(pageAddress(of("/")));
    expect(pageAddress(of("/plugins/%40a/b"))).toBe(pageAddress(of("/plugins/@a/b")));
    expect(pageAddress(of("/plugins/@%61/b"))).toBeNull();
    for (const escaped of ["%2B", "%2b"]) {
      const [path, same] = [escaped, "+"].map((sign) => `/v1/plugins/@a/b/versions/1.0.0${sign}c`);
      expect(pageAddress(of(path ?? ""))).toBe(pageAddress(of(same ?? "")));
    }
  });

  test.each([
    ["/v1/plugins", true],
    ["/v1/plugins/@a/b/versions", true],
    ["/plugins/@a/b", true],
    ["/plugins/%40a/b", true],
    ["/feed.atom", true],
    ["/v1/advisories/osv.json", true],
    ["/v1/advisories", false],
    ["/v1/publishers/a/keys", false],
    ["/v1/pluginsx", false],
    ["/b/x.rbsm", false],
    ["/tuf/timestamp.json", false],
    ["/v1/orders/1", false],
    ["/orders/1", false],
    ["/plugins/some-id", false],
  ])("%s is one of a page: %s", (path, expected) => {
    expect(isPageRequest(of(path))).toBe(expected);
    for (const name of ["Authorization", "Rbsm-Proof"]) {
      expect(isPageRequest(of(path, { [name]: "x" }))).toBe(expected);
      expect(pageAddress(of(path, { [name]: "x" }))).toBeNull();
    }
  });
});
