import { utf8Decode } from "@rising-bsm/protocol";
import { readFileIfPresent } from "./durable-file.ts";

/**
 * Which start of this machine it runs since: while it is the same, the system's monotonic counter
 * goes on from one process to the next. Undefined where the system does not tell.
 */
export async function readBootId(): Promise<string | undefined> {
  const bytes = await readFileIfPresent("/proc/sys/kernel/random/boot_id").catch(() => null);
  return bytes === null ? undefined : utf8Decode(bytes).trim();
}
