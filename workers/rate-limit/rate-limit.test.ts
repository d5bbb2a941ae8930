import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Bindings } from "../env.ts";
import { counting } from "../testing-bindings.ts";
import { call, resetMarketplace } from "../testing.ts";

/** As in wrangler.toml. */
const SEARCHES = 60;

beforeAll(resetMarketplace);

let networks = 0;

/** An address of a network that no other test counts under. */
const newAddress = () => `2001:db8:${Date.now().toString(16).slice(-4)}:${networks++}::1`;

async function flood(path: string, init: RequestInit, times: number): Promise<Response[]> {
  const answers: Response[] = [];
  for (let at = 0; at < times; at++) answers.push(await call(path, init));
  return answers;
}

const from = (address: string): RequestInit => ({ headers: { "CF-Connecting-IP": address } });

describe("a flood of searches", () => {
  test("from one network is cut off with 429 and Retry-After", async () => {
    const address = newAddress();
    // A window may end on the way: the next one takes no more than as many again.
    const answers = await flood("/v1/plugins?q=x", from(address), 2 * SEARCHES + 1);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.slice(0, SEARCHES)).toEqual(Array(SEARCHES).fill(200));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.status).toBe(429);
    expect(refused?.headers.get("retry-after")).toBe("60");
    const requestId = refused?.headers.get("request-id");
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await refused?.json()).toMatchObject({ code: "limit_rate", requestId });
  });

  test("leaves other networks, browsing and the static plane alone", async () => {
    const address = newAddress();
    await flood("/v1/plugins?q=x", from(address), SEARCHES + 1);
    for (const path of ["/v1/plugins", "/", "/log/checkpoint", "/health", "/robots.txt"]) {
      expect([path, (await call(path, from(address))).status]).not.toEqual([path, 429]);
    }
    expect((await call("/v1/plugins?q=x", from(newAddress()))).status).toBe(200);
    expect((await call("/v1/plugins?q=x")).status).toBe(200);
  });
});

describe("limits are counted by", () => {
  /** Bindings that refuse everybody, and tell under which keys they were asked. */
  function refusing(more: Partial<Bindings> = {}) {
    const keys: string[] = [];
    const limit = (name: string) => ({
      limit: async ({ key = "" }: { key?: string }) => {
        keys.push(`${name} ${key}`);
        return { success: false };
      },
    });
    const bindings = {
      ...env,
      RATE_BROWSE: limit("browse"),
      RATE_SEARCH: limit("search"),
      RATE_WRITE: limit("write"),
      RATE_BEACON: limit("beacon"),
      ...more,
    };
    return { bindings, keys };
  }

  test("class and network, 64 bits of an IPv6 address, before a database is asked", async () => {
    const { bindings: unasked, keys } = refusing();
    const { bindings, count } = counting(unasked);
    const paths = ["/v1/plugins", "/v1/plugins?q=x", "/v1/changes"];
    for (const path of paths) {
      expect((await call(path, from("2001:db8:1:2:3::4"), bindings)).status).toBe(429);
    }
    const post = { method: "POST", ...from("192.0.2.1") };
    for (const path of ["/v1/leases", "/v1/beacons", "/licenses/verify"]) {
      expect((await call(path, post, bindings)).status).toBe(429);
    }
    expect(count.queries).toBe(0);
    const ipv6 = "2001:db8:1:2";
    expect(keys).toEqual([
      `browse ${ipv6}`,
      `search ${ipv6}`,
      `browse ${ipv6}`,
      "write 192.0.2.1",
      "beacon 192.0.2.1",
      "write 192.0.2.1",
    ]);
  });

  test("nothing for a bundle, however its scope is written", async () => {
    const { bindings, keys } = refusing();
    for (const scope of ["@acme", "%40acme"]) {
      const answer = await call(`/${scope}/none/1.0.0/bundle.rbsm`, from("192.0.2.1"), bindings);
      expect(answer.status).toBe(404);
    }
    expect(keys).toEqual([]);
  });

  test("the /48 around it too, for what the /64 may do", async () => {
    const asked: string[] = [];
    const limit = (name: string, success: boolean) => ({
      limit: async ({ key = "" }: { key?: string }) => {
        asked.push(`${name} ${key}`);
        return { success };
      },
    });
    const free = { RATE_SEARCH: limit("narrow", true), RATE_BROWSE: limit("narrow", true) };
    const wide = { RATE_WIDE: limit("wide", false), RATE_WIDE_BROWSE: limit("wide browse", false) };
    const { bindings } = refusing({ ...free, ...wide });
    for (const path of ["/v1/plugins?q=x", "/v1/plugins"]) {
      expect((await call(path, from("2001:db8:1:2::4"), bindings)).status).toBe(429);
    }
    expect((await call("/v1/plugins?q=x", from("192.0.2.1"), bindings)).status).toBe(200);
    expect(asked).toEqual([
      "narrow 2001:db8:1:2",
      "wide search 2001:db8:1",
      "narrow 2001:db8:1:2",
      "wide browse browse 2001:db8:1",
      "narrow 192.0.2.1",
    ]);
  });

  test("nobody for the administrator; a wrong token is no way past them", async () => {
    const { bindings } = refusing();
    const asked = async (token: string) => {
      const headers = { "CF-Connecting-IP": "192.0.2.1", Authorization: `Bearer ${token}` };
      return (await call("/v1/review-queue", { headers }, bindings)).status;
    };
    expect(await asked(env.ADMIN_TOKEN)).toBe(200);
    expect(await asked("rbsm_pat_guess")).toBe(429);
  });

  test("nobody where there are no bindings, and where they fail", async () => {
    const broken = { limit: () => Promise.reject(new Error("away")) };
    const { RATE_BROWSE: _, ...unbound } = env;
    // Other addresses: of one that was answered before, a copy is kept for when something fails.
    for (const [limit, bindings] of [unbound, { ...env, RATE_BROWSE: broken }].entries()) {
      const answer = await call(`/v1/changes?limit=${limit + 7}`, from("192.0.2.1"), bindings);
      expect(answer.status).toBe(200);
    }
  });
});
