import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createTestHost } from "@rising-bsm/host-sdk/testing";
import { findRunnerProgram } from "../../host-sdk/runtime/runner-program.ts";
import {
  atMost,
  type Figure,
  NO_GOAL,
  percentile,
  ratio,
  report,
  spread,
  timings,
} from "./measure.ts";

const RUNS = 20;

/** A plain child process of the same Node that answers one message: what any isolation costs. */
function bareFork(): Promise<void> {
  const child = fork("tests/bench/ipc-echo.mjs");
  child.send("hello");
  return firstAnswer(child);
}

/** A fresh process, with the flag that isolated-vm asks for, that evaluates one expression in an isolate. */
function bareIsolate(): Promise<void> {
  const execArgv = ["--no-node-snapshot"];
  return firstAnswer(
    fork("tests/bench/bare-isolate.mjs", [findRunnerProgram().addon], { execArgv }),
  );
}

async function firstAnswer(child: ChildProcess): Promise<void> {
  await once(child, "message");
  child.kill("SIGKILL");
}

/** From nothing to the first result of a plugin, production supervisor and sandbox included. */
async function coldStart(): Promise<Figure[]> {
  const first: number[] = [];
  const closed: number[] = [];
  async function cold(): Promise<void> {
    const begun = performance.now();
    const host = await createTestHost({ dir: "examples/hello", grant: "requested" });
    await host.request(new Request("http://plugin/"));
    first.push(performance.now() - begun);
    await host.close();
    closed.push(performance.now() - begun);
  }
  const bare: number[] = [];
  const raw: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await cold();
    bare.push(...(await timings(bareFork, 1, 0)));
    raw.push(...(await timings(bareIsolate, 1, 0)));
  }
  for (const times of [first, closed, bare, raw]) times.sort((a, b) => a - b);
  const beside = (times: number[]) => ({
    baseline: `bare fork: ${spread(bare)}; fork with an isolate: ${spread(raw)}`,
    ratio: [bare, raw]
      .map((base) => ratio(percentile(times, 0.5), percentile(base, 0.5)))
      .join("; "),
  });
  return [
    {
      name: "cold start to first result",
      value: spread(first),
      ...beside(first),
      ...atMost(percentile(first, 0.95), 150, "ms p95"),
    },
    {
      name: "cold start to first result and closed again",
      value: spread(closed),
      ...beside(closed),
      ...NO_GOAL,
    },
  ];
}

report(await coldStart());
