/**
 * `npm run soak`: one host for ten minutes (`--minutes N`) with good plugins under load, a hostile
 * one, processes killed at random, updates and evictions. `npm run soak -- --corpus` runs each
 * hostile payload `--repeat N` times (20) beside good calls. The last line is JSON; `--json` leaves
 * the rest out. Exits 1 when something failed, and 130 after Ctrl-C.
 */
import { parseArgs } from "node:util";
import { soakCorpus } from "../tests/soak/soak-corpus.ts";
import { soakHost } from "../tests/soak/soak-host.ts";
import { requireNode24 } from "./processes.ts";

requireNode24();
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    corpus: { type: "boolean", default: false },
    repeat: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
  },
});
const stopping = new AbortController();
process.once("SIGINT", () => {
  console.error("Ending …");
  stopping.abort();
});
const common = { signal: stopping.signal, onProgress: (line: string) => console.error(line) };

const failures = values.corpus ? await runCorpus() : await runHost();
if (stopping.signal.aborted) process.exit(130);
process.exit(failures.length === 0 ? 0 : 1);

async function runCorpus(): Promise<readonly string[]> {
  const { families, ...report } = await soakCorpus({ ...common, repeat: positive(values.repeat) });
  const { good, retried, largestChildMb, failures } = report;
  const { calls, bad, promptShare, slowestMs, reasons } = good;
  show(families, [
    `good calls ${calls}, bad ${bad} (${percent(1 - bad / Math.max(1, calls))} good), of the good ones ${retried} run twice`,
    `within 250 ms ${percent(promptShare)}, slowest ${slowestMs} ms, largest child ${largestChildMb} MB`,
    ...Object.entries(reasons).map(([reason, count]) => `  ${count} × ${reason}`),
    ...failures.map((failure) => `FAILED ${failure}`),
  ]);
  console.log(JSON.stringify({ ok: failures.length === 0, families, ...report }));
  return failures;
}

async function runHost(): Promise<readonly string[]> {
  const report = await soakHost({ ...common, minutes: positive(values.minutes) });
  const { before, atTheEnd, after, good, failures } = report;
  const { heapGrowthMbPerMinute: heap, rssGrowthMbPerMinute: rss } = report;
  show({ before, "at the end": atTheEnd, "after closing": after }, [
    `${report.minutes.toFixed(1)} minutes, ${report.hostileRuns} hostile runs (${report.otherAnswers} answered otherwise than alone), ${report.kills} kills, ${report.updates} updates, ${report.evictions} evictions of one plugin`,
    `good calls ${good.calls}, bad ${good.bad} (${percent(report.goodShare)} good), within 250 ms ${percent(good.promptShare)}, slowest ${good.slowestMs} ms`,
    ...Object.entries(good.reasons).map(([reason, count]) => `  ${count} × ${reason}`),
    `heap ${heap?.toFixed(2) ?? "?"} MB a minute, RSS ${rss?.toFixed(2) ?? "?"} MB a minute, longest turn ${report.longestTurnMs.toFixed(0)} ms of CPU`,
    ...failures.map((failure) => `FAILED ${failure}`),
  ]);
  console.log(JSON.stringify({ ok: failures.length === 0, ...report }));
  return failures;
}

function show(table: object, lines: readonly string[]): void {
  if (values.json) return;
  console.table(table);
  for (const line of lines) console.log(line);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)} %`;
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) {
    console.error(`${text} is not a number above 0`);
    process.exit(2);
  }
  return number;
}
