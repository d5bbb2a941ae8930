import { env } from "cloudflare:workers";
import { ADVISORIES_TARGET, catalogShardSchema, shardTarget, utf8 } from "@rising-bsm/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { writeDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { jsonObject, putOnce } from "../objects.ts";
import { counting, failingAt } from "../testing-bindings.ts";
import { resetMarketplace } from "../testing.ts";
import { publishCatalog } from "./publish-catalog.ts";
import { sampleCeremony, uploadTrust } from "./sample-ceremony.ts";
import { readPublished, readTarget } from "./sample-client.ts";

const DAY_MS = 86_400_000;
const start = Date.now();
const day = (days: number) => new Date(start + days * DAY_MS);

beforeEach(async () => {
  await resetMarketplace();
  await env.DB.exec(
    "INSERT INTO publishers (name, display_name, created_at) VALUES ('acme', 'Acme', 1)",
  );
  await env.DB.exec(
    "INSERT INTO scopes (scope, publisher, created_at) VALUES ('@acme', 'acme', 1)",
  );
  expect((await uploadTrust(await sampleCeremony({ expires }))).status).toBe(200);
});

/** Gives plugins documents, as writing their documents does. */
async function setDocuments(documents: Record<string, string | null>): Promise<void> {
  for (const [name, sha256] of Object.entries(documents)) {
    await env.DB.prepare(
      "INSERT OR IGNORE INTO plugins (name, scope, created_at, updated_at) VALUES (?, '@acme', 1, 1)",
    )
      .bind(name)
      .run();
    await env.DB.prepare("UPDATE plugins SET shard = ?, document_sha256 = ? WHERE name = ?")
      .bind(await shardTarget(name), sha256, name)
      .run();
  }
}

const expires = new Date(start + 800 * DAY_MS);
const hash = (digit: string) => digit.repeat(64);

function publish(now = new Date(), bindings: Bindings = env): Promise<number> {
  return publishCatalog(bindings, writeDatabase(bindings), now);
}

async function listed(name: string): Promise<string | undefined> {
  return catalogShardSchema.parse(await readTarget(await shardTarget(name))).plugins[name];
}

async function tufKeys(): Promise<string[]> {
  return (await env.BUNDLES.list({ prefix: "tuf/" })).objects.map(({ key }) => key);
}

/** Names that share a shard. */
async function namesOfOneShard(count: number): Promise<string[]> {
  const names: string[] = [];
  const wanted = await shardTarget("@acme/p0");
  for (let i = 0; names.length < count; i++) {
    if ((await shardTarget(`@acme/p${i}`)) === wanted) names.push(`@acme/p${i}`);
  }
  return names;
}

