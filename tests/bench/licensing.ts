import { randomBytes } from "node:crypto";
import {
  base64url,
  hashLicenseKey,
  newLicenseKey,
  signingKeyFromSeed,
  signProof,
  utf8,
} from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Bindings } from "../../workers/env.ts";
import { activateLicense } from "../../workers/licenses/activate-license.ts";
import { renewLease } from "../../workers/licenses/renew-lease.ts";
import { randomSecrets, startLocalWorker } from "./local-worker.ts";
import { meterDatabase } from "./metered-database.ts";
import type { Bill } from "./metered-database.ts";
import { spread, type Figure, report } from "./measure.ts";

const PLUGIN = "@demo/invoices";
/** Licenses that are there already, each with one instance that holds it. */
const LICENSES = 100_000;
const A_DAY = 100_000;
const DAY_S = 86_400;
/** New instances that activate during the measurement, and how many of them at a time. */
const SAMPLE = 400;
const PARALLEL = 4;
/** The busiest hour of a day beside its mean. */
const PEAK = 2;
/** The most of a database's time that licensing may take, so that publishing has room beside it. */
const MOST_BUSY = 0.1;
/** Calls to the database that one activation waits for. */
const BATCHES = 3;

const SEED_INSTANCES = `INSERT INTO instances (id, public_key, jkt, created_at)
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)
  SELECT 'instance-' || i, 'public-' || i, 'jkt-' || i, 0 FROM n`;
const SEED_LICENSES = `INSERT INTO licenses
  (id, key_hash, plugin, plan, kind, state, seats, entitlements, period, until, revision, created_at)
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)
  SELECT 'license-' || i, 'hash-' || i, '${PLUGIN}', 'pro', 'subscription', 'active', 1, '{}', 'year',
    ?2, 1, 0 FROM n`;
const SEED_ACTIVATIONS = `INSERT INTO activations (id, license_id, instance_id, plugin, trial, seq, rid,
    lease, lease_until, held_until, created_at)
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)
  SELECT 'activation-' || i, 'license-' || i, 'instance-' || i, '${PLUGIN}', 0, 1, 'rid-' || i, 'lease',
    ?2, ?2, 0 FROM n`;
const NEW_LICENSES = `INSERT INTO licenses
  (id, key_hash, plugin, plan, kind, state, seats, entitlements, period, until, revision, created_at)
  SELECT value ->> 0, value ->> 1, '${PLUGIN}', 'pro', 'subscription', 'active', 1, '{"export":true}',
    'year', ?2, 1, 0 FROM json_each(?1)`;

interface Newcomer {
  readonly key: SigningKey;
  readonly licenseKey: string;
}

/** Hosts that have bought a license and have not asked for anything yet. */
async function prepare(database: D1Database, until: number): Promise<Newcomer[]> {
  const newcomers = await Promise.all(
    Array.from({ length: SAMPLE + 1 }, async () => ({
      key: await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32))),
      licenseKey: newLicenseKey(randomBytes(20)),
    })),
  );
  const rows = newcomers.map(async ({ licenseKey }, index) => [
    `new-${index}`,
    await hashLicenseKey(licenseKey),
  ]);
  await database
    .prepare(NEW_LICENSES)
    .bind(JSON.stringify(await Promise.all(rows)), until)
    .run();
  return newcomers;
}

async function seed(database: D1Database, until: number): Promise<void> {
  await database.prepare(SEED_INSTANCES).bind(LICENSES).run();
  for (const sql of [SEED_LICENSES, SEED_ACTIVATIONS]) {
    await database.prepare(sql).bind(LICENSES, until).run();
  }
}

