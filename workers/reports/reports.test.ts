import { env } from "cloudflare:workers";
import {
  reportPageSchema,
  reportResultSchema,
  resolvedReportPageSchema,
} from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { listPlugins } from "../beacons/sample-report.ts";
import type { Bindings } from "../env.ts";
import { forgetNetworks } from "../network-days.ts";
import { holderOf, review } from "../reviews/sample-review.ts";
import { failingAt } from "../testing-bindings.ts";
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

const PLUGIN = "@acme/hello";
const REPORTS = `/v1/plugins/${PLUGIN}/reports`;
const said = { reason: "privacy", text: "It sends\r\naddresses", contact: "me@example.test" };
let acme: Account;
let globex: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  globex = await createAccount("globex");
  for (const [name, visibility] of [
    [PLUGIN, "public"],
    ["@acme/secret", "private"],
  ] as const) {
    const bundle = await buildBundle(acme.key, { name, visibility });
    await publish({ name, version: "1.0.0" }, bundle, acme);
  }
});

beforeEach(async () => {
  const tables = ["reports", "network_days", "audit WHERE action LIKE 'report.%'"];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
});

afterEach(() => {
  vi.useRealTimers();
});

interface From {
  readonly address?: string;
  readonly plugin?: string;
  readonly bindings?: Bindings;
}

function report(body: object, { address, plugin = PLUGIN, bindings = env }: From = {}) {
  const headers = {
    "Content-Type": "application/json",
    ...(address === undefined ? {} : { "CF-Connecting-IP": address }),
  };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  return call(`/v1/plugins/${plugin}/reports`, init, bindings);
}

async function idOf(answer: Response): Promise<string> {
  return reportResultSchema.parse(await answer.json()).reportId;
}

async function queue(query = "") {
  return reportPageSchema.parse(await (await send("GET", `/v1/reports?${query}`)).json());
}

async function deeds(): Promise<unknown[]> {
  const text = "SELECT action FROM audit WHERE action LIKE 'report.%' ORDER BY id";
  return (await env.DB.prepare(text).all()).results.map(({ action }) => action);
}

describe("a report", () => {
  test("comes into the administrator's queue once, however often it is sent on that day", async () => {
    const address = "203.0.113.7";
    const first = await report(said, { address });
    expect(first.status).toBe(202);
    const reportId = await idOf(first);
    expect(await idOf(await report(said, { address }))).toBe(reportId);
    const { items } = await queue();
    expect(items).toMatchObject([
      { reportId, plugin: PLUGIN, ...said, text: "It sends\naddresses", resolvedAt: null },
    ]);
    expect(await deeds()).toEqual(["report.make"]);
    const stored = await env.DB.prepare("SELECT * FROM reports").first();
    expect(JSON.stringify(stored)).not.toContain(address);
  });

  test("says nothing of the network it came from two days later", async () => {
    const now = Date.parse("2026-11-23T00:01:00Z");
    vi.useFakeTimers({ toFake: ["Date"], now });
    const address = "203.0.113.7";
    const first = await idOf(await report(said, { address }));
    const remembered = async () => {
      await forgetNetworks(drizzle(env.DB), Date.now(), 10);
      return env.DB.prepare("SELECT once FROM reports").first("once");
    };
    vi.setSystemTime(now + DAY_MS);
    expect(await remembered()).toMatch(/^2026-11-23 /);
    vi.setSystemTime(now + 2 * DAY_MS);
    expect(await remembered()).toBeNull();
    // With the same clock, key and words nobody finds it by its id either.
    vi.setSystemTime(now);
    expect(await idOf(await report(said, { address }))).not.toBe(first);
    expect(Object.keys((await queue()).items[0] ?? {})).not.toContain("once");
  });

  test("names a version and a review that everybody sees", async () => {
    const { id: reviewId } = await review(PLUGIN, { rating: 1 }, await holderOf(PLUGIN));
    const spam = { reason: "review", reviewId };
    expect((await report({ ...spam, version: "1.0.0" })).status).toBe(202);
    const wrong = [{ version: "9.9.9" }, { reviewId: crypto.randomUUID() }];
    for (const more of wrong) {
      expect(await refusal(await report({ ...said, ...more }))).toEqual([400, "request_invalid"]);
    }
    await listPlugins(acme, [PLUGIN], { version: "3.0.0" });
    await env.DB.batch([
      env.DB.prepare("UPDATE versions SET status = 'in_review' WHERE version = '3.0.0'"),
      env.DB.prepare("UPDATE reviews SET deleted_at = 1 WHERE id = ?").bind(reviewId),
    ]);
    for (const more of [{ version: "3.0.0" }, { reviewId }]) {
      expect(await refusal(await report({ ...said, ...more }))).toEqual([400, "request_invalid"]);
    }
    expect((await queue()).items).toHaveLength(1);
  });

  test.each<[string, object, [number, string]]>([
    ["no reason", { text: "x" }, [400, "request_invalid"]],
    ["another reason", { reason: "dull" }, [400, "request_invalid"]],
    ["a text that is too long", { ...said, text: "x".repeat(2_001) }, [400, "request_invalid"]],
    ["a contact of two lines", { ...said, contact: "a\nb" }, [400, "request_invalid"]],
    ["an unknown member", { ...said, plugin: "@a/b" }, [400, "request_invalid"]],
    ["too many bytes", { ...said, text: "x".repeat(70_000) }, [413, "limit_body"]],
  ])("with %s is refused", async (_, body, expected) => {
    expect(await refusal(await report(body))).toEqual(expected);
    expect(await deeds()).toEqual([]);
  });

  test.each(["@acme/none", "@acme/secret"])("about %s finds no plugin", async (plugin) => {
    expect(await refusal(await report(said, { plugin }))).toEqual([404, "plugin_not_found"]);
  });
});

