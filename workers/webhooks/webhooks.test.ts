import { env } from "cloudflare:workers";
import { WEBHOOK_LIMITS, webhookSecretSchema, webhookTestSchema } from "@rising-bsm/protocol";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { issue, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { failingAt } from "../testing-bindings.ts";
import { createAccount, createToken, refusal, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { openReceiver } from "./sample-receiver.ts";
import type { Receiver } from "./sample-receiver.ts";
import {
  createWebhook,
  deleteAll,
  post,
  RECEIVER,
  shownWebhook,
  shownWebhooks,
  tryCreate,
} from "./sample-webhook.ts";
import { signedHeaders, webhookSecret } from "./sign-event.ts";

let demo: Account;
let globex: Account;
let receiver: Receiver;

beforeAll(async () => {
  await resetMarketplace();
  demo = await createAccount("demo");
  globex = await createAccount("globex");
  const body = { scope: "@demo-labs", publisher: "demo" };
  await send("POST", "/v1/scopes", { body });
  await publishPaidPlugin(demo);
});

beforeEach(async () => {
  receiver = openReceiver();
  await deleteAll();
  // A deletion begins a pass, which tells what the test before has left.
  receiver.received.length = 0;
});
afterEach(() => vi.restoreAllMocks());

/** Actions recorded about a webhook, in order. */
async function auditOf(id: string): Promise<string[]> {
  const query = env.DB.prepare("SELECT action FROM audit WHERE subject = ? ORDER BY id").bind(id);
  const { results } = await query.all<{ action: string }>();
  return results.map(({ action }) => action);
}

test("a webhook is made, shown without its secret, and deleted", async () => {
  const made = await createWebhook({ body: { events: ["license.revoke", "license.issue"] } });
  expect(made).toMatchObject({
    publisher: "demo",
    scope: null,
    url: RECEIVER,
    events: ["license.issue", "license.revoke"],
    state: "active",
    problem: null,
  });
  const { secret, ...shown } = made;
  expect(secret).toMatch(/^whsec_/);
  expect(await shownWebhooks()).toEqual([shown]);
  expect((await send("DELETE", `/v1/webhooks/${made.webhookId}`)).status).toBe(204);
  expect(await shownWebhooks()).toEqual([]);
  await issue("team");
  expect(receiver.received).toEqual([]);
  expect(await auditOf(made.webhookId)).toEqual(["webhook.create", "webhook.delete"]);
});

test("nothing of a secret is stored", async () => {
  const { secret, webhookId } = await createWebhook();
  const rotated = await post(`/v1/webhooks/${webhookId}/rotate`, { key: "one" });
  const next = webhookSecretSchema.parse(await rotated.json()).secret;
  const tables = ["webhooks", "audit", "license_events"].map((table) => `SELECT * FROM ${table}`);
  const dump = await env.DB.batch(tables.map((query) => env.DB.prepare(query)));
  for (const text of [secret, next]) {
    expect(JSON.stringify(dump)).not.toContain(text.slice("whsec_".length, -1));
  }
});

test.each([
  [{ url: "http://hooks.example.com/" }],
  [{ url: "https://10.0.0.1/" }],
  [{ url: "https://marketplace.test/v1/orders" }],
  [{ url: `https://hooks.example.com/${"x".repeat(WEBHOOK_LIMITS.urlChars)}` }],
  [{ events: ["license.everything"] }],
  [{ publisher: undefined }],
  [{ secret: "mine" }],
])("a webhook with %o is request_invalid", async (body) => {
  expect(await refusal(await tryCreate({ body }))).toEqual([400, "request_invalid"]);
});

test("a publisher has at most twenty, also when they are asked for at once", async () => {
  const asked = Array.from({ length: WEBHOOK_LIMITS.perPublisher + 2 }, () => tryCreate());
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(WEBHOOK_LIMITS.perPublisher);
  expect(await refusal(await tryCreate())).toEqual([409, "conflict_state"]);
});

describe("a token", () => {
  test("needs the permission on licenses", async () => {
    const token = await createToken({ publisher: "demo", permissions: ["publish"] });
    expect(await refusal(await tryCreate({ token }))).toEqual([403, "auth_scope"]);
  });

  test("is for its own publisher's webhooks alone", async () => {
    const { webhookId } = await createWebhook({ token: demo.token });
    const { token } = globex;
    const body = { publisher: "demo" };
    expect(await refusal(await tryCreate({ token, body }))).toEqual([403, "auth_scope"]);
    const listed = await send("GET", "/v1/webhooks?publisher=demo", { token });
    expect(await refusal(listed)).toEqual([403, "auth_scope"]);
    for (const action of ["rotate", "enable", "test"]) {
      const answer = await post(`/v1/webhooks/${webhookId}/${action}`, { token });
      expect(await refusal(answer)).toEqual([403, "auth_scope"]);
    }
    const deleted = await send("DELETE", `/v1/webhooks/${webhookId}`, { token });
    expect(await refusal(deleted)).toEqual([403, "auth_scope"]);
    expect(await shownWebhooks()).toHaveLength(1);
  });

  test("that is limited to a scope has webhooks for that scope alone", async () => {
    const token = await createToken({ publisher: "demo", scope: "@demo-labs" });
    const whole = await createWebhook({ token: demo.token });
    const limited = await createWebhook({ token });
    expect(limited.scope).toBe("@demo-labs");
    const body = { scope: "@demo" };
    expect(await refusal(await tryCreate({ token, body }))).toEqual([403, "auth_scope"]);
    const test = await post(`/v1/webhooks/${whole.webhookId}/test`, { token });
    expect(await refusal(test)).toEqual([403, "auth_scope"]);
    const listed = await send("GET", "/v1/webhooks", { token });
    expect(await listed.json()).toMatchObject({ items: [{ webhookId: limited.webhookId }] });
  });

  test("may ask for one of its publisher's scopes, and for no other", async () => {
    const { token } = demo;
    expect((await createWebhook({ token, body: { scope: "@demo-labs" } })).scope).toBe(
      "@demo-labs",
    );
    for (const scope of ["@globex", "@nobody"]) {
      const answer = await tryCreate({ token, body: { scope } });
      expect(await refusal(answer)).toEqual([404, "not_found"]);
    }
  });
});

describe("what is sent again under the same Idempotency-Key", () => {
  test("makes one webhook, with one secret", async () => {
    const [first, second] = [await createWebhook({ key: "k" }), await createWebhook({ key: "k" })];
    expect(second).toEqual(first);
    expect(await shownWebhooks()).toHaveLength(1);
    expect(await auditOf(first.webhookId)).toEqual(["webhook.create"]);
  });

  test("is another's for another caller, and a conflict with other content", async () => {
    const first = await createWebhook({ key: "l" });
    const other = await createWebhook({ key: "l", token: demo.token });
    expect(other.webhookId).not.toBe(first.webhookId);
    for (const body of [
      { url: `${RECEIVER}/2` },
      { events: ["license.issue"] },
      { scope: "@demo" },
    ]) {
      const answer = await tryCreate({ key: "l", body });
      expect(await refusal(answer)).toEqual([409, "conflict_state"]);
    }
  });

  test("does not bring back what was deleted", async () => {
    const { webhookId } = await createWebhook({ key: "m" });
    await send("DELETE", `/v1/webhooks/${webhookId}`);
    expect(await refusal(await tryCreate({ key: "m" }))).toEqual([409, "conflict_state"]);
    expect(await shownWebhooks()).toEqual([]);
  });

  test("rotates once", async () => {
    const { webhookId, secret } = await createWebhook();
    const rotate = async (key?: string) => {
      const answer = await post(
        `/v1/webhooks/${webhookId}/rotate`,
        key === undefined ? {} : { key },
      );
      return webhookSecretSchema.parse(await answer.json()).secret;
    };
    const [first, ...again] = await Promise.all([rotate("one"), rotate("one"), rotate("one")]);
    expect(again).toEqual([first, first]);
    const others = [secret, first, await rotate("two"), await rotate(), await rotate()];
    expect(new Set(others).size).toBe(5);
    expect(await rotate("one")).toBe(others[4]);
  });

  test.each(["", "two words", "x".repeat(129)])("cannot be called %j", async (key) => {
    expect(await refusal(await tryCreate({ key }))).toEqual([400, "request_invalid"]);
  });
});

describe.each(["failed", "failed but stored"] as const)("a database that %s", (fault) => {
  test("making a webhook makes it once when asked again", async () => {
    const { bindings } = failingAt(env, 1, fault);
    const key = `fault ${fault}`.replaceAll(" ", "-");
    expect((await tryCreate({ key, bindings })).status).toBe(500);
    const { webhookId } = await createWebhook({ key });
    expect(await shownWebhooks()).toHaveLength(1);
    expect(await auditOf(webhookId)).toEqual(["webhook.create"]);
  });

  test("rotating rotates once when asked again", async () => {
    const { webhookId } = await createWebhook();
    const path = `/v1/webhooks/${webhookId}/rotate`;
    const { bindings } = failingAt(env, 1, fault);
    expect((await post(path, { key: "k", bindings })).status).toBe(500);
    const answer = webhookSecretSchema.parse(await (await post(path, { key: "k" })).json());
    const second = await webhookSecret(env, { id: webhookId, secretVersion: 2 });
    expect(answer.secret).toBe(second.text);
    expect(await auditOf(webhookId)).toEqual(["webhook.create", "webhook.rotate"]);
  });

  test("deleting is over when asked again", async () => {
    const { webhookId } = await createWebhook();
    const { bindings } = failingAt(env, 1, fault);
    const path = `/v1/webhooks/${webhookId}`;
    expect((await send("DELETE", path, { bindings })).status).toBe(500);
    await send("DELETE", path);
    expect(await shownWebhooks()).toEqual([]);
    expect(await auditOf(webhookId)).toEqual(["webhook.create", "webhook.delete"]);
  });
});

describe("a test event", () => {
  const tested = async (id: string) =>
    webhookTestSchema.parse(await (await post(`/v1/webhooks/${id}/test`)).json());

  test("is signed like all others, and leaves the webhook as it is", async () => {
    const { webhookId, secret } = await createWebhook({ body: { events: ["license.revoke"] } });
    const before = await shownWebhook(webhookId);
    expect(await tested(webhookId)).toEqual({ delivered: true, status: 204, problem: null });
    const [sent] = receiver.received;
    expect(JSON.parse(sent?.body ?? "")).toMatchObject({ type: "webhook.test", data: {} });
    const now = Number(sent?.headers.get("webhook-timestamp")) * 1000;
    const message = { id: sent?.headers.get("webhook-id") ?? "", body: sent?.body ?? "", now };
    const key = await webhookSecret(env, { id: webhookId, secretVersion: 1 });
    expect(key.text).toBe(secret);
    const expected = await signedHeaders(message, [key]);
    expect(Object.fromEntries(sent?.headers ?? [])).toMatchObject(expected);
    expect(await shownWebhook(webhookId)).toEqual(before);
  });

  test("says what the receiver made of it, and nothing of what it answered", async () => {
    const { webhookId } = await createWebhook();
    receiver.answers(() => new Response("internal details", { status: 418 }));
    const answered = { delivered: false, status: 418, problem: "It answered 418" };
    expect(await tested(webhookId)).toEqual(answered);
    receiver.answers(() => Promise.reject(new TypeError("connect ECONNREFUSED 10.0.0.7:443")));
    const unreachable = { delivered: false, status: null, problem: "It cannot be reached" };
    expect(await tested(webhookId)).toEqual(unreachable);
  });
});

test("nobody finds a webhook under an id that there is none for", async () => {
  const path = `/v1/webhooks/${crypto.randomUUID()}`;
  for (const action of ["rotate", "enable", "test"]) {
    expect(await refusal(await post(`${path}/${action}`))).toEqual([404, "not_found"]);
  }
  expect(await refusal(await send("DELETE", path))).toEqual([404, "not_found"]);
});
