/** Bundles from the Worker's cache, beside a bare Worker that returns the same bytes from its own. */
import { createHash, randomBytes } from "node:crypto";
import { bundlePath } from "@rising-bsm/protocol";
import type { Bindings } from "../../workers/env.ts";
import { randomSecrets, startLocalWorker } from "./local-worker.ts";
import { type Figure, percentile, ratio, report, spread } from "./measure.ts";

const SIZES = [
  ["64 KiB", 64 * 1024],
  ["1 MiB", 1024 * 1024],
] as const;
const PARALLEL = 4;
/** Rounds of ours and of the bare Worker in turns, so that what else the machine does meets both. */
const ROUNDS = 12;
const DOWNLOADS_A_ROUND = 80;
const LEAST = 0.9;

interface Worker {
  fetch(path: string): Promise<{ readonly status: number; arrayBuffer(): Promise<ArrayBuffer> }>;
}

interface Kept {
  readonly path: string;
  readonly size: number;
}

async function timeOf(worker: Worker, { path, size }: Kept): Promise<number> {
  const begun = performance.now();
  const answer = await worker.fetch(path);
  const { byteLength } = await answer.arrayBuffer();
  if (byteLength !== size) throw new Error(`${answer.status} with ${byteLength} bytes`);
  return performance.now() - begun;
}

/** Downloads a second, and what each took, with a few under way at once. */
async function round(worker: Worker, kept: Kept): Promise<{ rate: number; times: number[] }> {
  const times: number[] = [];
  let begun = 0;
  const startedAt = performance.now();
  async function work(): Promise<void> {
    while (begun < DOWNLOADS_A_ROUND) {
      begun += 1;
      times.push(await timeOf(worker, kept));
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return { rate: (times.length * 1_000) / (performance.now() - startedAt), times };
}

/** The same bundle in the bucket of each, fetched once; then the bucket loses it: the cache alone answers. */
async function keepInCaches(
  workers: readonly { readonly worker: Worker; readonly bucket: Bindings["BUNDLES"] }[],
  size: number,
): Promise<Kept> {
  const bytes = randomBytes(size);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const path = bundlePath(sha256);
  const httpMetadata = { cacheControl: "public, max-age=31536000, immutable" };
  for (const { worker, bucket } of workers) {
    await bucket.put(path.slice(1), bytes, { sha256, httpMetadata });
    await timeOf(worker, { path, size });
    // The copy is written after the answer.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await bucket.delete(path.slice(1));
  }
  return { path, size };
}

async function delivery(): Promise<Figure[]> {
  const { harness, marketplace } = await startLocalWorker(randomSecrets(), [
    { name: "bare", main: "tests/bench/bare-cache-worker.ts" },
  ]);
  const bare = harness.getWorker("bare");
  const workers = [
    { worker: marketplace, bucket: (await marketplace.getEnv())["BUNDLES"] },
    { worker: bare, bucket: (await bare.getEnv())["BUNDLES"] },
  ];
  const figures: Figure[] = [];
  for (const [name, size] of SIZES) {
    const kept = await keepInCaches(workers, size);
    const rates: Record<"ours" | "bare", number[]> = { ours: [], bare: [] };
    const times: Record<"ours" | "bare", number[]> = { ours: [], bare: [] };
    for (let index = 0; index <= ROUNDS; index += 1) {
      const measured = { ours: await round(marketplace, kept), bare: await round(bare, kept) };
      if (index === 0) continue;
      for (const side of ["ours", "bare"] as const) {
        rates[side].push(measured[side].rate);
        times[side].push(...measured[side].times);
      }
    }
    figures.push(figureOf(name, rates, times));
  }
  await harness.close();
  return figures;
}

function figureOf(
  name: string,
  rates: Record<"ours" | "bare", number[]>,
  times: Record<"ours" | "bare", number[]>,
): Figure {
  const median = (list: number[]) =>
    percentile(
      list.toSorted((a, b) => a - b),
      0.5,
    );
  const shown = (side: "ours" | "bare") =>
    `${median(rates[side]).toFixed(0)} a second, ${spread(times[side].toSorted((a, b) => a - b))}`;
  const [ours, bare] = [median(rates.ours), median(rates.bare)];
  return {
    name: `cached ${name} bundle, ${PARALLEL} at once`,
    value: shown("ours"),
    baseline: `bare Worker: ${shown("bare")}`,
    ratio: ratio(ours, bare),
    goal: `≥ ${LEAST} ×`,
    met: ours / bare >= LEAST ? "yes" : "no",
  };
}

report(await delivery());
