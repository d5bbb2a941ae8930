/**
 * A day of a fleet against the marketplace in workerd, without the pauses: every host looks for updates
 * four times at moments of its own and reports once; at noon the plugin that all have is released anew.
 * Requests, conditions and proofs are real and cross a socket; D1's bill is the Worker's own.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { base64url, keyThumbprint, signingKeyFromSeed } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Bindings } from "../../workers/env.ts";
import { newInstance } from "../../workers/licenses/new-instance.ts";
import { startPublishedMarketplace } from "../published-marketplace.ts";
import { type FleetHost, poll, report as sendReport, Wire } from "./fleet-host.ts";
import { startWorkerOf } from "./local-worker.ts";
import { type Figure, ratio, report } from "./measure.ts";

const PLUGIN = "@acme/hello";
const HOSTS = 10_000;
const POLLS = 4;
const CONNECTIONS = 16;
/** Of a hundred hosts so many install the release on the day on which they hear of it. */
const UPDATE_AT_ONCE = 20;
const DAY_MS = 86_400_000;

const billSchema = z.record(
  z.string(),
  z.object({
    requests: z.int(),
    queries: z.int(),
    rowsRead: z.int(),
    rowsWritten: z.int(),
    ms: z.number(),
  }),
);
type Bills = z.output<typeof billSchema>;

interface Moment {
  readonly host: FleetHost;
  /** Share of the day that has passed. */
  readonly at: number;
  readonly reports: boolean;
  readonly updates: boolean;
}

async function createFleet(): Promise<FleetHost[]> {
  const fleet: FleetHost[] = [];
  for (let at = 0; at < HOSTS; at += 1) {
    const key = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
    fleet.push({ known: null, version: "1.0.0", key });
  }
  return fleet;
}

/** Every host looks about every six hours, give or take a fifth, and reports after one of the looks. */
function dayOf(fleet: readonly FleetHost[]): Moment[] {
  const moments = fleet.flatMap((host, number) => {
    const begins = Math.random();
    const reportsAfter = Math.floor(Math.random() * POLLS);
    return Array.from({ length: POLLS }, (_, look) => ({
      host,
      at: (begins + look + 0.4 * Math.random()) / (POLLS + 0.4),
      reports: look === reportsAfter,
      updates: number % 100 < UPDATE_AT_ONCE,
    }));
  });
  return moments.toSorted((a, b) => a.at - b.at);
}

/** As if they all had reported yesterday and been counted. */
async function seedYesterday(DB: D1Database, fleet: readonly FleetHost[]): Promise<void> {
  const today = Math.floor(Date.now() / DAY_MS);
  const rows = await Promise.all(
    fleet.map(async ({ key: { publicKey } }) => {
      const jkt = await keyThumbprint(publicKey);
      return [newInstance({ publicKey, instanceKeyJkt: jkt }, 0).id, base64url(publicKey), jkt];
    }),
  );
  const each = "FROM json_each(?1)";
  const list = JSON.stringify({ [PLUGIN]: "1.0.0" });
  for (let from = 0; from < rows.length; from += 2_000) {
    const some = JSON.stringify(rows.slice(from, from + 2_000));
    await DB.batch([
      DB.prepare(
        `INSERT INTO instances (id, public_key, jkt, created_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, 0 ${each}`,
      ).bind(some),
      DB.prepare(
        `INSERT INTO beacons (instance_id, first_day, day, plugins, counted, due)
         SELECT value ->> 0, ?2 - 1, ?2, ?3, 1, ?2 + 30 ${each}`,
      ).bind(some, today - 1, list),
      DB.prepare(
        `INSERT INTO installations (instance_id, plugin, version, first_day, installed)
         SELECT value ->> 0, '${PLUGIN}', '1.0.0', ?2, 1 ${each}`,
      ).bind(some, today - 1),
    ]);
  }
  await DB.prepare(
    `INSERT INTO plugin_counts (plugin, installs, downloads, stale) VALUES ('${PLUGIN}', ?1, ?1, 0)`,
  )
    .bind(rows.length)
    .run();
}

const WEIGHED = 2_000;
const WEIGHED_PLUGINS = 20;

