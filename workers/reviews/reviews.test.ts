import { env } from "cloudflare:workers";
import { reviewPageSchema, reviewSchema, signProof, utf8 } from "@rising-bsm/protocol";
import type { ReviewInput } from "@rising-bsm/protocol";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { registerInstance, sendSigned } from "../licenses/sample-instance.ts";
import { activate } from "../licenses/sample-activation.ts";
import { issue, PLUGIN as PAID, publishPaidPlugin } from "../licenses/sample-plugin.ts";
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
import {
  holderOf,
  letMajorsPass,
  nextSecond,
  ownReviews,
  review,
  sendReview,
} from "./sample-review.ts";

const PLUGIN = "@acme/hello";
const REVIEWS = `/v1/plugins/${PLUGIN}/reviews`;
const said: ReviewInput = { rating: 4, title: "Works", text: "Two lines\nof text", language: "en" };
let acme: Account;
let globex: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  globex = await createAccount("globex");
  for (const version of ["1.0.0", "1.1.0", "2.0.0"]) await release(PLUGIN, version);
  await publishPaidPlugin(await createAccount("demo"));
});

beforeEach(async () => {
  const tables = ["reviews", "review_counts", "plugin_counts", "installations"];
  const actions = "DELETE FROM audit WHERE action LIKE 'review.%'";
  await env.DB.batch(
    [...tables.map((table) => `DELETE FROM ${table}`), actions].map((text) => env.DB.prepare(text)),
  );
});

async function release(name: string, version: string, more: object = {}): Promise<void> {
  const target = { name, version };
  const answer = await publish(target, await buildBundle(acme.key, { ...target, ...more }), acme);
  if (!answer.ok) throw new Error(await answer.text());
}

async function page(query = "") {
  return reviewPageSchema.parse(await (await call(`${REVIEWS}?${query}`)).json());
}

async function counted(plugin = PLUGIN) {
  return env.DB.prepare("SELECT ratings, stars, stale FROM plugin_counts WHERE plugin = ?")
    .bind(plugin)
    .first();
}

async function deeds(): Promise<unknown[]> {
  const rows = await env.DB.prepare(
    "SELECT action FROM audit WHERE action LIKE 'review.%' ORDER BY id",
  ).all();
  return rows.results.map(({ action }) => action);
}

/** Everything that a request about reviews can change. */
async function everything(): Promise<string> {
  const tables = ["reviews", "review_counts", "plugin_counts"].map((table) =>
    env.DB.prepare(`SELECT * FROM ${table}`).all(),
  );
  const results = (await Promise.all(tables)).map((table) => table.results);
  return JSON.stringify([results, await deeds()]);
}

