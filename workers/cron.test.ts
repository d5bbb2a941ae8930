import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, inject, test, vi } from "vitest";
import { JOBS, runCron } from "./cron.ts";
import { publishPaidPlugin } from "./licenses/sample-plugin.ts";
import { countingCalls, withMethods } from "./testing-bindings.ts";
import { buildBundle, createAccount, publish, resetMarketplace } from "./testing.ts";
import { openReceiver } from "./webhooks/sample-receiver.ts";
import { createWebhook, insertLicense, recordEvents } from "./webhooks/sample-webhook.ts";

declare module "vitest" {
  interface ProvidedContext {
    crons: string[];
  }
}

const DAY_MS = 86_400_000;
const target = { name: "@demo/notes", version: "1.0.0" };

beforeAll(async () => {
  await resetMarketplace();
  const demo = await createAccount("demo");
  expect((await publish(target, await buildBundle(demo.key, target), demo)).status).toBe(201);
  await publishPaidPlugin(demo);
  await insertLicense();
});
afterEach(() => vi.restoreAllMocks());

test("each cron of wrangler.toml has its job", () => {
  expect([...JOBS.keys()]).toEqual(inject("crons"));
});

/** One plugin is behind it. */
const REBUILT_TO = "plugin:@demo/none-99";

/** Work that is there again as soon as it is done. */
const ENDLESS = {
  DB: [
    `INSERT INTO plugins (name, scope, created_at, updated_at)
       SELECT '@demo/none-' || value, '@demo', 0, 0 FROM json_each('[${Array.from({ length: 200 }, (_, at) => at).join()}]')`,
    "INSERT OR REPLACE INTO plugin_counts (plugin, stale) SELECT name, 1 FROM plugins",
    `CREATE TRIGGER counts_again AFTER UPDATE OF stale ON plugin_counts WHEN new.stale = 0
       BEGIN UPDATE plugin_counts SET stale = 1 WHERE plugin = new.plugin; END`,
    "INSERT INTO instances VALUES ('busy', 'key', 'jkt', 0)",
    `INSERT INTO beacons VALUES ('busy', 20000, 20000, '{"@demo/notes":"1.0.0"}', 0, 20000)`,
    `CREATE TRIGGER reports_again AFTER DELETE ON beacons BEGIN INSERT INTO beacons
       VALUES ('busy', 20000, 20000, old.plugins, 0, 20000); END`,
  ],
  SEARCH: [
    `CREATE TRIGGER rebuild_again AFTER UPDATE OF rebuilt_to ON search_state
       WHEN new.rebuilt_to <> '${REBUILT_TO}'
       BEGIN UPDATE search_state SET rebuilt_to = '${REBUILT_TO}'; END`,
    `UPDATE search_state SET rebuilding = generation + 1, rebuilt_to = '${REBUILT_TO}'`,
    `CREATE TRIGGER moves_again AFTER UPDATE OF waits ON docs WHEN new.waits = 0
       BEGIN UPDATE docs SET waits = 1 WHERE id = new.id; END`,
    "UPDATE docs SET waits = 1",
    `CREATE TRIGGER dies_again AFTER DELETE ON places WHEN old.dies = 5
       BEGIN INSERT INTO places (id, sort, slot, key, dies) VALUES (old.id, old.sort, 3, old.key, 5); END`,
    "INSERT INTO places (id, sort, slot, key, dies) SELECT id, 'new', 3, 1, 5 FROM docs",
  ],
};

test("a run that counts leaves room in its thousand calls, whatever waits", async () => {
  await env.DB.batch(ENDLESS.DB.map((sql) => env.DB.prepare(sql)));
  await env.SEARCH.batch(ENDLESS.SEARCH.map((sql) => env.SEARCH.prepare(sql)));
  const { bindings, count } = countingCalls(env);
  await runCron("3-59/10 * * * *", bindings, new Date(Date.now() + DAY_MS));
  // Beside names without a label, of which there is none here.
  expect(count.calls).toBeLessThan(900);
  expect(count.calls).toBeGreaterThan(800);
});

/** More staged bundles than a run looks at, all of which are to be removed. */
function fullBucket(sha256: string): R2Bucket {
  const object = {
    key: `b/${sha256}.rbsm`,
    uploaded: new Date(0),
    customMetadata: { plugin: target.name, version: target.version },
    arrayBuffer: async () => new ArrayBuffer(8),
  };
  return withMethods(env.PRIVATE, {
    list: async ({ limit = 0 }: R2ListOptions) => ({
      objects: Array.from({ length: limit }, () => object),
      truncated: false,
    }),
    get: async () => object,
    delete: async () => {},
  });
}

test("a run that delivers leaves room in its thousand calls, whatever waits", async () => {
  const receiver = openReceiver();
  for (let n = 0; n < 3; n++) await createWebhook();
  await recordEvents(
    Date.now(),
    Array.from({ length: 70 }, () => "renew"),
  );
  const sha256 = await env.DB.prepare("SELECT sha256 FROM versions WHERE plugin = ?")
    .bind(target.name)
    .first<string>("sha256");
  const { bindings, count } = countingCalls({ ...env, PRIVATE: fullBucket(sha256 ?? "") });
  await runCron("6-59/10 * * * *", bindings, new Date(Date.now() + 2 * DAY_MS));
  expect(receiver.received.length).toBe(200);
  expect(count.calls + receiver.received.length).toBeLessThan(900);
});
