import { env } from "cloudflare:workers";
import { LICENSE_EVENTS } from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { beforeAll, describe, expect, test } from "vitest";
import { activeLicense, giveBack } from "../licenses/sample-activation.ts";
import { sampleLicense } from "../licenses/sample-license.ts";
import { issue, PLUGIN, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { licenses } from "../licenses/tables.ts";
import { audit } from "../schema.ts";
import { createAccount, createToken, refusal, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { eventId, readEventId } from "./license-event.ts";
import { events } from "./sample-webhook.ts";

let demo: Account;
let globex: Account;
const db = drizzle(env.DB);

beforeAll(async () => {
  await resetMarketplace();
  demo = await createAccount("demo");
  globex = await createAccount("globex");
  await publishPaidPlugin(demo);
});

/** The newest events of `demo` from there on. */
async function since(id: string | null) {
  return (await events(`limit=100${id === null ? "" : `&after=${id}`}`)).items;
}

async function newest(): Promise<string | null> {
  return (await since(null)).at(-1)?.id ?? null;
}

function auditRow(subject: string, action = "license.issue") {
  return { at: Date.now(), actor: "admin", action, subject, requestId: crypto.randomUUID() };
}

test("each change of a license is an event, in order, with the license as it is now", async () => {
  const before = await newest();
  const { licenseId, licenseKey, instance, ...held } = await activeLicense();
  for (const action of ["suspend", "reinstate", "renew"]) {
    await send("POST", `/v1/licenses/${licenseId}/${action}`);
  }
  await giveBack(instance, held);
  await send("POST", `/v1/licenses/${licenseId}/revoke`);
  const told = await since(before);
  expect(told.map(({ type, data }) => [type, data.instanceId])).toEqual([
    ["license.issue", null],
    ["license.activate", instance.id],
    ["license.suspend", null],
    ["license.reinstate", null],
    ["license.renew", null],
    ["license.return", instance.id],
    ["license.revoke", null],
  ]);
  for (const { type, data } of told) {
    expect(LICENSE_EVENTS).toContain(type);
    const expected = { licenseId, plugin: PLUGIN, plan: "pro", state: "revoked", seats: 1 };
    expect(data.license).toMatchObject(expected);
  }
  const ids = told.map(({ id }) => id);
  expect(ids.toSorted()).toEqual(ids);
  const text = JSON.stringify(told);
  for (const secret of [licenseKey, held.lease, licenseKey.replaceAll("-", "")]) {
    expect(text).not.toContain(secret);
  }
});

test("a change and its event are written together, in whichever order the batch has them", async () => {
  const before = await newest();
  const first = sampleLicense({ id: "license-first", keyHash: "1" });
  const second = sampleLicense({ id: "audit-first", keyHash: "2" });
  await db.batch([
    db.insert(licenses).values(first),
    db.insert(audit).values(auditRow(first.id)),
    db.insert(audit).values(auditRow(second.id)),
    db.insert(audit).values(auditRow(second.id, "license.paid")),
    db.insert(licenses).values(second),
    db.insert(audit).values(auditRow(second.id, "license.cancelled")),
  ]);
  const lost = db.batch([
    db.insert(audit).values(auditRow(first.id, "license.renew")),
    db.insert(licenses).values(first),
  ]);
  await expect(lost).rejects.toThrow();
  const told = await since(before);
  expect(told.map(({ type, data }) => [data.license.licenseId, type])).toEqual([
    ["license-first", "license.issue"],
    ["audit-first", "license.issue"],
    ["audit-first", "license.paid"],
    ["audit-first", "license.cancelled"],
  ]);
});

test("what is recorded of anything else is no event", async () => {
  const before = await newest();
  await db.insert(audit).values(auditRow("license-first", "licenses.renamed"));
  await db.insert(audit).values(auditRow("license-first", "scope.transfer"));
  await db.insert(audit).values(auditRow("no-such-license"));
  expect(await since(before)).toEqual([]);
});

describe("pages", () => {
  test("hold all events, each once", async () => {
    const whole = await since(null);
    const pages = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = await events(`limit=2${cursor === "" ? "" : `&after=${cursor}`}`);
      pages.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(pages).toEqual(whole);
  });

  test.each(["0", "101", "1.5", "x"])("of %s events are request_invalid", async (limit) => {
    const answer = await send("GET", `/v1/events?publisher=demo&limit=${limit}`);
    expect(await refusal(answer)).toEqual([400, "request_invalid"]);
  });

  test.each(["1", "evt_1_0", "evt_000000000001_XYZ", "test_1"])(
    "after %s are cursor_invalid",
    async (after) => {
      const answer = await send("GET", `/v1/events?publisher=demo&after=${after}`);
      expect(await refusal(answer)).toEqual([400, "cursor_invalid"]);
    },
  );

  test("after an event that the database has forgotten, or made anew, are cursor_expired", async () => {
    const last = await newest();
    const place = readEventId(last ?? "");
    await env.DB.prepare("DELETE FROM license_events WHERE number = ?").bind(place?.number).run();
    await issue("team");
    const answer = await send("GET", `/v1/events?publisher=demo&after=${last}`);
    expect(await refusal(answer)).toEqual([410, "cursor_expired"]);
    expect(readEventId((await newest()) ?? "")?.number).toBe(place?.number);
  });
});

describe("events of others", () => {
  test("are told to nobody", async () => {
    expect((await events("", globex.token)).items).toEqual([]);
    const answer = await send("GET", "/v1/events?publisher=demo", { token: globex.token });
    expect(await refusal(answer)).toEqual([403, "auth_scope"]);
    expect(await refusal(await send("GET", "/v1/events"))).toEqual([400, "request_invalid"]);
  });

  test("cannot be counted by the ids of one's own", async () => {
    await createAccount("initech");
    await db.batch([
      db
        .insert(licenses)
        .values(sampleLicense({ id: "of-initech", keyHash: "3", plugin: "@initech/tps" })),
      db.run(
        "INSERT INTO plugins (name, scope, created_at, updated_at) VALUES ('@initech/tps', '@initech', 0, 0)",
      ),
      db.insert(audit).values(auditRow("of-initech")),
    ]);
    const answer = await send("GET", "/v1/events?publisher=initech");
    expect(await answer.text()).toContain('"evt_000000000001_');
  });

  test("of a scope are not told to a token that is limited to another", async () => {
    await send("POST", "/v1/scopes", { body: { scope: "@demo-labs", publisher: "demo" } });
    const token = await createToken({ publisher: "demo", scope: "@demo-labs" });
    expect((await events("", token)).items).toEqual([]);
    const whole = await createToken({ publisher: "demo", scope: "@demo" });
    expect((await events("limit=100", whole)).items).toEqual(await since(null));
  });

  test("a scope that changed hands: the old owner is told nothing more of it, the new one what follows", async () => {
    const { licenseId } = await issue("team");
    await env.DB.prepare("UPDATE scopes SET publisher = 'globex' WHERE scope = '@demo'").run();
    await send("POST", `/v1/licenses/${licenseId}/suspend`);
    expect((await events("", demo.token)).items).toEqual([]);
    const told = (await events("", globex.token)).items;
    expect(told.map(({ type }) => type)).toEqual(["license.suspend"]);
  });
});

test("ids are read as they are written, and sort as they count", () => {
  const nonce = "0123456789abcdef";
  const numbers = [1, 9, 10, 999, 123_456_789_012];
  const ids = numbers.map((number) => eventId({ number, nonce }));
  expect(ids.map(readEventId)).toEqual(numbers.map((number) => ({ number, nonce })));
  expect(ids.toSorted()).toEqual(ids);
});
