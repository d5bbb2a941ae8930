import { env } from "cloudflare:workers";
import { pluginDocumentSchema, sha256Hex, signingKeyFromSeed } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { advance } from "../log/advance.ts";
import { failingAt, withMethods } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  enrollKey,
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
});

async function publishNew(name: string, version: string, extra: object = {}): Promise<Response> {
  const target = { name, version };
  return publish(target, await buildBundle(acme.key, { ...target, ...extra }), acme);
}

async function readDocument(name: string) {
  return pluginDocumentSchema.parse(await (await call(`/index/${name}.json`)).json());
}

const change = (name: string, path: string, body: object) =>
  send("POST", `/v1/plugins/${name}/versions/${path}`, { token: acme.token, body });

describe("yank and deprecate", () => {
  test("show in the version, the document and the channels, and can be taken back", async () => {
    const name = "@acme/yanked";
    await publishNew(name, "1.0.0");
    await publishNew(name, "1.1.0");
    expect((await change(name, "1.1.0/yank", { reason: "Loses data" })).status).toBe(200);
    const yanked = await (await call(`/v1/plugins/${name}/versions/1.1.0`)).json();
    expect(yanked).toMatchObject({ yanked: { reason: "Loses data" }, channels: [] });
    const document = await readDocument(name);
    expect(document.channels).toEqual({ latest: "1.0.0" });
    expect(document.versions[0]?.yanked).toEqual({ reason: "Loses data" });

    await change(name, "1.1.0/yank", { reason: null });
    expect((await readDocument(name)).channels).toEqual({ latest: "1.1.0" });
    await change(name, "1.0.0/deprecate", { reason: "Use 1.1" });
    const versions = (await readDocument(name)).versions;
    expect(versions[1]?.deprecated).toEqual({ reason: "Use 1.1" });
  });

  test("a yanked version stays downloadable", async () => {
    const name = "@acme/kept";
    await publishNew(name, "1.0.0");
    await change(name, "1.0.0/yank", { reason: "Wrong" });
    const redirect = await call(`/${name}/1.0.0/bundle.rbsm`);
    expect(redirect.status).toBe(302);
    expect((await call(redirect.headers.get("location") ?? "")).status).toBe(200);
    expect((await call(`/v1/plugins/${name}`)).status).toBe(200);
  });

  test("refuse what is not there and whom it does not belong to", async () => {
    const globex = await createAccount("globex");
    const body = { reason: "x" };
    expect(await refusal(await change("@acme/none", "1.0.0/yank", body))).toEqual([
      404,
      "plugin_not_found",
    ]);
    await publishNew("@acme/mine", "1.0.0");
    const path = "/v1/plugins/@acme/mine/versions/1.0.0/yank";
    const stranger = await send("POST", path, { token: globex.token, body });
    expect(await refusal(stranger)).toEqual([403, "auth_scope"]);
  });

  for (const fault of ["failed", "failed but stored"] as const) {
    test(`a yank whose write ${fault} reaches the document through cron`, async () => {
      let madeGood = 0;
      for (let nth = 1; ; nth++) {
        const name = `@acme/yank-${fault.length}-${nth}`;
        await publishNew(name, "1.0.0");
        const { bindings, hit } = failingAt(env, nth, fault);
        const path = `/v1/plugins/${name}/versions/1.0.0/yank`;
        const body = { reason: "x" };
        const answer = await send("POST", path, { token: acme.token, body, bindings });
        if (!hit()) {
          expect(answer.status).toBe(200);
          // What withdraws copies early, as they are withdrawn once more; and what others show of themselves.
          return expect(madeGood).toBeLessThanOrEqual(2);
        }
        if (answer.status === 200) madeGood += 1;
        else expect(answer.status).toBe(500);
        await advance(env, new Date());
        const stored = await env.DB.prepare("SELECT yanked_reason FROM versions WHERE plugin = ?")
          .bind(name)
          .first("yanked_reason");
        const shown = (await readDocument(name)).versions[0]?.yanked;
        expect(shown).toEqual(stored === null ? false : { reason: "x" });
        if (answer.status === 200) expect(stored).toBe("x");
      }
    });
  }
});

