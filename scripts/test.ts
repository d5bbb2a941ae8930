/**
 * `npm test`: every test, then the plain closing line `N passed, N failed, N skipped`.
 * Arguments go to vitest: `npm test -- --project node host-sdk/install`.
 *
 * The tests drive real processes against the clock, and some measure. A few files that failed are run
 * once more by themselves, on a machine that does nothing else; what then passes is named.
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { QUIET_ENV, requireNode24 } from "./processes.ts";

/** More files than these have not met a busy moment: they are broken. */
const MAX_RERUN_FILES = 5;

const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});
type FileResult = z.infer<typeof Report>["testResults"][number];

console.log(`Node ${process.version}`);
requireNode24();
// What a random sequence has found must not be gone in the run by themselves.
const env = { RBSM_MODEL_SEED: String(randomInt(1, 2 ** 31)), ...QUIET_ENV };
const first = await runVitest(process.argv.slice(2));
const failedFiles = [...new Set(first.files.filter(hasFailed).map((file) => file.name))];
const tryAgain = failedFiles.length > 0 && failedFiles.length <= MAX_RERUN_FILES;
if (tryAgain) console.log(`\nOnce more, by themselves:\n${names(failedFiles)}`);
const second: (typeof first)[] = [];
if (tryAgain) for (const name of failedFiles) second.push(await runVitest([name]));
const code = tryAgain ? Math.max(...second.map((run) => run.code)) : first.code;
const files = [
  ...first.files.filter((file) => !tryAgain || !failedFiles.includes(file.name)),
  ...second.flatMap((run) => run.files),
];
if (tryAgain && code === 0)
  console.log(`passed only in a run by themselves:\n${names(failedFiles)}`);
const count = (...states: string[]) =>
  files.flatMap((file) => file.assertionResults).filter((result) => states.includes(result.status))
    .length;
// A file that fails before its tests are known counts as one failed test.
const broken = files.filter((file) => hasFailed(file) && !file.assertionResults.some(isFailed));
console.log(
  `${count("passed")} passed, ${count("failed") + broken.length} failed, ${count("pending", "skipped", "todo", "disabled")} skipped`,
);
process.exit(code);

async function runVitest(args: readonly string[]): Promise<{ files: FileResult[]; code: number }> {
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
        ...args,
      ],
      { stdio: "inherit", env },
    )
      .on("error", reject)
      .on("close", (exit) => resolve(exit ?? 1));
  });
  const { testResults } = Report.parse(JSON.parse(await readFile(reportFile, "utf8")));
  await rm(scratch, { recursive: true });
  return { files: testResults, code };
}

function hasFailed(file: FileResult): boolean {
  return file.status === "failed";
}

function isFailed(result: { status: string }): boolean {
  return result.status === "failed";
}

function names(paths: readonly string[]): string {
  return paths.map((path) => `  ${relative(process.cwd(), path)}`).join("\n");
}
