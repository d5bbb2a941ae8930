import { openBenchHost, type BenchHost } from "../bench/bench-host.ts";
import type { TestRelease } from "../../host-sdk/testing/static-marketplace.ts";
import type { Payload } from "./payload.ts";

/** Two hosts in one process: their plugins never share a child. */
export interface Hosts {
  /** Where nobody gets more CPU than `TIGHT_CPU_MS` a call: most payloads are over after it. */
  readonly tight: BenchHost;
  /** Where a manifest gets up to `ROOMY_CPU_MS`: for what has to allocate first. */
  readonly roomy: BenchHost;
  close(): Promise<void>;
}

const TIGHT_CPU_MS = 150;
/** The most that a manifest of the corpus asks for. */
export const ROOMY_CPU_MS = 4_000;

/** Name of the plugin that shares a process with each payload and has to go on answering. */
export const NEIGHBOUR = "@good/neighbour";

/** Opens both, each with a neighbour whose code, settings and storage hold `secret`. */
export async function openHosts(secret: string, tightCpuMs = TIGHT_CPU_MS): Promise<Hosts> {
  const tight = await openBenchHost({ limits: { cpuMs: tightCpuMs } });
  const roomy = await openBenchHost({ limits: { cpuMs: ROOMY_CPU_MS } });
  for (const host of [tight, roomy]) await host.add(goodPlugin(NEIGHBOUR, "1.0.0", secret));
  for (const host of [tight, roomy]) await host.call(NEIGHBOUR, "keep", [secret]);
  return {
    tight,
    roomy,
    async close() {
      await Promise.all([tight.close(), roomy.close()]);
    },
  };
}

/** The host for a payload, and the other one as a measure of how busy the machine is. */
export function hostFor({ tight, roomy }: Hosts, { cpuMs }: Payload) {
  return cpuMs === undefined ? { host: tight, other: roomy } : { host: roomy, other: tight };
}

/** A plugin that keeps `secret`, and whose every answer can be told right or wrong. */
export function goodPlugin(name: string, version: string, secret: string): TestRelease {
  const code = `const own = ${JSON.stringify(secret)};
export default class {
  hi(number) { return { hi: number, known: own.length }; }
  async keep(text) { await this.api.storage.set("secret", text); return text.length; }
  async count() { const before = await this.api.storage.get("count") ?? 0; await this.api.storage.set("count", before + 1); return before + 1; }
  handleRequest(request) { return { path: new URL(request.url).pathname }; }
}`;
  const manifest = { idempotent: ["hi"] };
  return { name, version, code, manifest };
}
