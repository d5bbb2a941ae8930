/**
 * The longest that one iteration of the host's event loop takes while plugins do their worst to it,
 * beside that of the same host while nobody calls.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openBenchHost } from "./bench-host.ts";
import { type Stall, watchStalls } from "./loop-stall.ts";
import { atMost, type Figure, percentile, ratio, report, spread } from "./measure.ts";

const RUNS = 6;
const IDLE_MS = 60;

/** Name, how many at a time, and what the plugin does. */
const PAYLOADS: readonly (readonly [name: string, calls: number, body: string])[] = [
  ["a result of 1 MiB, one text", 1, "return 'x'.repeat(1_048_000)"],
  ["a result of 1 MiB of empty arrays", 1, "return Array.from({ length: 340_000 }, () => [])"],
  [
    "a result of 1 MiB of small objects",
    1,
    "return Array.from({ length: 70_000 }, (_, n) => ({ id: n }))",
  ],
  ["8 results of 1 MiB at once", 8, "return Array.from({ length: 70_000 }, (_, n) => ({ id: n }))"],
  ["a result of 16 MiB", 1, "return Array.from({ length: 16 }, () => 'x'.repeat(1_048_576))"],
  ["a flood of logs", 1, "for (;;) { try { console.log('x'.repeat(500)) } catch {} }"],
  ["a flood of host calls", 1, "for (;;) this.api.storage.get('key').catch(() => {})"],
  [
    "32 host calls of 200 KiB at once",
    1,
    "const text = 'x'.repeat(200_000); await Promise.all(Array.from({ length: 32 }, (_, n) => this.api.storage.set('key' + n % 8, text).catch(() => {})))",
  ],
  ["an error with a long message and stack", 1, "throw new Error('x'.repeat(1_000_000))"],
  [
    "a response of 1 MiB",
    1,
    "return new Response('x'.repeat(1_000_000), { headers: { a: 'b'.repeat(8_000) } })",
  ],
  ["memory without end", 1, "const kept = []; for (;;) kept.push({})"],
  [
    "a call that ends its process",
    1,
    "const n = 10n ** 2_000_000n; return ((n * n) % (n - 1n)) > 1n",
  ],
];

const REQUEST = { method: "GET", url: "https://host.example/", headers: [], body: null };

/** Only a request is answered with a response. */
function isRequest(body: string): boolean {
  return body.startsWith("return new Response");
}

const CODE = `export default class {
  ok() { return "ok"; }
  handleRequest() { ${PAYLOADS.map(([, , body]) => body).find(isRequest)} }
  ${PAYLOADS.map(([, , body], index) => `async do${index}() { ${body} }`).join("\n")}
}`;

function sorted(stalls: readonly Stall[], of: keyof Stall): number[] {
  return stalls.map((stall) => stall[of]).toSorted((a, b) => a - b);
}

async function hostStall(): Promise<Figure[]> {
  const host = await openBenchHost();
  const name = "@bench/hostile";
  await host.add({ name, version: "1.0.0", code: CODE });
  const watch = watchStalls();
  const figures: Figure[] = [];
  for (const [index, [text, calls, body]] of PAYLOADS.entries()) {
    const stalls: Stall[] = [];
    const idle: Stall[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      await host.call(name, "ok").catch(() => undefined);
      watch.take();
      await sleep(IDLE_MS);
      idle.push(watch.take());
      const once = () =>
        isRequest(body) ? host.request(name, REQUEST) : host.call(name, `do${index}`);
      const all = Array.from({ length: calls }, once);
      await Promise.allSettled(all);
      await sleep(5);
      stalls.push(watch.take());
    }
    const cpu = sorted(stalls, "cpuMs");
    const idleCpu = sorted(idle, "cpuMs");
    figures.push({
      name: `busiest iteration of the host's loop: ${text}`,
      value: `${spread(cpu)} of CPU; ${spread(sorted(stalls, "wallMs"))} by the clock`,
      baseline: `nobody calls: ${spread(idleCpu)} of CPU; ${spread(sorted(idle, "wallMs"))} by the clock`,
      ratio: ratio(percentile(cpu, 0.5), percentile(idleCpu, 0.5)),
      ...atMost(percentile(cpu, 1), 10, "ms of CPU"),
    });
  }
  watch.stop();
  await host.close();
  return figures;
}

report(await hostStall());
