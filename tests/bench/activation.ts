/**
 * What it takes to start a plugin where a child is running: `host.enable`, which reads the stored
 * bundle, loads, activates and writes the row. Beside it the same code evaluated in a raw isolate.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { readBundle } from "@rising-bsm/protocol";
import { buildApp } from "../apps/build-app.ts";
import { openBenchHost } from "./bench-host.ts";
import { atMost, type Figure, percentile, ratio, report, spread } from "./measure.ts";
import { rawIsolate } from "./peers.ts";

const RUNS = 20;
/** A runner has its spare isolates back after this long. */
const SPARE_MS = 550;

async function helloFiles(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of ["index.js", "manifest.json"])
    files.set(name, await readFile(`examples/hello/${name}`));
  return files;
}

async function honoFiles(): Promise<Map<string, Uint8Array>> {
  const { bundle } = await buildApp("tests/apps/hono-api");
  return new Map((await readBundle(bundle)).files);
}

async function activation(): Promise<Figure[]> {
  const host = await openBenchHost();
  await host.add({ name: "@bench/warm", version: "1.0.0", code: "export default {}" });
  const raw = rawIsolate();
  const figures: Figure[] = [];
  const plugins = [
    { text: "hello", name: "@demo/hello", files: await helloFiles(), goalMs: 10 },
    { text: "Hono with zod", name: "@fixture/hono-api", files: await honoFiles(), goalMs: 40 },
  ];
  for (const { text, name, files, goalMs } of plugins) {
    await host.addFiles(files);
    const source = new TextDecoder().decode(files.get("index.js"));
    const times: number[] = [];
    const base: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      await host.disable(name);
      base.push(...(await raw.load(source, 1)));
      await sleep(SPARE_MS);
      const begun = performance.now();
      await host.enable(name);
      times.push(performance.now() - begun);
    }
    for (const list of [times, base]) list.sort((a, b) => a - b);
    figures.push({
      name: `activation in a warm child: ${text}`,
      value: spread(times),
      baseline: `raw isolated-vm, no web APIs: ${spread(base)}`,
      ratio: ratio(percentile(times, 0.5), percentile(base, 0.5)),
      ...atMost(percentile(times, 0.95), goalMs, "ms p95"),
    });
  }
  await raw.close();
  await host.close();
  return figures;
}

report(await activation());
