import { fork } from "node:child_process";
import { createTestHost } from "@rising-bsm/host-sdk/testing";
import { spread, percentile, timings, type Figure, report } from "./measure.ts";

/** A plain child process of the same Node that answers one message: what any isolation costs. */
function bareFork(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork("tests/bench/ipc-echo.mjs");
    child.once("error", reject);
    child.once("message", () => {
      child.kill("SIGKILL");
      resolve();
    });
    child.send("hello");
  });
}

/** From nothing to the first result of a plugin, production supervisor and sandbox included. */
async function coldStart(): Promise<Figure[]> {
  async function cold(): Promise<void> {
    const host = await createTestHost({ dir: "examples/hello", grant: "requested" });
    await host.request(new Request("http://plugin/"));
    await host.close();
  }
  const ours = await timings(cold, 15);
  const bare = await timings(bareFork, 15);
  const p95 = percentile(ours, 0.95);
  return [
    {
      name: "cold start to first result (close included)",
      value: spread(ours),
      baseline: `bare fork: ${spread(bare)}`,
      ratio: `${(percentile(ours, 0.5) / percentile(bare, 0.5)).toFixed(2)} ×`,
      goal: "≤ 300 ms p95",
      met: p95 <= 300 ? "yes" : "no",
    },
  ];
}

report(await coldStart());
