import { env } from "cloudflare:workers";
import { pluginPageSchema } from "@rising-bsm/protocol";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Bindings } from "../env.ts";
import { advance } from "../log/advance.ts";
import { loadPurges } from "../page-cache/purges.ts";
import { countingCalls, failingAt } from "../testing-bindings.ts";
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

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  await release(acme, "hello");
  await release(acme, "other");
  await release(await createAccount("globex"), "third");
});

async function release(account: Account, short: string): Promise<void> {
  const target = { name: `${account.scope}/${short}`, version: "1.0.0" };
  expect((await publish(target, await buildBundle(account.key, target), account)).status).toBe(201);
}

function mark(verified: boolean, bindings: Bindings = env, name = "acme"): Promise<Response> {
  return send("PUT", `/v1/publishers/${name}/verified`, { body: { verified }, bindings });
}

async function ask(query: string) {
  const page = pluginPageSchema.parse(await (await call(`/v1/plugins?${query}`)).json());
  const names = page.items.map(({ name }) => name).toSorted((a, b) => a.localeCompare(b));
  return { ...page, names };
}

async function counted(): Promise<number> {
  return (await ask("sort=name&limit=1")).facets?.["verified"]?.["true"] ?? 0;
}

async function badge(): Promise<string> {
  return (await call("/badge/@acme/hello/verified.svg?lang=en")).text();
}

const OWN = ["@acme/hello", "@acme/other"];

/** What says whether the publisher is verified, wherever it is shown. */
async function expectShown(verified: boolean): Promise<void> {
  const marked = verified ? OWN : [];
  const others = verified ? ["@globex/third"] : [...OWN, "@globex/third"];
  const found = await ask("verified=true");
  expect(found.names).toEqual(marked);
  expect(found.items.map((item) => item.verified)).toEqual(marked.map(() => true));
  expect((await ask("verified=false")).names).toEqual(others);
  expect(await counted()).toBe(marked.length);
  expect(await (await call("/v1/plugins/@acme/hello")).json()).toMatchObject({ verified });
  expect(await badge()).toContain(verified ? "Publisher: verified" : "Publisher: not verified");
  expect((await (await call("/plugins/@acme/hello?lang=en")).text()).includes("badge good")).toBe(
    verified,
  );
}

async function auditRows() {
  const { results } = await env.DB.prepare(
    "SELECT actor, subject, detail FROM audit WHERE action = 'publisher.verify' ORDER BY id",
  ).all();
  return results;
}

test("a publisher is verified, which everything shows, until it is taken back", async () => {
  await expectShown(false);
  for (const verified of [true, false]) {
    const answer = await mark(verified);
    const publisher = { name: "acme", displayName: "acme", verified };
    expect([answer.status, await answer.json()]).toEqual([200, publisher]);
    await expectShown(verified);
  }
});

test("the same again changes nothing, and only changes are in the audit", async () => {
  await env.DB.exec("DELETE FROM audit");
  const state = () => env.DB.prepare("SELECT * FROM plugins ORDER BY name").all();
  await mark(true);
  const { results } = await state();
  await mark(true);
  expect((await state()).results).toEqual(results);
  await mark(false);
  expect(await auditRows()).toEqual([
    { actor: "admin", subject: "acme", detail: '{"verified":true}' },
    { actor: "admin", subject: "acme", detail: '{"verified":false}' },
  ]);
});

test("documents stay as they are", async () => {
  const { uploaded } = (await env.BUNDLES.head("index/@acme/hello.json")) ?? {};
  const before = await (await call("/v1/plugins/@acme/hello")).json<{ updatedAt: string }>();
  await mark(true);
  await mark(false);
  expect((await env.BUNDLES.head("index/@acme/hello.json"))?.uploaded).toEqual(uploaded);
  const behind = "SELECT 1 FROM plugins WHERE document_revision < revision";
  expect(await env.DB.prepare(behind).first()).toBeNull();
  const after = await (await call("/v1/plugins/@acme/hello")).json<{ updatedAt: string }>();
  expect(Date.parse(after.updatedAt) - Date.parse(before.updatedAt)).toBe(2);
});

test("what is not known or not said is refused", async () => {
  expect(await refusal(await mark(true, env, "nobody"))).toEqual([404, "not_found"]);
  for (const body of [{}, { verified: "yes" }, { verified: true, reason: "x" }]) {
    const answer = await send("PUT", "/v1/publishers/acme/verified", { body });
    expect(await refusal(answer)).toEqual([400, "request_invalid"]);
  }
});

test("a name near a verified publisher's waits", async () => {
  await mark(true);
  const target = { name: "@initech/h3llo", version: "1.0.0" };
  const initech = await createAccount("initech");
  const answer = await publish(target, await buildBundle(initech.key, target), initech);
  expect(await answer.json()).toMatchObject({ status: "in_review" });
  await mark(false);
});

describe.each(["failed", "failed but stored"] as const)("a write that %s", (fault) => {
  beforeEach(() => env.DB.exec("DELETE FROM audit"));

  test("at any step is made good by the same request, or by the cron", async () => {
    for (let nth = 1, verified = true; ; nth++, verified = !verified) {
      const { bindings, hit } = failingAt(env, nth, fault);
      await mark(verified, bindings);
      const { length } = await auditRows();
      expect(length).toBeGreaterThanOrEqual(nth - 1);
      // Nobody waits here for the hold of a pass that has ended.
      await env.DB.exec("UPDATE heads SET held_until = 0");
      if (length === nth && nth % 3 === 0) await advance(env);
      else expect((await mark(verified)).status).toBe(200);
      await expectShown(verified);
      expect(await auditRows()).toHaveLength(nth);
      if (hit()) continue;
      expect(nth).toBeGreaterThan(3);
      break;
    }
    await mark(false);
  }, 60_000);
});

test("what a pass has read before is written again, and is in no copy any more", async () => {
  await mark(true);
  let meanwhile: Promise<Response> | undefined;
  const isStored = env.DB.prepare("SELECT verified FROM publishers WHERE name = 'acme'");
  const SEARCH = new Proxy(env.SEARCH, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      if (property !== "batch") return member.bind(target);
      return async (statements: D1PreparedStatement[]) => {
        meanwhile ??= mark(false);
        await expect.poll(() => isStored.first("verified")).toBe(0);
        return target.batch(statements);
      };
    },
  });
  const path = "/v1/plugins/@acme/hello/versions/1.0.0/deprecate";
  await env.PRIVATE.delete("purges.json");
  await send("POST", path, { body: { reason: "Old" }, bindings: { ...env, SEARCH } });
  expect((await meanwhile)?.status).toBe(200);
  await expectShown(false);
  expect(Object.keys((await loadPurges(env.PRIVATE)).withdrawn)).toEqual(OWN);
});

test("of many plugins a request shows some, and the cron the others", async () => {
  await Promise.all(Array.from({ length: 58 }, (_, at) => release(acme, `many-${at}`)));
  const { bindings, count } = countingCalls(env);
  expect((await mark(true, bindings)).status).toBe(200);
  expect(count.calls).toBeLessThan(100);
  expect(await counted()).toBe(48);
  await advance(env);
  expect(await counted()).toBe(60);
}, 60_000);
