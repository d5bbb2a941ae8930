/**
 * Program of one laboratory: a process with two hosts, and secrets in its environment, its working
 * directory, its memory and the plugin next door. Runs payloads that its parent names.
 */
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { BenchHost } from "../bench/bench-host.ts";
import { ownChildren } from "../../host-sdk/runtime/own-children.ts";
import { findPayload } from "./corpus.ts";
import type { Observation } from "./judge.ts";
import { hostFor, NEIGHBOUR, openHosts } from "./open-hosts.ts";
import type { Payload } from "./payload.ts";
import { perform } from "./perform.ts";
import { startStallMeter } from "./stall-meter.ts";

const Order = z.object({ family: z.string(), name: z.string() });

const secret = process.env["CANARY"] ?? "";
const held = { heap: `${secret} in the heap`, hex: Buffer.from(secret) };
const hosts = await openHosts(secret);
const meter = startStallMeter();
let runs = 0;

process.on("message", (message) => {
  const { family, name } = Order.parse(message);
  void run(findPayload(family, name)).then((observation) => process.send?.(observation));
});
process.on("disconnect", () => void close());
process.send?.("ready");

async function close(): Promise<void> {
  meter.stop();
  if ((await leftChildren(QUIET_CHILDREN)) > 0) process.exitCode = 3;
  await hosts.close();
  if (held.hex.length === 0) throw new Error("The secret is gone");
}

async function run(payload: Payload): Promise<Observation> {
  const { host, other } = hostFor(hosts, payload);
  const neighbour = watchNeighbour(host, other);
  runs += 1;
  const startedAt = performance.now();
  const plugin = `@hostile/payload-${runs}`;
  const outcome = await perform(host, payload, { plugin, onSetOff: () => void meter.take() });
  const stallMs = meter.take();
  const ms = performance.now() - startedAt;
  const watched = await neighbour.stop();
  await bringHome(host);
  return { ...outcome, ...watched, stallMs, ms, leftChildren: await leftChildren(BUSY_CHILDREN) };
}

/** Asks the neighbour of the payload and the one of the other host at the same moments. */
function watchNeighbour(host: BenchHost, other: BenchHost) {
  let stopped = false;
  let lateMs = 0;
  const faults: string[] = [];
  const ask = async (asked: BenchHost) => {
    const since = performance.now();
    const call = () => asked.call(NEIGHBOUR, "hi", [since]).catch((error: unknown) => error);
    const first = await call();
    // Alone in a process that ends it counts as a suspect, and a suspect is not run again.
    const answer = Object(first).code === "plugin_crashed" ? await call() : first;
    if (Object(answer).hi !== since) faults.push(String(answer));
    return performance.now() - since;
  };
  const watching = (async () => {
    for (let last = false; !last;) {
      last = stopped;
      const [own, control] = await Promise.all([ask(host), ask(other)]);
      lateMs = Math.max(lateMs, own - control);
      if (!last) await wait(ASK_EVERY_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      return { lateMs, faults };
    },
  };
}

const ASK_EVERY_MS = 30;

/** A neighbour that lived through a crash is alone for a while: the next payload has to meet it. */
async function bringHome(host: BenchHost): Promise<void> {
  const { reloads } = await host.usage(NEIGHBOUR);
  if (reloads === 0) return;
  await host.disable(NEIGHBOUR);
  await host.enable(NEIGHBOUR);
  await host.call(NEIGHBOUR, "hi", [1]);
}

/** For each host the shared child and the spare one. */
const QUIET_CHILDREN = 4;
/** And for a while the one that had an isolate to end, and one of a plugin's own. */
const BUSY_CHILDREN = 8;
const LEAVE_MS = 8_000;

async function leftChildren(usual: number): Promise<number> {
  const until = performance.now() + LEAVE_MS;
  for (;;) {
    const left = ownChildren().length - usual;
    if (left <= 0 || performance.now() > until) return Math.max(0, left);
    await wait(20);
  }
}
