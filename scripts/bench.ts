/**
 * `npm run bench`: every benchmark beside its baseline in the same run; `npm run bench -- NAME` for
 * one, `--json` for one JSON object. A ratio holds on a noisy machine, a time does not.
 */
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import type { Figure } from "../tests/bench/measure.ts";
import { QUIET_ENV, requireNode24 } from "./processes.ts";

requireNode24();
Object.assign(process.env, QUIET_ENV);
const BENCHES: Record<string, () => Promise<Figure[]>> = {
  "bundle-read": async () => (await import("../tests/bench/bundle-read.ts")).bundleRead(),
  "cold-start": async () => (await import("../tests/bench/cold-start.ts")).coldStart(),
  download: async () => (await import("../tests/bench/download.ts")).download(),
  search: async () => (await import("../tests/bench/search-rows.ts")).searchRows(),
};

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean" } },
  allowPositionals: true,
});
const chosen = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
const machine = {
  node: process.version,
  cpus: cpus().length,
  model: cpus()[0]?.model ?? "",
  memoryGb: Math.round(totalmem() / 2 ** 30),
};
const figures: Figure[] = [];
for (const name of chosen) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(
      `There is no benchmark "${name}". Choose from: ${Object.keys(BENCHES).join(", ")}`,
    );
    process.exit(2);
  }
  console.error(`Running ${name} …`);
  figures.push(...(await bench()));
}

if (values.json === true) console.log(JSON.stringify({ machine, figures }));
else {
  console.log(`${machine.node}, ${machine.cpus} × ${machine.model}, ${machine.memoryGb} GB`);
  console.table(Object.fromEntries(figures.map(({ name, ...rest }) => [name, rest])));
}
process.exit(figures.every(({ met }) => met !== "no") ? 0 : 1);
