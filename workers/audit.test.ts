import { env } from "cloudflare:workers";
import { base64url, proveKeyPossession } from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { newKey, registerInstance, sendSigned } from "./licenses/sample-instance.ts";
import { buildBundle, createAccount, publish, resetMarketplace, send } from "./testing.ts";
import type { Account } from "./testing.ts";

let acme: Account;
let before: number;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  await createAccount("globex");
});

const idSchema = z.object({ id: z.int() });

async function newestId(): Promise<number> {
  const row = await env.DB.prepare("SELECT coalesce(max(id), 0) AS id FROM audit").first();
  return idSchema.parse(row).id;
}

/** What was recorded since the test began, in order. */
async function recorded(): Promise<string[]> {
  const query = env.DB.prepare("SELECT action, subject FROM audit WHERE id > ? ORDER BY id");
  const { results } = await query.bind(before).all<{ action: string; subject: string }>();
  return results.map(({ action, subject }) => `${action} ${subject}`);
}

beforeEach(async () => {
  before = await newestId();
});

/** The statuses of the same request, sent twice. */
async function twice(request: () => Promise<Response>): Promise<number[]> {
  return [(await request()).status, (await request()).status];
}

describe("one audit row, and none for a repetition or a refusal, says that", () => {
  test("a publisher was created", async () => {
    const create = (displayName: string) =>
      send("POST", "/v1/publishers", { body: { name: "umbrella", displayName } });
    expect(await twice(() => create("Umbrella"))).toEqual([201, 200]);
    expect((await create("Another")).status).toBe(409);
    expect(await recorded()).toEqual(["publisher.create umbrella"]);
  });

  test("a scope was created", async () => {
    const claim = (publisher: string) =>
      send("POST", "/v1/scopes", { body: { scope: "@acme-labs", publisher } });
    expect(await twice(() => claim("acme"))).toEqual([201, 200]);
    expect((await claim("globex")).status).toBe(409);
    expect(await recorded()).toEqual(["scope.create @acme-labs"]);
  });

  test("a key was enrolled", async () => {
    const key = await newKey();
    expect(await twice(() => enroll("acme", key))).toEqual([201, 200]);
    expect((await enroll("globex", key)).status).toBe(409);
    expect(await recorded()).toEqual([`key.enroll ${key.keyId}`]);
  });

  test("a token was revoked", async () => {
    const body = { publisher: "acme", permissions: ["yank"] };
    const made = await send("POST", "/v1/tokens", { body });
    const { id } = z.object({ id: z.string() }).parse(await made.json());
    expect(await twice(() => send("DELETE", `/v1/tokens/${id}`))).toEqual([204, 204]);
    expect(await recorded()).toEqual([`token.create ${id}`, `token.revoke ${id}`]);
  });

  test("an instance was registered", async () => {
    const { key, id } = await registerInstance();
    const body = { publicKey: base64url(key.publicKey) };
    expect((await sendSigned(key, "/v1/instances", { body })).status).toBe(200);
    expect(await recorded()).toEqual([`instance.register ${id}`]);
  });
});

async function enroll(publisher: string, key: SigningKey): Promise<Response> {
  const asked = await send("POST", "/v1/keys/challenge", { body: { publisher } });
  const { challenge } = z.object({ challenge: z.string() }).parse(await asked.json());
  const signature = await proveKeyPossession(key, challenge);
  const body = { publisher, publicKey: base64url(key.publicKey), challenge, signature };
  return send("POST", "/v1/keys", { body });
}

describe("of a release", () => {
  const reviewing = { ...env, REVIEW_POLICY: "first-release" };
  const path = (name: string, verb: string) => `/v1/plugins/${name}/versions/1.0.0/${verb}`;

  async function submit(name: string, account: Account, bindings = env): Promise<Response> {
    const target = { name, version: "1.0.0" };
    const bundle = await buildBundle(account.key, target);
    return publish(target, bundle, { token: account.token, bindings });
  }

  test("publishing is recorded once; approving what is published already is not", async () => {
    const name = "@acme/open";
    expect(await twice(() => submit(name, acme))).toEqual([201, 200]);
    expect((await send("POST", path(name, "approve"))).status).toBe(200);
    expect(await recorded()).toEqual([`release.publish ${name}@1.0.0`]);
    const { approved_at } = z
      .object({ approved_at: z.int().nullable() })
      .parse(await env.DB.prepare("SELECT * FROM publishers WHERE name = 'acme'").first());
    expect(approved_at).toBeNull();
  });

  test("a refusal is recorded for each reason, an approval once", async () => {
    const initech = await createAccount("initech");
    const name = "@initech/tps";
    expect((await submit(name, initech, reviewing)).status).toBe(201);
    before = await newestId();
    const reject = (reason: string) => send("POST", path(name, "reject"), { body: { reason } });
    expect(await twice(() => reject("No text"))).toEqual([200, 200]);
    expect((await reject("No icon")).status).toBe(200);
    expect(await twice(() => send("POST", path(name, "approve")))).toEqual([200, 200]);
    const subject = `${name}@1.0.0`;
    expect(await recorded()).toEqual([
      `release.reject ${subject}`,
      `release.reject ${subject}`,
      `release.approve ${subject}`,
    ]);
  });

  test("marks and channels are recorded when they change", async () => {
    const name = "@acme/marked";
    await submit(name, acme);
    before = await newestId();
    const yank = (reason: string | null) => send("POST", path(name, "yank"), { body: { reason } });
    const move = () =>
      send("PUT", `/v1/plugins/${name}/channels/lts`, { body: { version: "1.0.0" } });
    expect(await twice(() => yank("Broken"))).toEqual([200, 200]);
    expect(await twice(() => yank(null))).toEqual([200, 200]);
    expect(await twice(move)).toEqual([200, 200]);
    expect(await recorded()).toEqual([
      `release.yank ${name}@1.0.0`,
      `release.yank ${name}@1.0.0`,
      `channel.move ${name}`,
    ]);
  });
});