/** What a host with twenty plugins takes up: its instance, its last report and what was counted of it. */
async function weighHost(DB: D1Database): Promise<Figure> {
  const names = Array.from({ length: WEIGHED_PLUGINS }, (_, at) => `@acme/weighed-plugin-${at}`);
  const list = JSON.stringify(Object.fromEntries(names.map((name) => [name, "1.2.3"])));
  const each = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${WEIGHED})
    SELECT printf('00000000-0000-0000-0000-%012d', i)`;
  const plugins = DB.prepare(
    `INSERT INTO plugins (name, scope, created_at, updated_at)
     SELECT value, '@acme', 0, 0 FROM json_each(?1) RETURNING name`,
  );
  const { meta: empty } = await plugins.bind(JSON.stringify(names)).run();
  const added = await DB.batch([
    DB.prepare(
      `INSERT INTO instances ${each}, printf('%043d', i), printf('%043d', i), 1700000000000 FROM n`,
    ),
    DB.prepare(`INSERT INTO beacons ${each}, 20000, 20001, ?1, 1, 20031 FROM n`).bind(list),
    DB.prepare(
      `INSERT INTO installations ${each}, value, '1.2.3', 20000, 1 FROM n, json_each(?1)`,
    ).bind(JSON.stringify(names)),
  ]);
  const bytes = ((added.at(-1)?.meta.size_after ?? 0) - empty.size_after) / WEIGHED;
  return {
    name: `stored of a host with ${WEIGHED_PLUGINS} plugins`,
    value: `${Math.round(bytes)} bytes`,
    baseline: "–",
    ratio: "–",
    goal: "≤ 4,000 bytes",
    met: bytes <= 4_000 ? "yes" : "no",
  };
}

interface Scene {
  readonly wire: Wire;
  readonly url: string;
  readonly errors: string[];
}

async function live({ wire, url, errors }: Scene, moments: readonly Moment[]): Promise<void> {
  const waiting = moments.values();
  const lane = async () => {
    for (const { host, reports, updates } of waiting) {
      try {
        if ((await poll(wire, host, PLUGIN)) && updates) host.version = "1.1.0";
        if (reports) await sendReport(wire, host, { url, plugin: PLUGIN });
      } catch (error) {
        errors.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
}

async function readBills(url: string): Promise<Bills> {
  return billSchema.parse(await (await fetch(`${url}/bill`)).json());
}

async function fleetDay(folder: string): Promise<Figure[]> {
  const start = (secrets: Record<string, string>) =>
    startWorkerOf("tests/bench/metered-worker.ts", secrets);
  const market = await startPublishedMarketplace(folder, {}, start);
  await market.publish(PLUGIN, "1.0.0");
  const fleet = await createFleet();
  const { DB } = await market.worker.harness.getWorker<Bindings>().getEnv();
  await seedYesterday(DB, fleet);
  const wire = new Wire(market.worker.url, CONNECTIONS);
  const scene = { wire, url: market.url, errors: [] };
  const first = await firstRead(wire, fleet);
  const moments = dayOf(fleet);
  const noon = moments.findIndex(({ at }) => at >= 0.5);
  await readBills(market.url);
  const morning = await timed(wire, () => live(scene, moments.slice(0, noon)));
  const before = await readBills(market.url);
  await market.publish(PLUGIN, "1.1.0");
  await readBills(market.url);
  const afternoon = await timed(wire, () => live(scene, moments.slice(noon)));
  const after = await readBills(market.url);
  await market.worker.marketplace.scheduled({ scheduledTime: new Date() });
  const { cron } = await readBills(market.url);
  const counted = await DB.prepare(
    "SELECT count(*) AS n FROM installations WHERE version = '1.1.0'",
  ).first<number>("n");
  const weight = await weighHost(DB);
  wire.close();
  await market.worker.harness.close();
  const all = [before, after];
  return [
    pollFigure("polls of the morning, nothing new", { ...morning, bills: before }, first),
    pollFigure("polls of the afternoon, one release", { ...afternoon, bills: after }, first),
    reportFigure(all),
    countFigure(cron, counted ?? 0),
    weight,
    {
      name: `${HOSTS.toLocaleString("en-US")} hosts, one day`,
      value: `${sum(all, () => true).requests.toLocaleString("en-US")} requests, ${scene.errors.length} errors${scene.errors[0] ?? ""}`,
      baseline: `${Math.round(morning.ms + afternoon.ms)} ms over ${CONNECTIONS} connections`,
      ratio: "–",
      goal: "0 errors",
      met: scene.errors.length === 0 ? "yes" : "no",
    },
  ];
}

/** What a host reads that knows nothing; all others know the same then. */
async function firstRead(wire: Wire, fleet: readonly FleetHost[]): Promise<number> {
  const [one] = fleet;
  if (one === undefined) throw new Error("There is no fleet");
  await poll(wire, one, PLUGIN);
  for (const host of fleet) host.known = one.known === null ? null : { ...one.known };
  return wire.bytes();
}

interface Timed {
  readonly ms: number;
  readonly bytes: number;
}

async function timed(wire: Wire, work: () => Promise<void>): Promise<Timed> {
  const [bytes, begun] = [wire.bytes(), performance.now()];
  await work();
  return { ms: performance.now() - begun, bytes: wire.bytes() - bytes };
}

const isReport = (kind: string) => kind === "/v1/beacons";

function sum(bills: readonly Bills[], of: (kind: string) => boolean) {
  const total = { requests: 0, queries: 0, rowsRead: 0, rowsWritten: 0, ms: 0 };
  for (const [kind, bill] of bills.flatMap((one) => Object.entries(one))) {
    if (!of(kind)) continue;
    total.requests += bill.requests;
    total.queries += bill.queries;
    total.rowsRead += bill.rowsRead;
    total.rowsWritten += bill.rowsWritten;
    total.ms += bill.ms;
  }
  return total;
}

function pollFigure(
  name: string,
  { bills, bytes }: Timed & { readonly bills: Bills },
  first: number,
): Figure {
  const { requests, queries } = sum([bills], (kind) => !isReport(kind));
  const all = sum([bills], () => true).requests;
  return {
    name,
    value: `${requests.toLocaleString("en-US")} requests, ${Math.round(bytes / all)} bytes a request, ${queries} D1 queries`,
    baseline: `a host that knows nothing: ${first} bytes`,
    ratio: ratio(bytes / all, first),
    goal: "0 D1 queries",
    met: queries === 0 ? "yes" : "no",
  };
}

function reportFigure(bills: readonly Bills[]): Figure {
  const { requests, rowsRead, rowsWritten, ms } = sum(bills, isReport);
  const [read, written] = [rowsRead / requests, rowsWritten / requests];
  return {
    name: "reports, of each",
    value: `${read.toFixed(2)} rows read, ${written.toFixed(2)} written, ${(ms / requests).toFixed(2)} ms of the database`,
    baseline: `${requests.toLocaleString("en-US")} reports`,
    ratio: "–",
    goal: "≤ 6 read, ≤ 3 written",
    met: read <= 6 && written <= 3 ? "yes" : "no",
  };
}

/** Of reports in which one plugin was updated. */
function countFigure(bill: Bills[string] | undefined, counted: number): Figure {
  const { queries = 0, rowsRead = 0, rowsWritten = 0, ms = 0 } = bill ?? {};
  const [read, written] = [rowsRead / counted, rowsWritten / counted];
  return {
    name: "cron, which counts what has changed, of each report",
    value: `${read.toFixed(2)} rows read, ${written.toFixed(2)} written; ${queries} queries, ${ms.toFixed(0)} ms of the database in all`,
    baseline: `${counted.toLocaleString("en-US")} reports`,
    ratio: "–",
    goal: "≤ 45 read, ≤ 6 written, ≤ 1,000 queries",
    met: counted > 0 && queries <= 1_000 && read <= 45 && written <= 6 ? "yes" : "no",
  };
}

const folder = await mkdtemp(join(tmpdir(), "rbsm-bench-"));
const figures = await fleetDay(folder);
await rm(folder, { recursive: true });
report(figures);
