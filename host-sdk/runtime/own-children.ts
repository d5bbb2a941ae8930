import { readdirSync, readFileSync } from "node:fs";

/** Process ids of the living children of this process; Linux only. For tests. */
export function ownChildren(pid: number = process.pid): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" "))
    .filter((text) => text !== "")
    .map(Number)
    .filter(isAlive);
}

/** Whether the process runs; one that is dead and not yet buried does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits until `isTrue`, for ten seconds at most; gives back whether it came true. */
export async function eventually(isTrue: () => boolean): Promise<boolean> {
  for (let waited = 0; waited < 500; waited += 1) {
    if (isTrue()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
