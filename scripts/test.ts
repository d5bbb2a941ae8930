/**
 * `npm test`: every test, then the plain closing line `N passed, N failed, N skipped`.
 * Arguments go to vitest: `npm test -- --project node host-sdk/install`.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { QUIET_ENV, requireNode24 } from "./processes.ts";

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  numFailedTestSuites: z.number(),
});

console.log(`Node ${process.version}`);
requireNode24();
const scratch = await mkdtemp(join(tmpdir(), "rbsm-test-"));
const reportFile = join(scratch, "report.json");
const code = await new Promise<number>((resolve, reject) => {
  spawn(
    "vitest",
    [
      "run",
      "--config",
      "tests/vitest.config.ts",
      "--reporter=default",
      `--reporter=${fileURLToPath(new URL("retried-tests.ts", import.meta.url))}`,
      "--reporter=json",
      `--outputFile.json=${reportFile}`,
      ...process.argv.slice(2),
    ],
    { stdio: "inherit", env: QUIET_ENV },
  )
    .on("error", reject)
    .on("close", (exit) => resolve(exit ?? 1));
});
const report = Report.parse(JSON.parse(await readFile(reportFile, "utf8")));
await rm(scratch, { recursive: true });
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
process.exit(code);
