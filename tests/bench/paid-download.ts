import { createHash, randomBytes } from "node:crypto";
import { bundlePath, fromBase64url } from "@rising-bsm/protocol";
import type { Bindings } from "../../workers/env.ts";
import { signDownloadUrl } from "../../workers/downloads/download-url.ts";
import { randomSecrets, startLocalWorker } from "./local-worker.ts";
import { percentile, spread, type Figure, report } from "./measure.ts";

const SIZES = [
  ["64 KiB", 64 * 1024],
  ["1 MiB", 1024 * 1024],
] as const;
/** Downloads of each kind, one of the one and one of the other in turns. */
const DOWNLOADS = 400;
const WARM_UP = 40;
const MOST = 1.1;

interface Worker {
  fetch(path: string): Promise<{ readonly status: number; arrayBuffer(): Promise<ArrayBuffer> }>;
}

async function timeOf(worker: Worker, path: string, size: number): Promise<number> {
  const begun = performance.now();
  const answer = await worker.fetch(path);
  const { byteLength } = await answer.arrayBuffer();
  if (byteLength !== size) throw new Error(`${answer.status} with ${byteLength} bytes`);
  return performance.now() - begun;
}

interface Kept {
  readonly size: number;
  readonly linkTo: (path: string) => Promise<string>;
}

/** A bundle in the bucket, fetched once; then the bucket loses it, so that the cache alone answers. */
async function keepInCache(
  worker: Worker,
  bucket: R2Bucket,
  { size, linkTo }: Kept,
): Promise<string> {
  const bytes = randomBytes(size);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const path = bundlePath(sha256);
  const httpMetadata = { cacheControl: "public, max-age=31536000, immutable" };
  await bucket.put(path.slice(1), bytes, { sha256, httpMetadata });
  const link = await linkTo(path);
  await timeOf(worker, link, size);
  // The copy is written after the answer.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await bucket.delete(path.slice(1));
  return link;
}

/** A cached download under a link ≤ 1.1 × the same download of a bundle that needs none. */
async function paidDownload(): Promise<Figure[]> {
  const secrets = randomSecrets();
  const key = fromBase64url(secrets["DOWNLOAD_KEY"] ?? "");
  const { harness, marketplace } = await startLocalWorker(secrets);
  const { BUNDLES, PRIVATE } = await harness.getWorker<Bindings>().getEnv();
  const expiresAtS = Math.floor(Date.now() / 1000) + 3_600;
  const linkTo = (path: string) =>
    signDownloadUrl(key, { path, instanceId: crypto.randomUUID(), expiresAtS });
  const figures: Figure[] = [];
  for (const [name, size] of SIZES) {
    const free = await keepInCache(marketplace, BUNDLES, { size, linkTo: async (path) => path });
    const linked = await keepInCache(marketplace, PRIVATE, { size, linkTo });
    const times = { free: [] as number[], linked: [] as number[] };
    for (let index = 0; index < WARM_UP + DOWNLOADS; index++) {
      const one = await timeOf(marketplace, free, size);
      const other = await timeOf(marketplace, linked, size);
      if (index < WARM_UP) continue;
      times.free.push(one);
      times.linked.push(other);
    }
    const sorted = (list: number[]) => list.toSorted((a, b) => a - b);
    const [without, withLink] = [sorted(times.free), sorted(times.linked)];
    const ratio = percentile(withLink, 0.5) / percentile(without, 0.5);
    figures.push({
      name: `cached download of ${name} under a link`,
      value: spread(withLink),
      baseline: `the same without a link: ${spread(without)}`,
      ratio: `${ratio.toFixed(2)} ×`,
      goal: `≤ ${MOST} ×`,
      met: ratio <= MOST ? "yes" : "no",
    });
  }
  await harness.close();
  return figures;
}

report(await paidDownload());
