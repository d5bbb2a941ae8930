import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { withMethods } from "../testing-bindings.ts";
import { ORIGIN, refusal } from "../testing.ts";
import type { KeptPage, PageCache } from "./page-cache.ts";
import { keepPages } from "./serve-page.ts";
import { watchStall } from "./watch-stall.ts";

const NEVER = 60_000;
const PUBLIC = { "Cache-Control": "public, max-age=60", "Cache-Tag": "plugin:@acme/hello" };
const page = (text: string) => new Response(text, { headers: PUBLIC });
const refused = () => new Response("away", { status: 503 });

/** A cache in memory, that may stand in front of the Worker. */
function cacheWith(kept: Record<string, string> = {}, isBehindCache = false) {
  const pages = new Map<string, KeptPage>();
  const found: string[] = [];
  const cache: PageCache = {
    isBehindCache,
    async find(address) {
      const path = new URL(address).pathname.replace("/kept-page/en", "");
      found.push(path);
      const text = kept[path];
      return text === undefined ? null : { at: Date.now(), headers: Object.entries(PUBLIC), text };
    },
    keep: async (address, one) => void pages.set(address, one),
    purge: async () => true,
  };
  return { cache, found, pages };
}

async function ask(serve: ReturnType<typeof keepPages>, path: string, init: RequestInit = {}) {
  const context = createExecutionContext();
  const answer = await serve(new Request(new URL(path, ORIGIN), init), bindings, context);
  return { answer, end: () => waitOnExecutionContext(context) };
}

/** Nothing was taken down. */
const bindings = { ...env, PRIVATE: withMethods(env.PRIVATE, { get: async () => null }) };

describe("a page that is late", () => {
  test("is answered with its copy, and kept when it comes", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { cache, pages } = cacheWith({ "/feed.atom": "old" });
    const patience = { look: 0, slow: 0, giveUp: NEVER };
    const { answer, end } = await ask(
      keepPages(() => promise, cache, patience),
      "/feed.atom",
    );
    expect(await answer.text()).toBe("old");
    expect(answer.headers.get("Cache-Status")).toBe("rising-bsm; fwd=stale");
    resolve(page("new"));
    await end();
    expect([...pages.values()].map(({ text }) => text)).toEqual(["new"]);
  });

  test("is waited for where there is no copy, and then refused", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { cache } = cacheWith();
    const waiting = { look: 0, slow: 0, giveUp: NEVER };
    const patient = ask(
      keepPages(() => promise, cache, waiting),
      "/v1/plugins?q=a",
    );
    const impatient = keepPages(() => promise, cache, { ...waiting, giveUp: 5 });
    const api = await ask(impatient, "/v1/plugins?q=a");
    expect(api.answer.headers.get("Retry-After")).toBe("30");
    expect(api.answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(await refusal(api.answer)).toEqual([503, "unavailable"]);
    const site = await ask(impatient, "/?q=a", { headers: { Accept: "text/html" } });
    expect([site.answer.status, site.answer.headers.get("Content-Type")]).toEqual([
      503,
      "text/html; charset=utf-8",
    ]);
    resolve(page("late"));
    expect(await (await patient).answer.text()).toBe("late");
  });

  test("has its copy looked for beside the wait", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { cache } = cacheWith({ "/feed.atom": "old" });
    const find = (address: string) => {
      resolve(page("new"));
      return cache.find(address);
    };
    const patience = { look: 0, slow: NEVER, giveUp: NEVER };
    const serve = keepPages(() => promise, { ...cache, find }, patience);
    expect(await (await ask(serve, "/feed.atom")).answer.text()).toBe("new");
  });
});

test("the copy of a page that fails at once may lie in a bucket that is slow", async () => {
  const { cache } = cacheWith({ "/feed.atom": "old" });
  const get = async (key: string) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return env.PRIVATE.get(key);
  };
  const slow = { ...env, PRIVATE: withMethods(env.PRIVATE, { get }) };
  const patience = { look: 0, slow: NEVER, giveUp: NEVER };
  const serve = keepPages(async () => refused(), cache, patience);
  const request = new Request(new URL("/feed.atom", ORIGIN));
  const answer = await serve(request, slow, createExecutionContext());
  expect(await answer.text()).toBe("old");
  expect(answer.headers.get("Cache-Status")).toBe("rising-bsm; fwd=stale; fwd-status=503");
});

describe("a database that stalls", () => {
  test("is asked no more for what has a copy, until it answers", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { cache } = cacheWith({ "/feed.atom": "old" });
    let asked = 0;
    const serve = keepPages(
      async () => {
        asked += 1;
        return (await promise).clone();
      },
      cache,
      { look: 0, slow: 5, giveUp: 6 },
    );
    const ends = [];
    for (const path of ["/a.atom", "/b.atom", "/c.atom", "/feed.atom", "/d.atom"]) {
      ends.push((await ask(serve, path)).end);
    }
    expect(asked).toBe(4);
    resolve(page("new"));
    for (const end of ends) await end();
    await ask(serve, "/feed.atom");
    expect(asked).toBe(5);
  });

  test("is one as long as the platform lets its requests run", () => {
    const stall = watchStall();
    for (let at = 0; at < 3; at++) stall.add(at, new Promise(() => {}));
    expect([2, 30_000, 30_001].map((now) => stall.isOn(now))).toEqual([true, false, false]);
  });
});

describe("tags", () => {
  const tagOf = async (path: string, { isBehindCache = false, init = {} }) => {
    const serve = keepPages(async () => page("text"), cacheWith({}, isBehindCache).cache);
    return (await ask(serve, path, init)).answer.headers.get("Cache-Tag");
  };
  const withToken = { headers: { Authorization: "Bearer x" } };

  test("are for a cache in front, whoever asks", async () => {
    for (const init of [{}, withToken]) {
      expect(await tagOf("/feed.atom", { init })).toBeNull();
      expect(await tagOf("/feed.atom", { init, isBehindCache: true })).toBe("plugin:@acme/hello");
    }
  });

  test("name the plugin of the path, escaped or not", async () => {
    for (const path of ["/plugins/@acme/bad/ratings", "/plugins/%40acme/bad/ratings"]) {
      expect(await tagOf(path, { isBehindCache: true })).toBe(
        "plugin:@acme/hello,plugin:@acme/bad",
      );
    }
  });
});
