import { env } from "cloudflare:workers";
import { foldName } from "@rising-bsm/protocol";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { carryOutTransfers } from "../accounts/carry-out-transfers.ts";
import { advance } from "../log/advance.ts";
import { counting, failingAt } from "../testing-bindings.ts";
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
let globex: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  globex = await createAccount("globex");
});

const answered = z.looseObject({
  status: z.union([z.string(), z.number()]),
  findings: z.array(z.looseObject({ rule: z.string(), message: z.string() })).default([]),
});

async function release(account: Account, short: string, version = "1.0.0") {
  const target = { name: `${account.scope}/${short}`, version };
  const answer = await publish(target, await buildBundle(account.key, target), account);
  return answered.parse(await answer.json());
}

test("a name that looks like another publisher's waits and says which; one's own and the same word do not", async () => {
  expect((await release(acme, "invoices")).status).toBe("published");
  for (const own of ["report", "reports-plugin"]) {
    expect((await release(acme, own)).status).toBe("published");
  }
  expect((await release(globex, "invoices")).status).toBe("published");
  const waiting = await release(globex, "1nvo1ce");
  expect(waiting).toMatchObject({ status: "in_review", findings: [{ rule: "name_similar" }] });
  expect(waiting.findings[0]?.message).toMatch(/@acme\/invoice/);
  await send("POST", "/v1/plugins/@globex/1nvo1ce/versions/1.0.0/approve");
  expect((await release(globex, "1nvo1ce", "1.0.1")).status).toBe("published");
});

test("a name near a verified publisher's waits", async () => {
  const datev = await createAccount("datev");
  await env.DB.prepare("UPDATE publishers SET verified = 1 WHERE name = 'datev'").run();
  await release(datev, "tax-export");
  expect((await release(acme, "tax-exprot")).status).toBe("in_review");
  expect((await release(acme, "tax-export")).status).toBe("in_review");
});

test("the check of a name reads as much when a word has many plugins", async () => {
  const read = async (name: string) => {
    const { bindings, count } = counting(env);
    const target = { name: `${globex.scope}/${name}`, version: "1.0.0" };
    const bundle = await buildBundle(globex.key, target);
    await publish(target, bundle, { token: globex.token, bindings });
    return count.rowsRead;
  };
  const before = await read("calendars");
  const rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)";
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO scopes (scope, publisher, created_at, fold)
       ${rows} SELECT '@many-' || i, 'acme', 0, 'many-' || i FROM n`,
    ),
    env.DB.prepare(
      `INSERT INTO plugins (name, scope, fold, created_at, updated_at)
       ${rows} SELECT '@many-' || i || '/contacts', '@many-' || i, ?, 0, 0 FROM n`,
    ).bind(foldName("contacts")),
  ]);
  expect(await read("contacts")).toBeLessThan(before + 100);
});

test("a scope that looks like another is the administrator's to give", async () => {
  const ask = (scope: string, token: string) =>
    send("POST", "/v1/scopes", { token, body: { scope, publisher: "globex" } });
  for (const scope of ["@acrne", "@ac-me", "@support", "@rising-bsm-labs"]) {
    expect(await refusal(await ask(scope, globex.token))).toEqual([409, "conflict_name"]);
  }
  expect((await ask("@acrne", env.ADMIN_TOKEN)).status).toBe(201);
  expect((await ask("@globex-labs", globex.token)).status).toBe(201);
});

test("a scope changes hands when seven days have passed, unless that is taken back", async () => {
  const path = "/v1/scopes/@acme/transfer";
  const body = { to: "globex" };
  const ask = (token: string, to: object = body) => send("POST", path, { token, body: to });
  expect(await refusal(await ask(globex.token))).toEqual([403, "auth_scope"]);
  expect((await ask(acme.token, { to: "nobody" })).status).toBe(404);
  expect((await ask(acme.token)).status).toBe(200);
  expect(await (await ask(env.ADMIN_TOKEN)).json()).toMatchObject({ from: "acme", to: "globex" });
  expect(await refusal(await ask(acme.token, { to: "datev" }))).toEqual([409, "conflict_state"]);
  expect(await (await call("/v1/plugins/@acme/invoices")).json()).toMatchObject({
    transfer: { to: "globex" },
  });
  await carryOutTransfers(env, new Date(Date.now() + 6.9 * 86_400_000));
  expect((await call(path)).status).toBe(200);
  expect((await send("DELETE", path, { token: acme.token })).status).toBe(204);
  expect((await call(path)).status).toBe(404);
  await ask(acme.token);
  const due = new Date(Date.now() + 7.1 * 86_400_000);
  for (const fault of ["failed", "failed but stored"] as const) {
    await carryOutTransfers(failingAt(env, 1, fault).bindings, due).catch(() => undefined);
  }
  await carryOutTransfers(env, due);
  await advance(env);
  const entries = await env.DB.prepare("SELECT count(*) AS n FROM log_entries WHERE entry LIKE ?")
    .bind('%"scope":"@acme","from":"acme","to":"globex"%')
    .first("n");
  expect(entries).toBe(1);
  const document = await (await call("/index/@acme/invoices.json")).json();
  expect(document).toMatchObject({ publisher: { name: "globex" } });
  expect((await release(acme, "late")).status).toBe(403);
});

test("a removed plugin is nowhere listed, and its name is refused for ever", async () => {
  const name = "@globex/gone";
  await release(globex, "gone");
  const path = `/v1/plugins/${name}`;
  const body = { reason: "Published by mistake" };
  const remove = (token: string) => send("DELETE", path, { token, body });
  expect(await refusal(await remove(acme.token))).toEqual([403, "auth_scope"]);
  await env.DB.prepare(
    "UPDATE versions SET published_at = published_at - 260000000 WHERE plugin = ?",
  )
    .bind(name)
    .run();
  expect(await refusal(await remove(globex.token))).toEqual([409, "conflict_state"]);
  expect((await remove(env.ADMIN_TOKEN)).status).toBe(200);
  expect((await remove(globex.token)).status).toBe(200);
  for (const gone of [path, `${path}/versions`, `/index/${name}.json`]) {
    expect([gone, (await call(gone)).status]).toEqual([gone, 404]);
  }
  const again = await release(globex, "gone", "1.0.1");
  expect(again).toMatchObject({ status: 409, code: "conflict_removed" });
  const marked = await send("POST", `${path}/versions/1.0.0/yank`, { body: { reason: "x" } });
  expect(await refusal(marked)).toEqual([409, "conflict_removed"]);
});
