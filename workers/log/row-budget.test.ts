import { env } from "cloudflare:workers";
import { hex, utf8 } from "@rising-bsm/protocol";
import { beforeAll, expect, test } from "vitest";
import { writeDatabase } from "../database.ts";
import { counting } from "../testing-bindings.ts";
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
