import { readFile } from "node:fs/promises";

/** RSS of a process in MB, and of how many processes together. Linux. */
export async function rssMb(pids: readonly number[]): Promise<number> {
  let bytes = 0;
  for (const pid of pids) {
    const statm = await readFile(`/proc/${pid}/statm`, "utf8").catch(() => "");
    bytes += Number(statm.split(" ")[1] ?? 0) * 4_096;
  }
  return bytes / 1e6;
}

/** The children of this process that hold plugins, or will: the program they run is the runner. */
export async function runnerPids(): Promise<number[]> {
  const line = await readFile(`/proc/self/task/${process.pid}/children`, "utf8");
  const pids: number[] = [];
  for (const pid of line.trim().split(" ").map(Number)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes("runner.mjs")) pids.push(pid);
  }
  return pids;
}
