import { createHash, randomBytes } from "node:crypto";
import { randomSecrets, startLocalWorker } from "./local-worker.ts";
import { percentile, spread, type Figure, report } from "./measure.ts";

const BUNDLE_BYTES = 1024 * 1024;
const PARALLEL = 4;
const ROUNDS = 6;
const DOWNLOADS_A_ROUND = 60;

/** Milliseconds of each of a round's downloads, with a few under way at once. */
async function round(
  fetchOnce: () => Promise<{ arrayBuffer(): Promise<ArrayBuffer> }>,
): Promise<{ times: number[]; total: number }> {
  const times: number[] = [];
  const startedAt = performance.now();
  async function work(): Promise<void> {
    while (times.length + PARALLEL <= DOWNLOADS_A_ROUND) {
      const begun = performance.now();
      const bytes = await (await fetchOnce()).arrayBuffer();
      if (bytes.byteLength !== BUNDLE_BYTES) throw new Error(`Got ${bytes.byteLength} bytes`);
      times.push(performance.now() - begun);
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return { times, total: performance.now() - startedAt };
}

/** Bundle download from the Worker ≥ 0.7 × a bare Worker returning the same bytes from R2. */
async function download(): Promise<Figure[]> {
  const bytes = randomBytes(BUNDLE_BYTES);
  const key = `b/${createHash("sha256").update(bytes).digest("hex")}.rbsm`;
  const { harness, marketplace } = await startLocalWorker(randomSecrets(), [
    { name: "bare", main: "tests/bench/bare-worker.ts" },
  ]);
  const bare = harness.getWorker("bare");
  for (const worker of [marketplace, bare]) {
    const env = await worker.getEnv();
    await env["BUNDLES"].put(key, bytes, { sha256: key.slice(2, -5) });
  }
  const rates: Record<"ours" | "bare", number[]> = { ours: [], bare: [] };
  const times: Record<"ours" | "bare", number[]> = { ours: [], bare: [] };
  for (let index = 0; index <= ROUNDS; index += 1)
    for (const [name, worker] of [
      ["ours", marketplace],
      ["bare", bare],
    ] as const) {
      const result = await round(() => worker.fetch(`/${key}`));
      if (index === 0) continue;
      rates[name].push((result.times.length * BUNDLE_BYTES) / 2 ** 20 / (result.total / 1000));
      times[name].push(...result.times);
    }
  await harness.close();
  const sorted = (list: number[]) => list.toSorted((a, b) => a - b);
  const ratio = percentile(sorted(rates.ours), 0.5) / percentile(sorted(rates.bare), 0.5);
  return [
    {
      name: "download a 1 MiB bundle, 4 at once",
      value: `${percentile(sorted(rates.ours), 0.5).toFixed(0)} MiB/s, ${spread(sorted(times.ours))}`,
      baseline: `bare Worker: ${percentile(sorted(rates.bare), 0.5).toFixed(0)} MiB/s, ${spread(sorted(times.bare))}`,
      ratio: `${ratio.toFixed(2)} ×`,
      goal: "≥ 0.7 ×",
      met: ratio >= 0.7 ? "yes" : "no",
    },
  ];
}

report(await download());
