import { openBenchHost, type BenchHost } from "../bench/bench-host.ts";
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
const ROOMY_CPU_MS = 4_000;

/** Name of the plugin that shares a process with each payload and has to go on answering. */
export const NEIGHBOUR = "@good/neighbour";

/** Opens both, each with a neighbour whose code, settings and storage hold `secret`. */
export async function openHosts(secret: string, idleMs = 0): Promise<Hosts> {
  const tight = await openBenchHost({ limits: { cpuMs: TIGHT_CPU_MS }, idleMs });
  const roomy = await openBenchHost({ limits: { cpuMs: ROOMY_CPU_MS }, idleMs });
  for (const host of [tight, roomy]) await host.add(neighbour(secret));
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

function neighbour(secret: string) {
  const code = `const own = ${JSON.stringify(secret)};
export default class {
  hi(number) { return { hi: number, known: own.length }; }
  async keep(text) { await this.api.storage.set("secret", text); return text.length; }
  async count() { const before = await this.api.storage.get("count") ?? 0; await this.api.storage.set("count", before + 1); return before + 1; }
  handleRequest(request) { return { path: new URL(request.url).pathname }; }
}`;
  const manifest = { idempotent: ["hi"] };
  return { name: NEIGHBOUR, version: "1.0.0", code, manifest };
}