describe("publishCatalog()", () => {
  test("lists a new document in its shard, under one version of catalog, snapshot and timestamp", async () => {
    await setDocuments({ "@acme/hello": hash("a") });
    const version = await publish();
    expect(await listed("@acme/hello")).toBe(hash("a"));
    const { timestamp, snapshot, catalog } = await readPublished();
    expect([timestamp.version, snapshot.version, catalog.version]).toEqual(Array(3).fill(version));
    const targets = [ADVISORIES_TARGET, await shardTarget("@acme/hello")];
    expect(new Set(Object.keys(catalog.targets))).toEqual(new Set(targets));
  });

  test("writes nothing when nothing changed, and a shard only when its own plugins did", async () => {
    await setDocuments({ "@acme/hello": hash("a"), "@acme/other": hash("b") });
    await publish();
    const before = await tufKeys();
    expect(await publish()).toBe((await readPublished()).timestamp.version);
    // A change that is taken back leaves every target as it was.
    await setDocuments({ "@acme/hello": hash("c") });
    await setDocuments({ "@acme/hello": hash("a") });
    await publish();
    expect(await tufKeys()).toEqual(before);
    await setDocuments({ "@acme/hello": hash("c") });
    await publish();
    const added = (await tufKeys()).filter((key) => !before.includes(key));
    expect(added.filter((key) => key.startsWith("tuf/targets/"))).toHaveLength(1);
    expect(await listed("@acme/other")).toBe(hash("b"));
  });

  test("takes a shard out with its last plugin", async () => {
    const [first = "", second = ""] = await namesOfOneShard(2);
    await setDocuments({ [first]: hash("a"), [second]: hash("b") });
    await publish();
    await setDocuments({ [first]: null });
    await publish();
    expect(await listed(first)).toBeUndefined();
    expect(await listed(second)).toBe(hash("b"));
    await setDocuments({ [second]: null });
    await publish();
    expect(Object.keys((await readPublished()).catalog.targets)).toEqual([ADVISORIES_TARGET]);
  });

  test("reads the plugins of changed shards and no others", async () => {
    const names = await namesOfOneShard(5);
    const others = Array.from({ length: 200 }, (_, i) => `@acme/other-${i}`);
    await setDocuments(Object.fromEntries([...names, ...others].map((name) => [name, hash("a")])));
    await publish();
    const read = async () => {
      const { bindings, count } = counting(env);
      await publish(new Date(), bindings);
      return count.rowsRead;
    };
    const idle = await read();
    await setDocuments({ [names[0] ?? ""]: hash("b") });
    const shards = Object.keys((await readPublished()).catalog.targets).length;
    // Beside the plugins: what an idle run reads, and the list of targets, a few times over.
    expect(await read()).toBeLessThanOrEqual(names.length + idle + 2 * shards + 20);
    expect(idle).toBeLessThan(20);
  }, 120_000);

  test("keeps everything in force for as long as it is called: heads daily, catalog monthly", async () => {
    await setDocuments({ "@acme/hello": hash("a") });
    await publish(day(0));
    const catalogs = new Set<number>();
    let last = (await readPublished()).timestamp.version;
    for (let now = 0.5; now < 100; now += 0.5) {
      await publish(day(now));
      const { timestamp, snapshot, catalog } = await readPublished();
      const oldest = Math.min(
        ...[timestamp, snapshot, catalog].map(({ expires }) => Date.parse(expires)),
      );
      expect(oldest - day(now).getTime()).toBeGreaterThan(5.9 * DAY_MS);
      expect(timestamp.version - last).toBe(Number.isInteger(now) ? 1 : 0);
      last = timestamp.version;
      catalogs.add(catalog.version);
    }
    expect(catalogs.size).toBe(4);
  }, 300_000);

  for (const fault of ["failed", "failed but stored"] as const) {
    test(`is repeated from the database after a write that ${fault}`, async () => {
      for (let nth = 1; ; nth++) {
        const document = nth.toString(16).padStart(64, "0");
        await setDocuments({ "@acme/hello": document });
        const { bindings, hit } = failingAt(env, nth, fault);
        const failed = await publish(new Date(), bindings).then(
          () => false,
          () => true,
        );
        if (failed) await publish();
        expect([nth, await listed("@acme/hello")]).toEqual([nth, document]);
        const { results } = await env.DB.prepare("SELECT target FROM catalog_changes").all();
        expect([nth, results]).toEqual([nth, []]);
        if (!hit()) return expect(nth).toBeGreaterThan(5);
      }
    }, 120_000);
  }

  test("gives a number one content, however many publish at once", async () => {
    const names = Array.from({ length: 8 }, (_, i) => `@acme/many-${i}`);
    await Promise.all(
      names.map(async (name, i) => {
        await setDocuments({ [name]: hash(String(i)) });
        // Somebody else may have moved the heads twenty times: the next one publishes it.
        await publish().catch(() => 0);
      }),
    );
    await publish();
    for (const [i, name] of names.entries()) expect(await listed(name)).toBe(hash(String(i)));
    const { timestamp, snapshot } = await readPublished();
    expect(snapshot.version).toBe(timestamp.version);
  });

  test("shows the newer rows under the greater number: who read before another wrote starts again", async () => {
    await setDocuments({ "@acme/hello": hash("a") });
    const slow = writeDatabase(env);
    const stale = {
      ...env,
      BUNDLES: delayed(env.BUNDLES, async () => {
        await setDocuments({ "@acme/hello": hash("b") });
        await publish();
      }),
    };
    await publishCatalog(stale, slow, new Date());
    expect(await listed("@acme/hello")).toBe(hash("b"));
  });

  test("skips a number that the bucket has already", async () => {
    const next = (await readPublished()).timestamp.version + 1;
    for (const name of [`${next}.catalog`, `${next + 1}.snapshot`]) {
      const object = jsonObject(`tuf/${name}.json`, utf8("another one"), "immutable");
      await putOnce(env.BUNDLES, object);
    }
    await setDocuments({ "@acme/hello": hash("a") });
    expect(await publish()).toBe(next + 2);
    expect(await listed("@acme/hello")).toBe(hash("a"));
    expect(await (await env.BUNDLES.get(`tuf/${next}.catalog.json`))?.text()).toBe("another one");
  });

  // The second one: the heads were recovered since.
  test.each([1, 2])("goes on above what a restored database has forgotten (%i)", async (known) => {
    const before = await env.DB.prepare("SELECT * FROM trust_roles").all<{
      role: string;
      version: number;
    }>();
    await setDocuments({ "@acme/hello": hash("a") });
    const version = await publish();
    await env.DB.exec(`UPDATE heads SET tuf_version = ${known}`);
    await env.DB.exec("DELETE FROM trust_roles WHERE role IN ('catalog', 'timestamp')");
    for (const { role, ...row } of before.results) {
      if (role !== "catalog" && role !== "timestamp") continue;
      await env.DB.prepare("INSERT INTO trust_roles VALUES (?, ?, ?, ?, ?, ?)")
        .bind(role, ...Object.values(row))
        .run();
    }
    await publish(day(2));
    const { timestamp, catalog } = await readPublished();
    expect(timestamp.version).toBe(version + 1);
    expect(catalog.version).toBe(version + 1);
  });

  test("never leads hosts back to older targets than they have seen", async () => {
    const next = await uploadTrust(await sampleCeremony({ expires, targetsVersion: 2 }));
    expect(next.status).toBe(200);
    const targets = await env.DB.prepare(
      "SELECT * FROM trust_roles WHERE role = 'targets'",
    ).first();
    await env.DB.exec("DELETE FROM trust_roles WHERE role = 'targets'");
    await env.DB.prepare("INSERT INTO trust_roles VALUES (?, ?, ?, ?, ?, ?)")
      .bind(...Object.values({ ...targets, version: 1 }))
      .run();
    await expect(publish(day(2))).rejects.toMatchObject({ code: "log_ahead" });
  });
});

/** A bucket that does something once, before the first object is stored. */
function delayed(bucket: R2Bucket, once: () => Promise<void>): R2Bucket {
  let isFirst = true;
  return new Proxy(bucket, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        if (isFirst) {
          isFirst = false;
          await once();
        }
        return member.apply(target, args);
      };
    },
  });
}
