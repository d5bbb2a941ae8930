/**
 * `npm run bench`: every benchmark beside its baseline in the same run; `npm run bench -- NAME` for
 * one, `--json` for one JSON object. A ratio holds on a noisy machine, a time does not. Each is a
 * program of its own, so that none measures what another left in memory.
 */
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { z } from "zod";
import { requireNode24, run } from "./processes.ts";

requireNode24();
const BENCHES: Record<string, string> = {
  "bundle-read": "tests/bench/bundle-read.ts",
  "cold-start": "tests/bench/cold-start.ts",
  calls: "tests/bench/calls.ts",
  download: "tests/bench/download.ts",
  search: "tests/bench/search-rows.ts",
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

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean" } },
  allowPositionals: true,
});
const chosen = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
const figures: z.output<typeof Figures> = [];
for (const name of chosen) {
  const program = BENCHES[name];
  if (program === undefined) {
    console.error(
      `There is no benchmark "${name}". Choose from: ${Object.keys(BENCHES).join(", ")}`,
    );
    process.exit(2);
  }
  console.error(`Running ${name} …`);
  const { code, stdout, output } = await run("node", [program]);
  if (code !== 0) throw new Error(output);
  figures.push(...Figures.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")));
}

const machine = {
  node: process.version,
  cpus: cpus().length,
  model: cpus()[0]?.model ?? "",
  memoryGb: Math.round(totalmem() / 2 ** 30),
};
if (values.json === true) console.log(JSON.stringify({ machine, figures }));
else {
  console.log(`${machine.node}, ${machine.cpus} × ${machine.model}, ${machine.memoryGb} GB`);
  console.table(Object.fromEntries(figures.map(({ name, ...rest }) => [name, rest])));
}
process.exit(figures.every(({ met }) => met !== "no") ? 0 : 1);