describe("an instance that has had the plugin for a day", () => {
  test("reviews it, and everybody sees the review, the summary and nothing of the instance", async () => {
    const instance = await holderOf(PLUGIN);
    const stored = await review(PLUGIN, said, instance);
    expect(stored).toMatchObject({ ...said, version: "1.0.0", reply: null, hidden: null });
    const answer = await call(REVIEWS);
    expect(answer.headers.get("cache-control")).toMatch(/^public, max-age=60/);
    const text = await answer.text();
    expect(text).not.toContain(instance.id);
    expect(reviewPageSchema.parse(JSON.parse(text))).toEqual({
      summary: { ratings: 1, average: 4, histogram: [0, 0, 0, 1, 0] },
      items: [stored],
      nextCursor: null,
    });
    expect(await counted()).toEqual({ ratings: 1, stars: 4, stale: 1 });
    expect(await deeds()).toEqual(["review.put"]);
    const shown = await call(`${REVIEWS}/${stored.id}`);
    expect(reviewSchema.parse(await shown.json())).toEqual(stored);
  });

  test("edits it by reviewing again, and has another one for the next major version", async () => {
    const instance = await holderOf(PLUGIN);
    const first = await review(PLUGIN, said, instance);
    const edited = await review(PLUGIN, { rating: 1 }, instance);
    expect(edited).toMatchObject({
      id: first.id,
      rating: 1,
      title: "",
      createdAt: first.createdAt,
    });
    expect(await counted()).toEqual({ ratings: 1, stars: 1, stale: 1 });
    const other = { rating: 5, version: "2.0.0" };
    expect(await refusal(await sendReview(PLUGIN, other, instance))).toEqual([
      403,
      "auth_not_held",
    ]);
    await env.DB.prepare("UPDATE installations SET version = '2.0.0'").run();
    await letMajorsPass();
    const second = await review(PLUGIN, other, instance);
    expect(second.id).not.toBe(first.id);
    expect(await ownReviews(PLUGIN, instance.key)).toMatchObject([second, { id: edited.id }]);
    expect((await page()).summary.histogram).toEqual([1, 0, 0, 0, 1]);
  });

  test("takes it back, and may write it again", async () => {
    const instance = await holderOf(PLUGIN);
    const { id } = await review(PLUGIN, said, instance);
    const path = `${REVIEWS}/${id}`;
    const remove = () =>
      sendSigned(instance.key, path, { method: "DELETE", body: "", now: nextSecond() });
    for (let times = 0; times < 2; times++) expect((await remove()).status).toBe(204);
    expect((await page()).items).toEqual([]);
    expect(await counted()).toEqual({ ratings: 0, stars: 0, stale: 1 });
    expect((await call(path)).status).toBe(404);
    expect(await env.DB.prepare("SELECT title || text AS said FROM reviews").first("said")).toBe(
      "",
    );
    await review(PLUGIN, { rating: 3 }, instance);
    expect(await counted()).toEqual({ ratings: 1, stars: 3, stale: 1 });
    expect(await deeds()).toEqual(["review.put", "review.delete", "review.put"]);
  });

  test("says the same again without changing or recording anything", async () => {
    const instance = await holderOf(PLUGIN);
    const stored = await review(PLUGIN, said, instance);
    expect(await review(PLUGIN, said, instance)).toEqual(stored);
    expect(await deeds()).toEqual(["review.put"]);
    await review(PLUGIN, { ...said, version: "1.1.0" }, instance);
    expect(await deeds()).toEqual(["review.put", "review.put"]);
  });
});

