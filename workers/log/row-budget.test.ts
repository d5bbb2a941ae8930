import { env } from "cloudflare:workers";
import { hex, utf8 } from "@rising-bsm/protocol";
import { beforeAll, expect, test } from "vitest";
import { writeDatabase } from "../database.ts";
import { counting, countingCalls } from "../testing-bindings.ts";
import { buildBundle, createAccount, publish, resetMarketplace } from "../testing.ts";
import type { Account } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";
import { advance } from "./advance.ts";
import { appendEntries, createTree, rootAt } from "./log-tree.ts";
import { loadHeads, loadTile } from "./queries.ts";
import { storeHistory } from "./recover-queries.ts";
import { readWholeLog } from "./sample-auditor.ts";

let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  expect((await uploadTrust(await sampleCeremony())).status).toBe(200);
  acme = await createAccount("acme");
});

/** A log of exactly this size, of which everything is shown. */
async function growLog(size: number): Promise<void> {
  const db = writeDatabase(env);
  const { logSize } = await loadHeads(db);
  const tree = createTree([], (tile) => loadTile(db, tile));
  for (let from = logSize; from < size; from += 2_000) {
    const entries = Array.from({ length: Math.min(2_000, size - from) }, (_, at) => ({
      place: from + at,
      entry: JSON.stringify({ type: "revocations", sha256: "0".repeat(64), at: new Date(0) }),
    }));
    const hashes = await appendEntries(
      tree,
      from,
      entries.map(({ entry }) => utf8(entry)),
    );
    await storeHistory(db, { entries, hashes });
  }
  await env.DB.prepare("UPDATE heads SET log_size = ?, log_root = ?")
    .bind(size, hex(await rootAt(tree, size)))
    .run();
  await advance(env);
}

let published = 0;

/** What D1 bills for one publish. */
async function costOfPublish() {
  const target = { name: "@acme/costs", version: `1.${published++}.0` };
  const bundle = await buildBundle(acme.key, target);
  const { bindings, count } = counting(env);
  expect((await publish(target, bundle, { token: acme.token, bindings })).status).toBe(201);
  return count;
}

test("a publish into a long log costs the rows of its right edge, and no more", async () => {
  await costOfPublish();
  const short = await costOfPublish();
  // Just before and after a tile is full, of one level and of two.
  for (const size of [255, 300, 511, 2_815, 20_479]) {
    await growLog(size);
    const cost = await costOfPublish();
    // Hashes of the edge, on each of two levels, and the entries of the last bundle.
    expect(cost.rowsRead).toBeLessThan(short.rowsRead + 3 * 256);
    expect(cost.rowsWritten).toBeLessThanOrEqual(short.rowsWritten + 4);
    expect(cost.queries).toBeLessThanOrEqual(short.queries + 2);
  }
  await readWholeLog();
}, 120_000);

test("a pass over whatever waits leaves room in the thousand calls of its request", async () => {
  const targets = Array.from({ length: 40 }, (_, at) => ({
    name: `@acme/many-${at}`,
    version: "1.0.0",
  }));
  await Promise.all(
    targets.map(async (target) => publish(target, await buildBundle(acme.key, target), acme)),
  );
  await env.DB.exec("UPDATE versions SET status = 'publishing'");
  await env.DB.exec("UPDATE plugins SET revision = revision + 1");
  await Promise.all(targets.map(({ name }) => env.BUNDLES.delete(`index/${name}.json`)));
  const { bindings, count } = countingCalls(env);
  await advance(bindings);
  expect(count.calls).toBeLessThan(450);
  while ((await countUnfinished()) > 0) await advance(env);
}, 60_000);

async function countUnfinished(): Promise<number> {
  const sql = "SELECT count(*) AS n FROM plugins WHERE document_revision < revision";
  return (await env.DB.prepare(sql).first<number>("n")) ?? 0;
}

test("a request stops after its share of a long queue; the next ones go on", async () => {
  const entry = JSON.stringify({ type: "revocations", sha256: "0".repeat(64), at: new Date(0) });
  const numbers = JSON.stringify(Array.from({ length: 600 }, (_, at) => at));
  await env.DB.prepare("INSERT INTO log_queue SELECT NULL, ?, NULL, NULL FROM json_each(?)")
    .bind(entry, numbers)
    .run();
  await expect(advance(env)).rejects.toMatchObject({ code: "unavailable" });
  await advance(env);
  expect(await env.DB.prepare("SELECT count(*) AS n FROM log_queue").first("n")).toBe(0);
  await readWholeLog();
});
