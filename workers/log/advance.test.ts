import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Bindings } from "../env.ts";
import { beforeBatch, failingAt } from "../testing-bindings.ts";
import {
  buildBundle,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";
import { advance } from "./advance.ts";
import { auditMarketplace, readWholeLog } from "./sample-auditor.ts";

let acme: Account;

beforeEach(async () => {
  await resetMarketplace();
  const expires = new Date(Date.now() + 365 * 86_400_000);
  expect((await uploadTrust(await sampleCeremony({ expires }))).status).toBe(200);
  acme = await createAccount("acme");
});

async function publishNew(target: { name: string; version: string }, bindings: Bindings = env) {
  const bundle = await buildBundle(acme.key, target);
  return publish(target, bundle, { token: acme.token, bindings });
}

async function releases(): Promise<string[]> {
  const entries = await auditMarketplace();
  return entries.flatMap((entry) =>
    entry.type === "release" ? [`${entry.plugin}@${entry.version}`] : [],
  );
}

const mark = (verb: string, reason: string | null) =>
  send("POST", `/v1/plugins/@acme/hello/versions/1.0.0/${verb}`, { body: { reason } });
const hello = { name: "@acme/hello", version: "1.0.0" };

describe("the log", () => {
  test("has keys, owners, releases and marks in the order in which they happened", async () => {
    await publishNew(hello);
    await mark("yank", "Loses data");
    await mark("yank", "Loses much data");
    await mark("deprecate", "Old");
    await mark("yank", null);
    const entries = await auditMarketplace();
    const types = entries.map(({ type }) => type).join(" ");
    expect(types).toBe("root revocations owner key-add release yank deprecate yank");
    expect(entries.slice(-3)).toMatchObject([
      { type: "yank", plugin: "@acme/hello", version: "1.0.0", yanked: true },
      { type: "deprecate", deprecated: true },
      { type: "yank", yanked: false },
    ]);
    expect(JSON.stringify(entries)).not.toContain("Loses");
  });

  test("has one leaf of a version that was uploaded twice at once, and again", async () => {
    const answers = await Promise.all([publishNew(hello), publishNew(hello)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 201]);
    expect((await publishNew(hello)).status).toBe(200);
    expect(await releases()).toEqual(["@acme/hello@1.0.0"]);
  });

  test("is one line of 50 leaves after 50 publishes at once", async () => {
    const targets = Array.from({ length: 50 }, (_, i) =>
      i % 2 === 0
        ? { name: `@acme/plugin-${i}`, version: "1.0.0" }
        : { name: "@acme/shared", version: `1.${i}.0` },
    );
    const answers = await Promise.all(targets.map((target) => publishNew(target)));
    expect(answers.map(({ status }) => status)).toEqual(targets.map(() => 201));
    const found = await releases();
    expect(found).toHaveLength(50);
    expect(new Set(found)).toEqual(
      new Set(targets.map(({ name, version }) => `${name}@${version}`)),
    );
  }, 60_000);
});

describe("a publish whose write goes wrong", () => {
  const cases = [
    ["failed", "the same upload again"],
    ["failed but stored", "cron"],
  ] as const;
  for (const [fault, finish] of cases) {
    test(`${fault} at any step is finished by ${finish}, once`, async () => {
      const expected: string[] = [];
      for (let nth = 1; ; nth++) {
        const target = { name: `@acme/crash-${nth}`, version: "1.0.0" };
        const { bindings, hit } = failingAt(env, nth, fault);
        const first = await publishNew(target, bindings);
        await readWholeLog();
        if (finish === "cron") await advance(env);
        else expect((await publishNew(target)).ok).toBe(true);
        const sql = "SELECT 1 FROM versions WHERE plugin = ?";
        const claimed = await env.DB.prepare(sql).bind(target.name).first();
        if (claimed !== null) expected.push(`${target.name}@1.0.0`);
        if (!hit()) {
          expect(first.status).toBe(201);
          expect(nth).toBeGreaterThan(20);
          break;
        }
      }
      expect(await releases()).toEqual(expected);
    }, 120_000);
  }
});

describe("the hold", () => {
  const exec = (sql: string) => env.DB.prepare(sql).run();
  const hold = (seconds: number) =>
    exec(
      `UPDATE heads SET holder = 'crashed', held_until = unixepoch() * 1000 + ${seconds * 1_000}`,
    );

  test("of one who crashed ends by itself, and who waited for it takes over", async () => {
    await hold(2);
    expect((await publishNew(hello)).status).toBe(201);
    expect(await releases()).toEqual(["@acme/hello@1.0.0"]);
  });

  test("of one who works on keeps others waiting for so long; what they did is shown later", async () => {
    await hold(600);
    // The publish waits for twenty seconds of a clock that shows them in one.
    const now = Date.now.bind(Date);
    const from = now();
    const hurried = vi.spyOn(Date, "now").mockImplementation(() => from + (now() - from) * 20);
    const answer = await publishNew(hello);
    hurried.mockRestore();
    expect(await refusal(answer)).toEqual([503, "unavailable"]);
    await hold(0);
    await advance(env);
    expect(await releases()).toEqual(["@acme/hello@1.0.0"]);
  }, 60_000);

  test("does not decide: heads that were moved under it are read again", async () => {
    for (let nth = 1; nth <= 12; nth++) {
      const target = { name: `@acme/moved-${nth}`, version: "1.0.0" };
      const moved = () => exec("UPDATE heads SET revision = revision + 1");
      expect((await publishNew(target, beforeBatch(env, nth, moved))).status).toBe(201);
    }
    expect(await releases()).toHaveLength(12);
  });

  test("that was taken over by another ends the work of the first", async () => {
    const stolen = () => exec("UPDATE heads SET holder = 'another', held_until = 0");
    for (let nth = 3; nth <= 12; nth++) {
      const target = { name: `@acme/stolen-${nth}`, version: "1.0.0" };
      await publishNew(target, beforeBatch(env, nth, stolen));
    }
    await advance(env);
    expect(await releases()).toHaveLength(10);
  });
});