const DAY_MS = 86_400_000;

test("a network makes exactly ten reports a day, also when it makes all of them at once", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-23T18:00:00.000Z") });
  const many = Array.from({ length: 25 }, (_, at) => ({ ...said, text: `Number ${at}` }));
  const send25 = (address: string) => Promise.all(many.map((body) => report(body, { address })));
  const answers = await send25("203.0.113.7");
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(10);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(15);
  expect(refused[0]?.headers.get("retry-after")).toBe(String(6 * 3_600));
  expect((await queue()).items).toHaveLength(10);
  expect(await deeds()).toHaveLength(10);
  // What was taken can be sent again; what was not cannot.
  const again = await send25("203.0.113.7");
  expect(again.filter(({ status }) => status === 202)).toHaveLength(10);
  expect((await report(said, { address: "198.51.100.1" })).status).toBe(202);
  const takenFrom = async (address: string, from: number) => {
    const own = many.slice(from, from + 10);
    const answers = await Promise.all(own.map((body) => report(body, { address })));
    return answers.filter(({ status }) => status === 202).length;
  };
  expect(await takenFrom("2001:db8:1::1", 0)).toBe(10);
  expect(await takenFrom("2001:db8:1::ffff:2", 10)).toBe(0);
});

describe("POST /v1/reports/{id}/resolve", () => {
  const resolution = { action: "yanked", note: "The publisher was asked to remove it" };

  test("ends a report once, forgets the contact and tells the publisher without what was written", async () => {
    const reportId = await idOf(await report(said));
    const resolve = (body: object) => send("POST", `/v1/reports/${reportId}/resolve`, { body });
    expect((await resolve(resolution)).status).toBe(200);
    expect(await (await resolve(resolution)).json()).toMatchObject({
      ...resolution,
      contact: null,
    });
    const otherwise = await resolve({ action: "none" });
    expect(await refusal(otherwise)).toEqual([409, "conflict_state"]);
    expect(await deeds()).toEqual(["report.make", "report.resolve"]);
    expect((await queue()).items).toEqual([]);
    expect((await queue("state=resolved")).items).toMatchObject([{ reportId, ...resolution }]);
    const told = await (await send("GET", REPORTS, { token: acme.token })).text();
    expect(resolvedReportPageSchema.parse(JSON.parse(told)).items).toMatchObject([
      { reportId, reason: "privacy", ...resolution },
    ]);
    for (const secret of ["addresses", "example.test"]) expect(told).not.toContain(secret);
    expect(await refusal(await send("GET", REPORTS, { token: globex.token }))).toEqual([
      403,
      "auth_scope",
    ]);
  });

  test("does not tell the publisher of open ones, and knows no others", async () => {
    await report(said);
    const told = await send("GET", REPORTS, { token: acme.token });
    expect(await told.json()).toEqual({ items: [], nextCursor: null });
    const path = `/v1/reports/${crypto.randomUUID()}/resolve`;
    expect(await refusal(await send("POST", path, { body: resolution }))).toEqual([
      404,
      "not_found",
    ]);
  });
});

test("the queue is paged, the oldest first and the newest resolved first", async () => {
  const ids: string[] = [];
  for (let at = 0; at < 5; at++) {
    ids.push(await idOf(await report({ ...said, text: `Number ${at}` })));
    await env.DB.prepare("UPDATE reports SET created_at = ? WHERE id = ?").bind(at, ids[at]).run();
  }
  const walk = async (query: string) => {
    const found: string[] = [];
    for (let cursor = ""; ;) {
      const page = await queue(`${query}&limit=2${cursor}`);
      found.push(...page.items.map(({ reportId }) => reportId));
      if (page.nextCursor === null) return found;
      cursor = `&cursor=${page.nextCursor}`;
    }
  };
  expect(await walk("state=open")).toEqual(ids);
  await env.DB.prepare("UPDATE reports SET action = 'none', resolved_at = created_at").run();
  expect(await walk("state=resolved")).toEqual(ids.toReversed());
});

for (const fault of ["failed", "failed but stored"] as const) {
  test(`a report whose write ${fault} is stored and counted once by the same request again`, async () => {
    const address = "203.0.113.9";
    for (let nth = 1; ; nth++) {
      const body = { ...said, text: `Try ${nth}` };
      const { bindings, hit } = failingAt(env, nth, fault);
      await report(body, { address, bindings });
      if (!hit()) return expect(nth).toBeGreaterThan(1);
      expect((await report(body, { address })).status).toBe(202);
      expect((await queue()).items).toHaveLength(nth);
      expect(await env.DB.prepare("SELECT reports FROM network_days").first("reports")).toBe(nth);
    }
  });
}
