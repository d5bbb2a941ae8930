/** `npm run check`: every gate, two at a time, each with its time; prints what a failed one said. */
import { run, requireNode24 } from "./processes.ts";

requireNode24();

/** The longest first, so that both ends are busy to the end. */
const GATES: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["types: workers", "tsc", "-p", "workers"],
  ["packages", "node", "scripts/package.ts", "--check"],
  ["types: benchmarks and licensing model", "tsc", "-p", "tests/bench"],
  ["types", "tsc", "-p", "."],
  ["unused", "knip"],
  ["sizes", "node", "scripts/check-sizes.ts"],
  ["types: protocol", "tsc", "-p", "packages/protocol"],
  ["API types are current", "node", "scripts/generate-openapi.ts", "--check"],
  ["format", "oxfmt", "--check"],
  ["boundaries", "node", "scripts/check-boundaries.ts"],
  ["test vectors are current", "node", "scripts/generate-vectors.ts", "--check"],
  ["built files are current", "node", "scripts/build.ts", "--check"],
  ["generated docs are current", "node", "scripts/generate-docs.ts", "--check"],
  ["types: prelude", "tsc", "-p", "host-sdk/runner/prelude"],
];

const queue = [...GATES];
let failed = 0;

async function work(): Promise<void> {
  for (let gate = queue.shift(); gate !== undefined; gate = queue.shift()) {
    const [name, command, ...args] = gate;
    const startedAt = performance.now();
    const { code, output } = await run(command, args);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
    if (code === 0) continue;
    failed += 1;
    console.log(output.trimEnd());
  }
}

await Promise.all([work(), work()]);
console.log(failed === 0 ? "All gates passed." : `${failed} of ${GATES.length} gates failed.`);
process.exit(failed === 0 ? 0 : 1);