/** A request with the instance's proof, as hosts send it. */
async function send(url: string, key: SigningKey, value: object): Promise<unknown> {
  const body = utf8(JSON.stringify(value));
  const about = { method: "POST", url, body, rid: crypto.randomUUID(), now: Date.now() };
  const headers = { "Content-Type": "application/json", "Rbsm-Proof": await signProof(about, key) };
  const answer = await fetch(url, { method: "POST", headers, body });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

const instanceSchema = z.object({ instanceId: z.string() });

async function register(url: string, { key }: Newcomer): Promise<string> {
  const publicKey = base64url(key.publicKey);
  return instanceSchema.parse(await send(`${url}/v1/instances`, key, { publicKey })).instanceId;
}

async function inParallel<T>(work: readonly T[], run: (item: T) => Promise<unknown>) {
  const waiting = [...work];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await run(item);
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  return (performance.now() - begun) / 1000;
}

/** What D1 bills for one activation and one renewal, run here against the Worker's own database. */
async function billOf(
  { own, url }: { readonly own: Bindings; readonly url: string },
  newcomer: Newcomer,
): Promise<{ activated: Bill; renewed: Bill }> {
  const instanceId = await register(url, newcomer);
  const { key, licenseKey } = newcomer;
  const jkt = await own.DB.prepare("SELECT jkt FROM instances WHERE id = ?")
    .bind(instanceId)
    .first<string>("jkt");
  const request = (rid: string, bill: Bill) => ({
    env: { ...own, DB: meterDatabase(own.DB, bill) },
    proof: { instanceKeyJkt: jkt ?? "", publicKey: key.publicKey, rid, nonce: undefined },
    requestId: rid,
    address: undefined,
    delivery: "online" as const,
  });
  const activated = { queries: 0, rowsRead: 0, rowsWritten: 0, ms: 0 };
  const wanted = { licenseKey, plugin: PLUGIN, instanceId };
  const { id, seq } = await activateLicense(request("first", activated), wanted);
  const renewed = { queries: 0, rowsRead: 0, rowsWritten: 0, ms: 0 };
  await renewLease(request("second", renewed), { activationId: id, seq });
  return { activated, renewed };
}

/** 100,000 activations a day, and the renewals of all who have activated, in one D1 database. */
async function licensing(): Promise<Figure[]> {
  const bareWorker = { name: "bare", main: "tests/bench/bare-publisher.ts" };
  const { harness, url: address } = await startLocalWorker(randomSecrets(), [bareWorker]);
  const url = address.href.replace(/\/$/, "");
  const own = await harness.getWorker<Bindings>().getEnv();
  const until = Date.now() + 300 * DAY_S * 1000;
  await seed(own.DB, until);
  const [first, ...newcomers] = await prepare(own.DB, until);
  if (first === undefined) throw new Error("Nobody came");
  const { activated, renewed } = await billOf({ own, url }, first);
  const ready: [Newcomer, string][] = [];
  for (const newcomer of newcomers) ready.push([newcomer, await register(url, newcomer)]);
  const bare = harness.getWorker("bare");
  const bareS = await inParallel(ready, async () =>
    (await bare.fetch(`/?batches=${BATCHES}`, { method: "POST", body: "x" })).text(),
  );
  const times: number[] = [];
  const oursS = await inParallel(ready, async ([{ key, licenseKey }, instanceId]) => {
    const begun = performance.now();
    await send(`${url}/v1/licenses/activate`, key, { licenseKey, plugin: PLUGIN, instanceId });
    times.push(performance.now() - begun);
  });
  await harness.close();
  const needed = A_DAY / DAY_S;
  const rate = SAMPLE / oursS;
  const written = needed * (activated.rowsWritten + renewed.rowsWritten);
  const busy = (needed * (activated.ms + renewed.ms)) / 1000;
  return [
    billed("activation", activated, { read: 40, written: 12 }),
    billed("renewal", renewed, { read: 6, written: 3 }),
    {
      name: `${A_DAY.toLocaleString("en-US")} activations and as many renewals a day, on paper`,
      value: `${(busy * 100).toFixed(2)} % of the database's time, ${written.toFixed(1)} rows written a second`,
      baseline: `${needed.toFixed(2)} of each a second`,
      ratio: "–",
      goal: `≤ ${MOST_BUSY * 100} % of its time`,
      met: busy <= MOST_BUSY ? "yes" : "no",
    },
    {
      name: `activations beside ${LICENSES.toLocaleString("en-US")}, ${PARALLEL} at once`,
      value: `${rate.toFixed(0)} a second, ${spread(times.toSorted((a, b) => a - b))}`,
      baseline: `bare Worker, ${BATCHES} D1 batches: ${(SAMPLE / bareS).toFixed(0)} a second`,
      ratio: `${(rate / needed).toFixed(0)} × what a day needs`,
      goal: `≥ ${PEAK} × what a day needs`,
      met: rate >= PEAK * needed ? "yes" : "no",
    },
  ];
}

function billed(
  what: string,
  { rowsRead, rowsWritten }: Bill,
  most: { readonly read: number; readonly written: number },
): Figure {
  const isWithin = rowsRead <= most.read && rowsWritten <= most.written;
  return {
    name: `${what}, rows of D1 beside ${LICENSES.toLocaleString("en-US")} licenses`,
    value: `${rowsRead} read, ${rowsWritten} written`,
    baseline: "–",
    ratio: "–",
    goal: `≤ ${most.read} read, ≤ ${most.written} written`,
    met: isWithin ? "yes" : "no",
  };
}

report(await licensing());
