import { env } from "cloudflare:workers";
import { signProof, utf8 } from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { beforeAll, expect, test } from "vitest";
import { call, createAccount, ORIGIN, resetMarketplace } from "../testing.ts";
import { activate, tryRenew } from "./sample-activation.ts";
import { registerInstance } from "./sample-instance.ts";
import type { SampleInstance } from "./sample-instance.ts";
import { DAY_MS, sampleActivation, sampleLicense } from "./sample-license.ts";
import { issue, PLUGIN, publishPaidPlugin } from "./sample-plugin.ts";
import { activations, licenses } from "./tables.ts";

const LICENSES = 1_000;
const SEATS_TAKEN = 100;

interface Bill {
  read: number;
  written: number;
  queries: number;
}

let instance: SampleInstance;

beforeAll(async () => {
  await resetMarketplace();
  await publishPaidPlugin(await createAccount("demo"));
  instance = await registerInstance();
  const db = drizzle(env.DB);
  const until = Date.now() + 90 * DAY_MS;
  for (let n = 0; n < LICENSES; n++) {
    const [licenseId, id] = [`license-${n}`, `activation-${n}`];
    await db.batch([
      db.insert(licenses).values(sampleLicense({ id: licenseId, keyHash: licenseId, until })),
      db
        .insert(activations)
        .values(sampleActivation({ id, licenseId, instanceId: instance.id, heldUntil: until })),
    ]);
  }
}, 60_000);

/** The database with a meter: `raw()` carries no bill, so its query is asked once more for it. */
function metered(bill: Bill): D1Database {
  const statements = new WeakMap<object, D1PreparedStatement>();
  const count = <T extends { meta: { rows_read?: number; rows_written?: number } }>(result: T) => {
    bill.read += result.meta.rows_read ?? 0;
    bill.written += result.meta.rows_written ?? 0;
    return result;
  };
  const bind = (statement: D1PreparedStatement) => {
    const bound = {
      bind: (...values: unknown[]) => bind(statement.bind(...values)),
      first: () => statement.first(),
      run: async () => once(count(await statement.run())),
      all: async () => once(count(await statement.all())),
      raw: async () => {
        count(await statement.all());
        return once(await statement.raw());
      },
    };
    statements.set(bound, statement);
    return bound;
  };
  const once = <T>(result: T) => {
    bill.queries += 1;
    return result;
  };
  const database = {
    prepare: (sql: string) => bind(env.DB.prepare(sql)),
    batch: async (batch: object[]) =>
      once((await env.DB.batch(batch.map((bound) => statements.get(bound)!))).map(count)),
    withSession: () => database,
  };
  return database as unknown as D1Database;
}

/** What one signed request costs, and its answer's status. */
async function billed(
  { key }: SampleInstance,
  path: string,
  body: {
    readonly rid?: string;
    readonly plugin?: string;
    readonly version?: string;
    readonly lease?: string;
  },
) {
  const bill = { read: 0, written: 0, queries: 0 };
  const bytes = utf8(JSON.stringify(body));
  const about = { method: "POST", url: ORIGIN + path, body: bytes, now: Date.now() };
  const proof = await signProof({ ...about, rid: body.rid ?? crypto.randomUUID() }, key);
  const headers = { "Content-Type": "application/json", "Rbsm-Proof": proof };
  const bindings = { ...env, DB: metered(bill) };
  // The check of the schema is made once an isolate, not once a request.
  await call("/v1/plugins/@demo/none", {}, bindings);
  Object.assign(bill, { read: 0, written: 0, queries: 0 });
  const { status } = await call(path, { method: "POST", headers, body: bytes }, bindings);
  return { status, ...bill };
}

test("a renewal is one read of three rows and one write of three", async () => {
  const renewal = { activationId: "activation-500", seq: 3, rid: "next" };
  const bill = await billed(instance, "/v1/leases", renewal);
  expect(bill).toMatchObject({ status: 200, queries: 2 });
  expect(bill.read).toBeLessThanOrEqual(6);
  expect(bill.written).toBeLessThanOrEqual(3);
});

test("a repeated renewal writes nothing", async () => {
  const renewal = { activationId: "activation-501", seq: 3, rid: "next" };
  await billed(instance, "/v1/leases", renewal);
  const bill = await billed(instance, "/v1/leases", renewal);
  expect(bill).toMatchObject({ status: 200, queries: 1, written: 0 });
});

test("a link is one read of a handful of rows", async () => {
  const host = await registerInstance();
  const { licenseKey } = await issue("team");
  const { lease } = await activate(host, licenseKey);
  const bill = await billed(host, "/v1/downloads", { plugin: PLUGIN, version: "1.0.0", lease });
  expect(bill).toMatchObject({ status: 200, queries: 1, written: 0 });
  expect(bill.read).toBeLessThanOrEqual(8);
});

test("a lease that is resumed is a read of a few rows, and a row for the record", async () => {
  const { licenseKey } = await issue("team");
  const host = await registerInstance();
  const { activationId, lease } = await activate(host, licenseKey);
  await tryRenew(host, { activationId, seq: 1, rid: "next" });
  const bill = await billed(host, `/v1/activations/${activationId}/resume`, { lease });
  expect(bill.status).toBe(200);
  expect(bill.read).toBeLessThanOrEqual(20);
  expect(bill.written).toBeLessThanOrEqual(5);
});

test("a renewal above the seats counts them", async () => {
  const { licenseKey } = await issue("roomy");
  const [first, second] = [await registerInstance(), await registerInstance()];
  await activate(first, licenseKey);
  const { activationId } = await activate(second, licenseKey);
  const renewal = { activationId, seq: 1, rid: "next" };
  const bill = await billed(second, "/v1/leases", renewal);
  expect(bill).toMatchObject({ status: 200, queries: 3 });
  // One row more for each seat that is taken.
  expect(bill.read).toBeLessThanOrEqual(6 + 2);
  expect(bill.written).toBeLessThanOrEqual(3);
});

test("an activation among a hundred taken seats reads them once to admit and once to write", async () => {
  const { licenseId, licenseKey } = await issue("team", { seats: SEATS_TAKEN + 1 });
  const db = drizzle(env.DB);
  for (let n = 0; n < SEATS_TAKEN; n++) {
    const { id: instanceId } = await registerInstance();
    const heldUntil = Date.now() + DAY_MS;
    await db
      .insert(activations)
      .values(sampleActivation({ id: `seat-${n}`, licenseId, instanceId, heldUntil }));
  }
  const newcomer = await registerInstance();
  const activation = { licenseKey, plugin: PLUGIN, instanceId: newcomer.id };
  const bill = await billed(newcomer, "/v1/licenses/activate", activation);
  // The third looks, after the answer, for webhooks that have to be told.
  expect(bill).toMatchObject({ status: 200, queries: 3 });
  expect(bill.read).toBeLessThanOrEqual(4 * SEATS_TAKEN + 40);
  expect(bill.written).toBeLessThanOrEqual(12);
});
