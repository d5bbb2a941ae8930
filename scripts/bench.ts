/**
 * `npm run bench`: every benchmark beside its baseline in the same run; `npm run bench -- NAME` for
 * one, `npm run bench -- runtime` for those whose names begin so, `--json` for one JSON object,
 * `--readme` to put the table into README.md as well. A ratio holds on a noisy machine, a time does
 * not: the load beside each figure is the machine's when its benchmark began. Each is a program of
 * its own, so that none measures what another left in memory.
 */
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { z } from "zod";
import { requireNode24, run } from "./processes.ts";

requireNode24();
const BENCHES: Record<string, string> = {
  "bundle-read": "tests/bench/bundle-read.ts",
  "verify-release": "tests/bench/verify-release.ts",
  "update-check": "tests/bench/update-check.ts",
  download: "tests/bench/download.ts",
  delivery: "tests/bench/delivery.ts",
  "paid-download": "tests/bench/paid-download.ts",
  publish: "tests/bench/publish.ts",
  licensing: "tests/bench/licensing.ts",
  fleet: "tests/bench/fleet.ts",
  "lease-check": "tests/bench/lease-check.ts",
  search: "tests/bench/search.ts",
  "runtime-calls": "tests/bench/calls.ts",
  "runtime-start": "tests/bench/cold-start.ts",
  "runtime-activation": "tests/bench/activation.ts",
  "runtime-many": "tests/bench/many-plugins.ts",
  "runtime-memory": "tests/bench/idle-memory.ts",
  "runtime-containment": "tests/bench/containment.ts",
  "runtime-stall": "tests/bench/host-stall.ts",
  "runtime-recovery": "tests/bench/recovery.ts",
  "runtime-update": "tests/bench/hot-update.ts",
  "runtime-cpu": "tests/bench/cpu-truth.ts",
};
const Figures = z.array(
  z.object({
    name: z.string(),
    value: z.string(),
    baseline: z.string(),
    ratio: z.string(),
    goal: z.string(),
    met: z.enum(["yes", "no", "–"]),
  }),
);
type Figure = z.output<typeof Figures>[number] & { readonly load: string };

const { values, positionals } = parseArgs({
  options: {
    json: { type: "boolean" },
    readme: { type: "boolean" },
    corpus: { type: "string" },
    sizes: { type: "string" },
  },
  allowPositionals: true,
});

/** The names asked for, or what begins with them; all without any. */
function chosenBenches(): string[] {
  const all = Object.keys(BENCHES);
  return (positionals.length === 0 ? [""] : positionals).flatMap((asked) => {
    const found = all.filter((name) => name === asked || name.startsWith(asked));
    if (found.length > 0) return found;
    console.error(`There is no benchmark "${asked}". Choose from: ${all.join(", ")}`);
    return process.exit(2);
  });
}

/** `--corpus FILE.tsv` and `--sizes 10000,250000` are the search's. */
function argumentsOf(name: string): string[] {
  if (name !== "search") return [];
  const { corpus, sizes } = values;
  return [
    ...(corpus === undefined ? [] : ["--corpus", corpus]),
    ...(sizes === undefined ? [] : ["--sizes", sizes]),
  ];
}

async function measure(name: string): Promise<Figure[]> {
  const load = (loadavg()[0] ?? 0).toFixed(1);
  console.error(`Running ${name} …`);
  const { code, stdout, output } = await run("node", [BENCHES[name] ?? "", ...argumentsOf(name)]);
  if (code !== 0) {
    console.error(`${name} failed:\n${output}`);
    failed += 1;
    return [];
  }
  const figures = Figures.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
  return figures.map((figure) => ({ ...figure, load }));
}

const MARK = "<!-- figures: written by `npm run bench -- runtime --readme` -->";
const END_MARK = "<!-- end of figures -->";

async function writeReadme(figures: readonly Figure[]): Promise<void> {
  const text = await readFile("README.md", "utf8");
  const start = text.indexOf(MARK);
  const end = text.indexOf(END_MARK);
  if (start === -1 || end < start) throw new Error("README.md has no place for the figures");
  const rows = figures.map(({ name, goal, met, value, baseline, ratio, load }) =>
    ["", name, goal, met, value, baseline, ratio, load, ""].join(" | ").trim(),
  );
  const table = [
    MARK,
    `${machineLine}, on ${new Date().toISOString().slice(0, 10)}`,
    "",
    "| what | goal | met | measured: p50 / p95 / p99 | baseline of the same run | ours to it | load |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
  await writeFile("README.md", text.slice(0, start) + table + text.slice(end));
}

const machine = {
  node: process.version,
  cpus: cpus().length,
  model: cpus()[0]?.model ?? "",
  memoryGb: Math.round(totalmem() / 2 ** 30),
};
const machineLine = `Node ${machine.node}, ${machine.cpus} × ${machine.model}, ${machine.memoryGb} GB`;

let failed = 0;
const figures: Figure[] = [];
for (const name of chosenBenches()) figures.push(...(await measure(name)));
if (values.readme === true && failed === 0) await writeReadme(figures);
if (values.json === true) console.log(JSON.stringify({ machine, figures }));
else {
  console.log(machineLine);
  console.table(Object.fromEntries(figures.map(({ name, ...rest }) => [name, rest])));
}
process.exit(failed === 0 && figures.every(({ met }) => met !== "no") ? 0 : 1);
