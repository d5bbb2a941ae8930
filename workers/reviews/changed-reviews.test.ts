import { env } from "cloudflare:workers";
import { REVIEW_LIMITS, reviewPageSchema } from "@rising-bsm/protocol";
import type { ReviewInput } from "@rising-bsm/protocol";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { copyVersions } from "../catalog/sample-versions.ts";
import type { Bindings } from "../env.ts";
import { activate } from "../licenses/sample-activation.ts";
import { registerInstance, sendSigned } from "../licenses/sample-instance.ts";
import type { SampleInstance } from "../licenses/sample-instance.ts";
import { issue, PLUGIN, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { loadPurges } from "../page-cache/purges.ts";
import { failingAt } from "../testing-bindings.ts";
import { call, createAccount, refusal, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { letMajorsPass, nextSecond, ownReviews, review, sendReview } from "./sample-review.ts";

const REVIEWS = `/v1/plugins/${PLUGIN}/reviews`;
const said: ReviewInput = { rating: 4, title: "Works", text: "Two lines\nof text", language: "en" };
let demo: Account;

beforeAll(async () => {
  await resetMarketplace();
  demo = await createAccount("demo");
  await publishPaidPlugin(demo);
  await copyVersions(PLUGIN, ["2.0.0", "3.0.0"]);
});

beforeEach(async () => {
  await env.PRIVATE.delete("purges.json");
  const tables = ["reviews", "review_counts", "plugin_counts", "network_days"];
  const actions = "DELETE FROM audit WHERE action LIKE 'review.%'";
  await env.DB.batch(
    [...tables.map((table) => `DELETE FROM ${table}`), actions].map((text) => env.DB.prepare(text)),
  );
});

/** An instance that has had a license for a day. */
async function holder() {
  const instance = await registerInstance();
  await activate(instance, (await issue("pro")).licenseKey);
  await env.DB.prepare("UPDATE activations SET created_at = created_at - 86400000").run();
  return instance;
}

function counted() {
  return env.DB.prepare("SELECT ratings, stars FROM plugin_counts").first();
}

async function deeds(): Promise<unknown[]> {
  const { results } = await env.DB.prepare(
    "SELECT action FROM audit WHERE action LIKE 'review.%' ORDER BY id",
  ).all();
  return results.map(({ action }) => action);
}

async function page() {
  return reviewPageSchema.parse(await (await call(REVIEWS)).json());
}

/** When copies of the plugin's pages were withdrawn. */
async function withdrawnAt(): Promise<number | undefined> {
  return (await loadPurges(env.PRIVATE)).withdrawn[PLUGIN];
}

function remove({ key }: SampleInstance, id: string, bindings: Bindings = env) {
  const signed = { method: "DELETE", body: "", now: nextSecond(), bindings } as const;
  return sendSigned(key, `${REVIEWS}/${id}`, signed);
}

describe("of one instance and plugin", () => {
  test("one major version is reviewed in a while, however many its license is good for", async () => {
    const instance = await holder();
    const send = (version: string) => sendReview(PLUGIN, { rating: 1, version }, instance);
    const answers = await Promise.all(["1.0.0", "2.0.0", "3.0.0"].map(send));
    const refused = await Promise.all(answers.filter(({ ok }) => !ok).map(refusal));
    expect(refused).toEqual([
      [409, "conflict_state"],
      [409, "conflict_state"],
    ]);
    expect([await counted(), (await deeds()).length]).toEqual([{ ratings: 1, stars: 1 }, 1]);
    await letMajorsPass();
    // One of these edits what is there, one is new, and then it is enough again.
    for (const version of ["1.0.0", "2.0.0", "3.0.0"]) await send(version);
    expect(await counted()).toEqual({ ratings: 2, stars: 2 });
  });

  test("another one is reviewed at once when the review is deleted, and then not the former", async () => {
    const instance = await holder();
    const { id } = await review(PLUGIN, { rating: 1, version: "1.0.0" }, instance);
    await remove(instance, id);
    await review(PLUGIN, { rating: 2, version: "2.0.0" }, instance);
    const former = await sendReview(PLUGIN, { rating: 1, version: "1.0.0" }, instance);
    expect(await refusal(former)).toEqual([409, "conflict_state"]);
    expect(await counted()).toEqual({ ratings: 1, stars: 2 });
  });
});

test("a network writes and changes so many reviews a day, and repeats as many as it likes", async () => {
  const sender = { ...(await holder()), address: "192.0.2.7" };
  await review(PLUGIN, { rating: 4 }, sender);
  await env.DB.prepare("UPDATE network_days SET reviews = ?")
    .bind(REVIEW_LIMITS.reviewsPerNetwork - 1)
    .run();
  const request = { ...sender, rid: crypto.randomUUID(), now: nextSecond() };
  const last = await review(PLUGIN, { rating: 2 }, request);
  const tooMany = await sendReview(PLUGIN, { rating: 3 }, sender);
  expect(await refusal(tooMany)).toEqual([429, "limit_rate"]);
  const neighbour = { ...(await holder()), address: sender.address };
  expect(await refusal(await sendReview(PLUGIN, { rating: 5 }, neighbour))).toEqual([
    429,
    "limit_rate",
  ]);
  expect(await review(PLUGIN, { rating: 2 }, request)).toEqual(last);
  expect(await review(PLUGIN, { rating: 2 }, sender)).toEqual(last);
  expect([await counted(), (await deeds()).length]).toEqual([{ ratings: 1, stars: 2 }, 2]);
  await review(PLUGIN, { rating: 5 }, { ...neighbour, address: "192.0.2.8" });
  expect([await counted(), (await deeds()).length]).toEqual([{ ratings: 2, stars: 7 }, 3]);
});

describe("a review that the administrator hides", () => {
  test("is seen by its writer alone and does not count, until it is restored", async () => {
    const instance = await holder();
    const { id } = await review(PLUGIN, said, instance);
    const path = `${REVIEWS}/${id}`;
    await send("PUT", `${path}/reply`, { token: demo.token, body: { text: "You said: Works" } });
    for (let times = 0; times < 2; times++) {
      const answer = await send("POST", `${path}/hide`, { body: { reason: "Advertising" } });
      expect(await answer.json()).toMatchObject({ hidden: { reason: "Advertising" }, text: "" });
    }
    expect((await page()).items).toEqual([]);
    expect(await counted()).toEqual({ ratings: 0, stars: 0 });
    expect(await (await call(path)).json()).toMatchObject({
      title: "",
      text: "",
      reply: null,
      hidden: { reason: "Advertising" },
    });
    const reply = { text: "You said: Works" };
    expect(await ownReviews(PLUGIN, instance.key)).toMatchObject([
      { title: "Works", reply, hidden: { reason: "Advertising" } },
    ]);
    await send("POST", `${path}/restore`);
    expect((await page()).items).toMatchObject([{ ...said, reply, hidden: null }]);
    expect(await counted()).toEqual({ ratings: 1, stars: 4 });
    const actions = ["review.put", "review.reply", "review.hide", "review.restore"];
    expect(await deeds()).toEqual(actions);
  });

  test("stays hidden when it is edited, or deleted and written again", async () => {
    const instance = await holder();
    const { id } = await review(PLUGIN, said, instance);
    await send("POST", `${REVIEWS}/${id}/hide`, { body: { reason: "Advertising" } });
    await review(PLUGIN, { ...said, rating: 5 }, instance);
    await remove(instance, id);
    await review(PLUGIN, said, instance);
    expect((await page()).items).toEqual([]);
    expect(await counted()).toMatchObject({ ratings: 0, stars: 0 });
  });
});

describe("what was said is in no copy of a page any more", () => {
  test("when it is hidden or deleted, and a copy is withdrawn once for each", async () => {
    const instance = await holder();
    const { id } = await review(PLUGIN, said, instance);
    expect(await withdrawnAt()).toBeUndefined();
    await send("POST", `${REVIEWS}/${id}/hide`, { body: { reason: "Advertising" } });
    expect(await withdrawnAt()).toEqual(expect.any(Number));
    await env.PRIVATE.delete("purges.json");
    await remove(instance, id);
    const deleted = await withdrawnAt();
    expect(deleted).toEqual(expect.any(Number));
    expect((await remove(instance, id)).status).toBe(204);
    expect(await withdrawnAt()).toBe(deleted);
  });

  test.each(["failed", "failed but stored"] as const)(
    "also when a write %s and the request is sent again",
    async (fault) => {
      for (let nth = 1; ; nth++) {
        await env.PRIVATE.delete("purges.json");
        const instance = await holder();
        const { id } = await review(PLUGIN, said, instance);
        const { bindings, hit } = failingAt(env, nth, fault);
        await remove(instance, id, bindings);
        if (!hit()) return expect(nth).toBeGreaterThan(2);
        expect((await remove(instance, id)).status).toBe(204);
        expect([nth, await withdrawnAt()]).toEqual([nth, expect.any(Number)]);
      }
    },
  );
});

for (const fault of ["failed", "failed but stored"] as const) {
  test(`a review whose write ${fault} is stored once by the same request again`, async () => {
    for (let nth = 1; ; nth++) {
      const instance = await holder();
      const { bindings, hit } = failingAt(env, nth, fault);
      const sending = { ...instance, rid: crypto.randomUUID(), now: nextSecond() };
      const first = await sendReview(PLUGIN, said, { ...sending, bindings });
      if (!hit()) return expect(nth).toBeGreaterThan(1);
      expect((await sendReview(PLUGIN, said, sending)).status).toBe(200);
      expect([nth, await ownReviews(PLUGIN, instance.key)]).toMatchObject([nth, [said]]);
      expect(await counted()).toMatchObject({ ratings: nth, stars: 4 * nth });
      expect(await deeds()).toHaveLength(nth);
      expect([200, 500]).toContain(first.status);
    }
  });
}