describe("channels", () => {
  test("prereleases go to beta, back-ports leave latest alone", async () => {
    const name = "@acme/channels";
    for (const version of ["2.0.0", "1.9.1", "2.1.0-beta.1"]) await publishNew(name, version);
    expect((await readDocument(name)).channels).toEqual({
      latest: "2.0.0",
      beta: "2.1.0-beta.1",
    });
  });

  test("the owner moves them, until a later release takes latest", async () => {
    const name = "@acme/moved";
    for (const version of ["1.0.0", "1.1.0"]) await publishNew(name, version);
    const move = (channel: string, version: string) =>
      send("PUT", `/v1/plugins/${name}/channels/${channel}`, {
        token: acme.token,
        body: { version },
      });
    expect((await move("latest", "1.0.0")).status).toBe(200);
    await move("lts", "1.0.0");
    expect((await readDocument(name)).channels).toEqual({ latest: "1.0.0", lts: "1.0.0" });
    expect(await (await call(`/v1/plugins/${name}`)).json()).toMatchObject({ version: "1.0.0" });
    await publishNew(name, "1.2.0");
    expect((await readDocument(name)).channels).toEqual({ latest: "1.2.0", lts: "1.0.0" });
    expect(await refusal(await move("latest", "9.9.9"))).toEqual([404, "plugin_not_found"]);
    await send("POST", `/v1/plugins/${name}/versions/1.0.0/yank`, { body: { reason: "Old" } });
    expect(await refusal(await move("lts", "1.0.0"))).toEqual([409, "conflict_state"]);
  });

  test("the owner's word counts for prereleases on latest and stable ones on beta", async () => {
    const name = "@acme/early";
    for (const version of ["1.0.0", "2.0.0-rc.1", "1.1.0"]) await publishNew(name, version);
    const move = (channel: string, version: string) =>
      send("PUT", `/v1/plugins/${name}/channels/${channel}`, { body: { version } });
    const channels = async () => (await readDocument(name)).channels;
    await move("beta", "1.0.0");
    expect(await channels()).toEqual({ latest: "1.1.0", beta: "1.0.0" });
    await move("latest", "2.0.0-rc.1");
    expect(await channels()).toEqual({ latest: "2.0.0-rc.1", beta: "1.0.0" });
    await publishNew(name, "2.0.0-rc.2");
    expect(await channels()).toEqual({ latest: "2.0.0-rc.1", beta: "2.0.0-rc.2" });
    await move("beta", "2.0.0-rc.1");
    await publishNew(name, "1.2.0");
    expect(await channels()).toEqual({ latest: "2.0.0-rc.1", beta: "2.0.0-rc.1" });
    await publishNew(name, "2.0.0");
    expect(await channels()).toEqual({ latest: "2.0.0" });
  });
});

describe("a new key", () => {
  const keyIds = async (name: string) =>
    (await readDocument(name)).publisher.keys.map(({ keyId }) => keyId);
  const newKey = () => signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
  const revisionOf = (name: string) =>
    env.DB.prepare("SELECT revision FROM plugins WHERE name = ?").bind(name).first("revision");

  test("is in the public document of its publisher's plugin as soon as it is enrolled", async () => {
    const umbrella = await createAccount("umbrella");
    const target = { name: "@umbrella/keyed", version: "1.0.0" };
    await publish(target, await buildBundle(umbrella.key, target), umbrella);
    const key = await newKey();
    await enrollKey({ token: umbrella.token, key });
    expect(await keyIds(target.name)).toContain(key.keyId);
    const before = await revisionOf(target.name);
    await enrollKey({ token: umbrella.token, key });
    expect(await revisionOf(target.name)).toBe(before);
  });

  test("is in those of many plugins after cron", async () => {
    const names = Array.from({ length: 8 }, (_, i) => `@acme/keyed-${i}`);
    for (const name of names) await publishNew(name, "1.0.0");
    const key = await newKey();
    await enrollKey({ token: acme.token, key });
    await advance(env, new Date());
    for (const name of names) expect(await keyIds(name)).toContain(key.keyId);
  });

  for (const fault of ["failed", "failed but stored"] as const) {
    test(`that was enrolled by a request whose write ${fault} is served after the same again or cron`, async () => {
      for (let nth = 1; ; nth++) {
        const hooli = await createAccount(`hooli-${fault.length}-${nth}`);
        const target = { name: `${hooli.scope}/keyed`, version: "1.0.0" };
        await publish(target, await buildBundle(hooli.key, target), hooli);
        const key = await newKey();
        const { bindings, hit } = failingAt(env, nth, fault);
        const isDone = await enrollKey({ token: hooli.token, key, bindings }).then(
          () => true,
          () => false,
        );
        // A document alone that cannot be written does not keep the key from being enrolled.
        if (isDone) await advance(env);
        else await enrollKey({ token: hooli.token, key });
        expect(await keyIds(target.name)).toContain(key.keyId);
        if (!hit()) return expect(nth).toBeGreaterThan(3);
      }
    });
  }
});

