import { env } from "cloudflare:workers";
import { sha256Hex, utf8 } from "@rising-bsm/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import type { Bindings } from "../env.ts";
import { buildBundle, call, createAccount, publish, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";
import { stageBundle } from "./bundle-object.ts";
import { sweepStaged } from "./sweep-staged.ts";

const DAY_MS = 86_400_000;
const tomorrow = () => new Date(Date.now() + 1.5 * DAY_MS);
const reviewing = { ...env, REVIEW_POLICY: "first-release" };
const paid = { pricing: { plans: [{ id: "pro", kind: "subscription" }] } };
const target = { name: "@acme/hello", version: "1.0.0" };
let acme: Account;

beforeEach(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
});

const keyOf = async (bytes: Uint8Array<ArrayBuffer>) => `b/${await sha256Hex(bytes)}.rbsm`;

async function isStaged(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return (await env.PRIVATE.head(await keyOf(bytes))) !== null;
}

/** Bytes that were uploaded for a version and never became it. */
async function stageOrphan(content: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await buildBundle(acme.key, target, { "x.txt": content });
  const staged = { plugin: target.name, version: target.version, sha256: await sha256Hex(bytes) };
  await stageBundle(env.PRIVATE, { ...staged, paid: false }, bytes);
  return bytes;
}

/** Bindings with something that happens before the first object is deleted. */
function beforeDelete(event: () => Promise<unknown>): Bindings {
  let isDue = true;
  const bucket = new Proxy(env.PRIVATE, {
    get(of, property) {
      const member: unknown = Reflect.get(of, property, of);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        if (property === "delete" && isDue) {
          isDue = false;
          await event();
        }
        return Reflect.apply(member, of, args);
      };
    },
  });
  return { ...env, PRIVATE: bucket };
}

describe("the staged copy", () => {
  test("of a free bundle goes once everybody can fetch it, and no replay brings it back", async () => {
    const bundle = await buildBundle(acme.key, target);
    expect((await publish(target, bundle, acme)).status).toBe(201);
    expect(await isStaged(bundle)).toBe(false);
    expect((await call(`/${await keyOf(bundle)}`)).status).toBe(200);
    expect((await publish(target, bundle, acme)).status).toBe(200);
    expect(await isStaged(bundle)).toBe(false);
  });

  test("stays when the public one is not these bytes", async () => {
    const bundle = await buildBundle(acme.key, target);
    await env.BUNDLES.put(await keyOf(bundle), "other bytes", {
      sha256: await sha256Of("other bytes"),
    });
    expect((await publish(target, bundle, acme)).status).toBe(500);
    expect(await isStaged(bundle)).toBe(true);
  });

  test("of a release in review is there for its approval, also after a refusal", async () => {
    const bundle = await buildBundle(acme.key, target);
    await publish(target, bundle, { token: acme.token, bindings: reviewing });
    const path = `/v1/plugins/${target.name}/versions/${target.version}`;
    await send("POST", `${path}/reject`, { body: { reason: "No text" } });
    await sweepStaged(env, tomorrow());
    expect(await isStaged(bundle)).toBe(true);
    expect((await send("POST", `${path}/approve`)).status).toBe(200);
    expect((await call(`/${await keyOf(bundle)}`)).status).toBe(200);
    expect(await isStaged(bundle)).toBe(false);
  });
});

async function sha256Of(text: string): Promise<string> {
  return sha256Hex(utf8(text));
}

describe("the sweep", () => {
  test("removes what no version lives from, when it is a day old", async () => {
    const sold = await buildBundle(acme.key, { ...target, ...paid });
    await publish(target, sold, acme);
    const orphan = await stageOrphan("lost the race");
    await sweepStaged(env, new Date());
    expect(await isStaged(orphan)).toBe(true);
    await sweepStaged(env, tomorrow());
    expect(await isStaged(orphan)).toBe(false);
    expect(await isStaged(sold)).toBe(true);
  });

  test("removes a copy that a crash left beside the public one, never the only one", async () => {
    const bundle = await buildBundle(acme.key, target);
    await publish(target, bundle, acme);
    const staged = { plugin: target.name, version: "1.0.0", sha256: await sha256Hex(bundle) };
    await stageBundle(env.PRIVATE, { ...staged, paid: false }, bundle);
    const key = await keyOf(bundle);
    await env.BUNDLES.delete(key);
    await sweepStaged(env, tomorrow());
    expect(await isStaged(bundle)).toBe(true);
    await env.BUNDLES.put(key, bundle, { sha256: staged.sha256 });
    await sweepStaged(env, tomorrow());
    expect(await isStaged(bundle)).toBe(false);
  });

  test("gets through any number in bounded runs", async () => {
    for (let i = 0; i < 120; i++) {
      const sha256 = await sha256Of(`orphan ${i}`);
      const bytes = utf8(`orphan ${i}`);
      const staged = { plugin: target.name, version: "1.0.0", sha256, paid: false };
      await stageBundle(env.PRIVATE, staged, bytes);
    }
    const left = [];
    for (let run = 0; run < 8; run++) {
      await sweepStaged(env, new Date(tomorrow().getTime() + run * 600_000));
      left.push((await env.PRIVATE.list()).objects.length);
    }
    expect(left[0]).toBeGreaterThan(60);
    expect(left.at(-1)).toBe(0);
  });

  test("puts back what an upload took up while it was being removed", async () => {
    const bytes = await stageOrphan("taken up");
    const upload = () => publish(target, bytes, { token: acme.token, bindings: reviewing });
    await sweepStaged(beforeDelete(upload), tomorrow());
    expect(await isStaged(bytes)).toBe(true);
  });

  test("between the staging and the claim of an upload takes nothing from it", async () => {
    const bytes = await stageOrphan("swept meanwhile");
    const bindings = { ...reviewing, DB: sweptBeforeClaim() };
    const answer = await publish(target, bytes, { token: acme.token, bindings });
    expect(answer.status).toBe(201);
    expect(await isStaged(bytes)).toBe(true);
  });

  /** The database with a sweep before the second batch of a session, which is the claim. */
  function sweptBeforeClaim(): D1Database {
    let batches = 0;
    return new Proxy(env.DB, {
      get(of, property) {
        if (property !== "withSession") {
          const member: unknown = Reflect.get(of, property, of);
          return typeof member === "function" ? member.bind(of) : member;
        }
        return (constraint: D1SessionConstraint) => {
          const session = of.withSession(constraint);
          return {
            prepare: (sql: string) => session.prepare(sql),
            getBookmark: () => session.getBookmark(),
            batch: async (statements: D1PreparedStatement[]) => {
              batches += 1;
              if (batches === 2) await sweepStaged(env, tomorrow());
              return session.batch(statements);
            },
          };
        };
      },
    });
  }
});
