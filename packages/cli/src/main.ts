import { writeSync } from "node:fs";
import { CommanderError } from "commander";
import type { Cli, Run } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { createProgram } from "./program.ts";
import { errorText, type Failure, type Report, reportExit, reportJson } from "./report.ts";

/** Milliseconds a cancelled command gets to clean up before the process ends without it. */
const CANCEL_GRACE_MS = 800;

/** Runs one command line and ends the process with its exit code. */
export async function main(args: readonly string[]): Promise<never> {
  hideExperimentalWarnings();
  process.stdout.on("error", endWithoutReader);
  process.stderr.on("error", endWithoutReader);
  const json = wantsJson(args);
  const report = await Promise.race([runCommand(args, json), cancelled()]);
  await write(process.stderr, report.error === undefined || json ? "" : errorText(report.error));
  await write(process.stdout, json ? reportJson(report) : report.text);
  process.exit(reportExit(report));
}

const CANCELLED: Failure = { code: "cancelled", message: "Cancelled", detail: {} };
const stop = new AbortController();

async function runCommand(args: readonly string[], json: boolean): Promise<Report> {
  const cwd = currentFolder();
  if (cwd === null)
    return usageReport("the current folder does not exist any more", "cd to another");
  const cli: Cli = { cwd, env: process.env, json, signal: stop.signal, note };
  let answer: Report | undefined;
  let printed = "";
  const run: Run =
    (action) =>
    async (...input) => {
      answer = await action(cli, ...input);
    };
  const program = createProgram(run, (text) => (printed += text));
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return commanderReport(error, printed.trimEnd());
    return { data: {}, text: "", error: await toFailure(error) };
  }
  return answer ?? { data: {}, text: "" };
}

function currentFolder(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/** Resolves some time after Ctrl-C or SIGTERM, for commands that do not end by themselves. */
function cancelled(): Promise<Report> {
  return new Promise((resolve) => {
    const cancel = (): void => {
      stop.abort();
      setTimeout(() => resolve({ data: {}, text: "", error: CANCELLED }), CANCEL_GRACE_MS);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, cancel);
    // Later signals change nothing: the end is at most CANCEL_GRACE_MS away.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
  });
}

/** Help and version are answers; everything else commander throws is a usage error. */
function commanderReport(error: CommanderError, printed: string): Report {
  if (error.exitCode === EXIT.ok) return { data: { text: printed }, text: printed };
  if (error.code === "commander.help") {
    return usageReport("a command is missing", "rising-bsm --help lists the commands");
  }
  const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n(");
  return usageReport(message, suggestion?.replace(/\)$/, ""));
}

function usageReport(message: string, fix = "add --help to see how the command is used"): Report {
  return { data: {}, text: "", error: { code: "usage", message, detail: { fix } } };
}

async function toFailure(error: unknown): Promise<Failure> {
  // Imported here, where it is loaded already: `--version` and `--help` do without it.
  const { RbsmError } = await import("@rising-bsm/protocol");
  if (error instanceof RbsmError) return error;
  if (stop.signal.aborted) return CANCELLED;
  if (isSystemError(error) && error.code === "ENOSPC") return new RbsmError("disk_full");
  const stack = error instanceof Error ? error.stack : undefined;
  if (process.env["RISING_BSM_DEBUG"] !== undefined && stack !== undefined) note(stack);
  return new RbsmError("internal", error instanceof Error ? error.message : String(error), {
    fix: "run again with RISING_BSM_DEBUG=1 and report the stack trace",
  });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}

function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).includes("--json");
}

/** Progress and warnings: always stderr, so that stdout stays machine-readable. */
function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (text === "") resolve();
    else stream.write(`${text}\n`, () => resolve());
  });
}

/**
 * The reader is gone (`| head`): there is nobody to tell, and it is no failure of ours. Any other
 * failure, such as a full disk behind `> file`, must not pass for an answer.
 */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  const text = `error internal the output cannot be written (${error.code})\n`;
  // Written past the streams, one of which is the one that failed.
  try {
    writeSync(2, text);
  } finally {
    process.exit(EXIT.internal);
  }
}

function hideExperimentalWarnings(): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") note(`${warning.name}: ${warning.message}`);
  });
}