describe("nothing is stored for", () => {
  test("an instance that has it since today or yesterday, had it, has another plugin, or is unknown", async () => {
    const had = await holderOf(PLUGIN, { daysAgo: 9 });
    await env.DB.prepare("UPDATE installations SET installed = 0").run();
    const today = await holderOf(PLUGIN, { daysAgo: 0 });
    // Its report may have come a minute before midnight.
    const yesterday = await holderOf(PLUGIN, { daysAgo: 1 });
    const other = await holderOf(PAID);
    const keys = [had.key, today.key, yesterday.key, other.key, (await registerInstance()).key];
    for (const key of keys) {
      expect(await refusal(await sendReview(PLUGIN, said, { key }))).toEqual([
        403,
        "auth_not_held",
      ]);
    }
    expect(await deeds()).toEqual([]);
    expect(await counted()).toBeNull();
  });

  test.each<[string, object]>([
    ["no stars", { rating: 0 }],
    ["six stars", { rating: 6 }],
    ["half a star", { rating: 2.5 }],
    ["a title of two lines", { rating: 5, title: "a\nb" }],
    ["a title that is too long", { rating: 5, title: "x".repeat(101) }],
    ["a text that is too long", { rating: 5, text: "x".repeat(4_001) }],
    ["characters that turn the direction", { rating: 5, text: "a\u202eb" }],
    ["half a character", { rating: 5, text: "a\ud800b" }],
    ["control characters", { rating: 5, text: "a\u0007b" }],
    ["a language that is none", { rating: 5, language: "<b>" }],
    ["an unknown member", { rating: 5, author: "me" }],
    ["a version that is not published", { rating: 5, version: "9.9.9" }],
  ])("%s", async (_, body) => {
    const instance = await holderOf(PLUGIN);
    const answer = await sendSigned(instance.key, REVIEWS, { body });
    expect(await refusal(answer)).toEqual([400, "request_invalid"]);
    expect(await deeds()).toEqual([]);
  });

  test("a plugin that is private, removed or none", async () => {
    await release("@acme/secret", "1.0.0", { visibility: "private" });
    await release("@acme/gone", "1.0.0");
    const removal = { body: { reason: "gone" } };
    expect((await send("DELETE", "/v1/plugins/@acme/gone", removal)).status).toBe(200);
    const instance = await registerInstance();
    for (const name of ["@acme/secret", "@acme/gone", "@acme/none"]) {
      const path = `/v1/plugins/${name}/reviews`;
      const answers = [await sendReview(name, said, instance), await call(path)];
      for (const answer of answers) {
        expect([name, ...(await refusal(answer))]).toEqual([name, 404, "plugin_not_found"]);
      }
    }
    const own = await send("GET", "/v1/plugins/@acme/secret/reviews", { token: acme.token });
    expect([own.status, own.headers.get("cache-control")]).toEqual([200, "no-store"]);
  });

  test("a proof that is another's, altered, old, or of another address", async () => {
    const instance = await holderOf(PLUGIN);
    const stored = await review(PLUGIN, said, instance);
    const before = await everything();
    const thief = await registerInstance();
    const theft = await sendSigned(thief.key, `${REVIEWS}/${stored.id}`, {
      method: "DELETE",
      body: "",
    });
    expect(await refusal(theft)).toEqual([404, "not_found"]);
    const old = await sendReview(PLUGIN, said, { ...instance, now: Date.now() - 301_000 });
    expect(await refusal(old)).toEqual([401, "auth_proof_invalid"]);
    expect(await refusal(await send("POST", REVIEWS, { body: said }))).toEqual([
      401,
      "auth_proof_invalid",
    ]);
    const body = utf8(JSON.stringify({ rating: 1 }));
    const signed = { method: "POST", url: ORIGIN + REVIEWS, body, rid: crypto.randomUUID() };
    const proof = await signProof({ ...signed, now: nextSecond() }, instance.key);
    const headers = { "Content-Type": "application/json", "Rbsm-Proof": proof };
    const elsewhere = `/v1/plugins/${PAID}/reviews`;
    for (const [path, sent] of [
      [REVIEWS, utf8(JSON.stringify({ rating: 5 }))],
      [elsewhere, body],
    ] as const) {
      const answer = await call(path, { method: "POST", headers, body: sent });
      expect([path, ...(await refusal(answer))]).toEqual([path, 401, "auth_proof_invalid"]);
    }
    expect(await everything()).toBe(before);
    expect((await call(REVIEWS, { method: "POST", headers, body })).status).toBe(200);
  });
});

describe("a request that is sent again", () => {
  /** Keeps what was sent, so that it can be sent once more. */
  async function captured(body: unknown, { key }: { key: Parameters<typeof sendSigned>[0] }) {
    const rid = crypto.randomUUID();
    const now = nextSecond();
    const again = () => sendSigned(key, REVIEWS, { body, rid, now });
    return { first: await again(), again };
  }

  test("at once changes nothing and is answered the same", async () => {
    const { first, again } = await captured(said, await holderOf(PLUGIN));
    const answer = await first.json();
    const before = await everything();
    expect(await (await again()).json()).toEqual(answer);
    expect(await everything()).toBe(before);
  });

  test("and deletes does not delete what was written since", async () => {
    const instance = await holderOf(PLUGIN);
    const { id } = await review(PLUGIN, said, instance);
    const once = {
      method: "DELETE",
      body: "",
      rid: crypto.randomUUID(),
      now: nextSecond(),
    } as const;
    const remove = () => sendSigned(instance.key, `${REVIEWS}/${id}`, once);
    expect((await remove()).status).toBe(204);
    await review(PLUGIN, said, instance);
    const written = await everything();
    expect(await refusal(await remove())).toEqual([409, "conflict_state"]);
    expect(await everything()).toBe(written);
  });

  test("after an edit or a deletion does not undo it", async () => {
    const instance = await holderOf(PLUGIN);
    const { again } = await captured(said, instance);
    const { id } = await review(PLUGIN, { rating: 1 }, instance);
    const edited = await everything();
    expect(await refusal(await again())).toEqual([409, "conflict_state"]);
    expect(await everything()).toBe(edited);
    await sendSigned(instance.key, `${REVIEWS}/${id}`, {
      method: "DELETE",
      body: "",
      now: nextSecond(),
    });
    const deleted = await everything();
    expect(await refusal(await again())).toEqual([409, "conflict_state"]);
    expect(await everything()).toBe(deleted);
  });
});

