/**
 * Updates of a plugin while it is called: no call may be lost, and none answered by anything but the
 * old version or the new. Beside it the same calls without an update.
 */
import { type BenchHost, openBenchHost } from "./bench-host.ts";
import { type Figure, percentile, ratio, report, spread } from "./measure.ts";

const CALLS = 10_000;
const IN_FLIGHT = 16;
const UPDATES = 10;
const NAME = "@bench/updated";

const codeOf = (version: number) => `export default class {
  version() { return ${version}; }
}`;

interface Sample {
  readonly times: number[];
  readonly lost: string[];
  readonly versions: ReadonlySet<number>;
}

/** All calls, `IN_FLIGHT` at a time; `between` is told how many have been answered. */
async function callAll(host: BenchHost, between: (answered: number) => void): Promise<Sample> {
  const times: number[] = [];
  const lost: string[] = [];
  const versions = new Set<number>();
  let left = CALLS;
  async function work(): Promise<void> {
    while (left > 0) {
      left -= 1;
      const begun = performance.now();
      const version = await host.call(NAME, "version").catch((error: unknown) => {
        lost.push(String(error));
        return null;
      });
      if (typeof version === "number") versions.add(version);
      times.push(performance.now() - begun);
      between(times.length);
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return { times: times.toSorted((a, b) => a - b), lost, versions };
}

async function hotUpdate(): Promise<Figure[]> {
  const host = await openBenchHost();
  const add = (version: number) =>
    host.add({ name: NAME, version: `1.${version}.0`, code: codeOf(version) });
  await add(0);
  const quiet = await callAll(host, () => undefined);
  let version = 0;
  const updates: Promise<void>[] = [];
  const busy = await callAll(host, (answered) => {
    if (answered % (CALLS / UPDATES) !== CALLS / UPDATES / 2) return;
    version += 1;
    updates.push(add(version));
  });
  await Promise.all(updates);
  await host.close();
  if (busy.versions.size < UPDATES / 2) throw new Error("The updates came after the calls");
  const lost = busy.lost.length;
  return [
    {
      name: `${UPDATES} updates during ${CALLS.toLocaleString("en-US")} calls, ${IN_FLIGHT} in flight`,
      value: `${lost} lost, ${busy.versions.size} versions answered; ${spread(busy.times)}`,
      baseline: `no update: ${quiet.lost.length} lost; ${spread(quiet.times)}`,
      ratio: ratio(percentile(busy.times, 0.99), percentile(quiet.times, 0.99)),
      goal: "0 lost",
      met: lost === 0 && quiet.lost.length === 0 ? "yes" : "no",
    },
  ];
}

report(await hotUpdate());
