import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RbsmError } from "@rising-bsm/protocol";
import { readCrons } from "../read-crons.ts";
import type { Marketplace, Step } from "./launch.ts";

/** Whoever publishes, rates or reports something looks at once where it shows; a round takes 0.1 s. */
const PAUSE_MS = 10_000;
const CRONS = readCrons("wrangler.toml");

interface CronStep extends Pick<Step, "paths"> {
  readonly marketplace: Pick<Marketplace, "url">;
}

/** Does, one after the other, what Cloudflare calls the Worker for; `wrangler dev` never calls it. */
export async function runCrons(step: CronStep): Promise<void> {
  for (const cron of CRONS) await runCron(step, cron);
}

/**
 * The same again and again, each time when the last one is done. A run that fails is a line and keeps no
 * other from being done. Ends with `signal`, never rejects.
 */
export async function keepRunningCrons(
  step: CronStep & Pick<Step, "say">,
  signal: AbortSignal,
  pauseMs = PAUSE_MS,
): Promise<void> {
  const tell = ({ message, detail }: RbsmError) => {
    if (!signal.aborted) step.say(`${message}. ${detail.fix}`);
  };
  const pause = () => sleep(pauseMs, true, { signal }).catch(() => false);
  while (await pause()) {
    for (const cron of CRONS) await runCron(step, cron, signal).catch(tell);
  }
}

async function runCron(
  { marketplace, paths }: CronStep,
  cron: string,
  signal: AbortSignal | null = null,
): Promise<void> {
  const url = `${marketplace.url}/cdn-cgi/local/scheduled?cron=${encodeURIComponent(cron)}`;
  const answer = await fetch(url, { signal }).catch(() => null);
  await answer?.body?.cancel();
  if (answer?.ok === true) return;
  throw new RbsmError("internal", `The cron "${cron}" failed`, {
    fix: `Read "${join(paths.logs, "marketplace.log")}"`,
  });
}