describe("a plugin that needs a license", () => {
  const wait = "UPDATE activations SET created_at = created_at - 86400000";

  test("is reviewed by who has held one for a day, whatever was reported of it", async () => {
    const reporter = await holderOf(PAID, { daysAgo: 30 });
    expect(await refusal(await sendReview(PAID, said, reporter))).toEqual([403, "auth_not_held"]);
    const { licenseKey } = await issue("pro");
    await activate(reporter, licenseKey);
    expect(await refusal(await sendReview(PAID, said, reporter))).toEqual([403, "auth_not_held"]);
    await env.DB.prepare(wait).run();
    expect(await review(PAID, said, reporter)).toMatchObject({ version: "1.0.0" });
    expect(await counted(PAID)).toMatchObject({ ratings: 1, stars: 4 });
  });

  test.each([
    ["revoked", "UPDATE licenses SET state = 'revoked'"],
    ["refunded", "UPDATE licenses SET payment = 'refunded'"],
    ["returned", "UPDATE activations SET ended_at = 1"],
    ["over", "UPDATE activations SET held_until = 1"],
  ])("is not reviewed by whose license was %s", async (_, change) => {
    const { licenseKey } = await issue("pro");
    const instance = await registerInstance();
    await activate(instance, licenseKey);
    await env.DB.batch([wait, change].map((text) => env.DB.prepare(text)));
    expect(await refusal(await sendReview(PAID, said, instance))).toEqual([403, "auth_not_held"]);
  });
});

describe("the publisher's reply", () => {
  test("stands under the review, and the publisher replaces or removes it", async () => {
    const { id } = await review(PLUGIN, said, await holderOf(PLUGIN));
    const path = `${REVIEWS}/${id}/reply`;
    for (const text of ["Thank you", "Thank you", "Thanks"]) {
      const answer = await send("PUT", path, { token: acme.token, body: { text } });
      expect(await answer.json()).toMatchObject({ reply: { text } });
    }
    expect((await page()).items).toMatchObject([{ reply: { text: "Thanks" } }]);
    await send("DELETE", path, { token: acme.token });
    expect((await page()).items).toMatchObject([{ reply: null }]);
    const replies = (await deeds()).slice(1);
    expect(replies).toEqual(["review.reply", "review.reply", "review.unreply"]);
  });

  test("is nobody else's, and belongs to a review of the plugin", async () => {
    const { id } = await review(PLUGIN, said, await holderOf(PLUGIN));
    const body = { text: "Thank you" };
    const foreign = await send("PUT", `${REVIEWS}/${id}/reply`, { token: globex.token, body });
    expect(await refusal(foreign)).toEqual([403, "auth_scope"]);
    const elsewhere = `/v1/plugins/${PAID}/reviews/${id}`;
    expect(await refusal(await send("PUT", `${elsewhere}/reply`, { body }))).toEqual([
      404,
      "not_found",
    ]);
    const hiding = await send("POST", `${elsewhere}/hide`, { body: { reason: "x" } });
    expect(await refusal(hiding)).toEqual([404, "not_found"]);
    expect((await page()).items).toMatchObject([{ reply: null, hidden: null }]);
  });
});