describe("review under first-release", () => {
  const reviewing = { ...env, REVIEW_POLICY: "first-release" };
  let initech: Account;
  const target = { name: "@initech/tps", version: "1.0.0" };
  const decide = (version: string, verb: string, body?: object) =>
    send("POST", `/v1/plugins/@initech/tps/versions/${version}/${verb}`, { body: body ?? {} });

  async function submit(version: string, extra: object = {}): Promise<unknown> {
    const bundle = await buildBundle(initech.key, { ...target, version, ...extra });
    const { token } = initech;
    const answer = await publish({ ...target, version }, bundle, { token, bindings: reviewing });
    return answer.json();
  }

  beforeAll(async () => {
    initech = await createAccount("initech");
  });

  test("a first release waits: stored, not listed, not served, not stated", async () => {
    const bundle = await buildBundle(initech.key, target);
    expect(await submit("1.0.0")).toMatchObject({ status: "in_review" });
    expect(await submit("1.0.0")).toMatchObject({ status: "in_review" });
    const paths = [
      "/v1/plugins/@initech/tps",
      "/v1/plugins/@initech/tps/versions/1.0.0",
      "/index/@initech/tps.json",
      "/index/@initech/tps/1.0.0.release.json",
      "/@initech/tps/1.0.0/bundle.rbsm",
    ];
    for (const path of paths) expect((await call(path)).status).toBe(404);
    expect((await call(`/b/${await sha256Hex(bundle)}.rbsm`)).status).toBe(403);
    const queue = await (await send("GET", "/v1/review-queue")).json();
    expect(queue).toMatchObject({ items: [{ plugin: "@initech/tps", version: "1.0.0" }] });
  });

  test("rejected says why, and an appeal can still be approved", async () => {
    expect((await decide("1.0.0", "reject", { reason: "No description" })).status).toBe(200);
    expect(await submit("1.0.0")).toMatchObject({
      code: "conflict_state",
      detail: expect.stringContaining("No description"),
    });
    expect((await decide("1.0.0", "approve")).status).toBe(200);
    expect((await decide("1.0.0", "approve")).status).toBe(200);
    expect((await call("/v1/plugins/@initech/tps")).status).toBe(200);
    expect(await refusal(await decide("1.0.0", "reject", { reason: "late" }))).toEqual([
      409,
      "conflict_state",
    ]);
  });

  test("the next release of an approved publisher is published at once", async () => {
    expect(await submit("1.1.0")).toMatchObject({ status: "published" });
  });

  test("a release that asks for more waits again", async () => {
    expect(await submit("1.2.0", { permissions: ["customers.view"] })).toMatchObject({
      status: "in_review",
    });
    expect(await submit("1.3.0", { network: ["api.example.com"] })).toMatchObject({
      status: "in_review",
    });
  });
});

test("a release that another Worker of an older version lets in is logged and listed", async () => {
  const account = await createAccount("umbrella");
  const target = { name: "@umbrella/old", version: "1.0.0" };
  const bundle = await buildBundle(account.key, target);
  const reviewing = { ...env, REVIEW_POLICY: "first-release" };
  const { token } = account;
  expect((await publish(target, bundle, { token, bindings: reviewing })).status).toBe(201);
  const sql = `UPDATE versions SET status = 'publishing', published_at = 1,
    seq = (SELECT max(seq) + 1 FROM versions) WHERE plugin = '@umbrella/old'`;
  await env.DB.prepare(sql).run();
  await advance(env);
  expect((await call("/index/@umbrella/old/1.0.0.tlog-proof")).status).toBe(200);
  expect((await call("/v1/plugins/@umbrella/old")).status).toBe(200);
});

test("a key that is revoked, or a plugin that is removed, while a release is read admits it no more", async () => {
  const account = await createAccount("wayne");
  const { token } = account;
  const publishWhile = async (name: string, sql: string) => {
    const target = { name, version: "1.0.1" };
    const bundle = await buildBundle(account.key, target);
    const meanwhile = withMethods(env.PRIVATE, {
      put: async (...args: Parameters<R2Bucket["put"]>) => {
        await env.DB.prepare(sql).run();
        return env.PRIVATE.put(...args);
      },
    });
    return refusal(
      await publish(target, bundle, { token, bindings: { ...env, PRIVATE: meanwhile } }),
    );
  };
  const first = { name: "@wayne/gone", version: "1.0.0" };
  expect((await publish(first, await buildBundle(account.key, first), account)).status).toBe(201);
  const remove = "UPDATE plugins SET removed_at = 1 WHERE name = '@wayne/gone'";
  expect(await publishWhile("@wayne/gone", remove)).toEqual([409, "conflict_removed"]);
  const revoke =
    "UPDATE publisher_keys SET revoked_at = 1, revoked_from = 0 WHERE publisher = 'wayne'";
  expect(await publishWhile("@wayne/tool", revoke)).toEqual([403, "trust_key_revoked"]);
});
