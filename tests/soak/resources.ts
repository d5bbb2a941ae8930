import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ownChildren } from "../../host-sdk/runtime/own-children.ts";

/** What this process holds. Linux only. */
export interface Resources {
  readonly children: number;
  readonly descriptors: number;
  readonly timers: number;
  /** After a full garbage collection, in MB. */
  readonly heapMb: number;
  readonly rssMb: number;
}

setFlagsFromString("--expose-gc");
const collectGarbage: unknown = runInNewContext("gc");

/** Collects garbage and looks. */
export function readResources(): Resources {
  if (typeof collectGarbage === "function") collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    children: ownChildren().length,
    descriptors: readdirSync("/proc/self/fd").length,
    timers: process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length,
    heapMb: heapUsed / 1e6,
    rssMb: rss / 1e6,
  };
}

/** How fast values that were taken every `everyMs` grow, per minute: the slope of their regression line. */
export function growthPerMinute(values: readonly number[], everyMs: number): number {
  const n = values.length;
  if (n < 2) return 0;
  const meanX = (n - 1) / 2;
  const meanY = values.reduce((sum, value) => sum + value, 0) / n;
  let above = 0;
  let below = 0;
  for (const [x, y] of values.entries()) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return (above / below) * (60_000 / everyMs);
}
