import { BEACON_LIMITS } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { countReports } from "./count-reports.ts";
import type { CountFacts, PluginCount } from "./count-reports.ts";
import { decideReport } from "./decide-report.ts";
import type { Installation, StoredBeacon } from "./tables.ts";

const PLUGINS = ["@a/one", "@a/two", "@a/three", "@a/unlisted"];
const VERSIONS = ["1.0.0", "2.0.0", "9.9.9"];
const isListed = (plugin: string, version: string) =>
  plugin !== "@a/unlisted" && version !== "9.9.9";

/** The tables, in memory. */
class Tables {
  readonly reports = new Map<string, StoredBeacon>();
  readonly installations = new Map<string, Installation>();
  readonly counts = new Map<string, PluginCount & { installs: number }>();

  report(instanceId: string, date: string, plugins: Readonly<Record<string, string>>): void {
    const stored = this.reports.get(instanceId) ?? null;
    const list = Object.entries(plugins).map(([name, version]) => ({ name, version }));
    const next = decideReport(instanceId, stored, { day: date, plugins: list });
    if (next !== null) this.reports.set(instanceId, next);
  }

  /** Counts a chunk of what is due; answers how many were. */
  count(today: number, chunk: number): number {
    const reports = [...this.reports.values()].filter(({ due }) => due <= today).slice(0, chunk);
    const ids = new Set(reports.map(({ instanceId }) => instanceId));
    const installations = [...this.installations.values()].filter((one) => ids.has(one.instanceId));
    const counts = [...this.counts.values()];
    const facts: CountFacts = { reports, installations, isListed, counts, today };
    const outcome = countReports(facts);
    for (const one of outcome.installations) {
      this.installations.set(`${one.instanceId} ${one.plugin}`, one);
    }
    for (const { plugin, installs, downloads, momentum } of outcome.counts) {
      const before = this.counts.get(plugin) ?? { installs: 0, downloads: 0 };
      this.counts.set(plugin, {
        plugin,
        momentum,
        installs: before.installs + installs,
        downloads: before.downloads + downloads,
      });
    }
    for (const report of reports) {
      const due = report.day + BEACON_LIMITS.silentDays;
      this.reports.set(report.instanceId, { ...report, counted: true, due });
    }
    for (const id of outcome.silent) this.reports.delete(id);
    return reports.length;
  }
}

const step = fc.record({
  days: fc.oneof({ weight: 5, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(40) }),
  instance: fc.constantFrom("i1", "i2", "i3"),
  plugins: fc.dictionary(fc.constantFrom(...PLUGINS), fc.constantFrom(...VERSIONS)),
  counts: fc.boolean(),
  chunk: fc.integer({ min: 1, max: 3 }),
});

function dateOf(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}

test("counts are always the sums of what was counted, and end as the last reports say", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tables = new Tables();
      let today = 20_000;
      for (const { days, instance, plugins, counts, chunk } of steps) {
        today += days;
        tables.report(instance, dateOf(today), plugins);
        if (counts) tables.count(today, chunk);
        expectSums(tables);
      }
      while (tables.count(today, 2) > 0) expectSums(tables);
      for (const report of tables.reports.values()) expectAsReported(tables, report, today);
      const before = JSON.stringify([...tables.counts]);
      for (const [id, report] of tables.reports) {
        if (hasWaited(report, today)) tables.reports.set(id, { ...report, counted: false, due: 0 });
      }
      while (tables.count(today, 3) > 0);
      expect(JSON.stringify([...tables.counts])).toBe(before);
    }),
  );
});

function expectSums({ installations, counts }: Tables): void {
  for (const plugin of PLUGINS) {
    const rows = [...installations.values()].filter((one) => one.plugin === plugin);
    const installs = rows.filter(({ installed }) => installed).length;
    const { installs: counted = 0, downloads = 0 } = counts.get(plugin) ?? {};
    expect([counted, downloads]).toEqual([installs, rows.length]);
  }
}

/** Whether it says a second day, and a whole one lies behind its first. */
function hasWaited({ day, firstDay }: StoredBeacon, today: number): boolean {
  return day > firstDay && today >= firstDay + 2;
}

/** What is listed of it and nothing else, but for what an unlisted version says nothing about. */
function expectAsReported({ installations }: Tables, report: StoredBeacon, today: number): void {
  const { instanceId, plugins } = report;
  for (const plugin of PLUGINS) {
    const version = plugins[plugin];
    const row = installations.get(`${instanceId} ${plugin}`);
    const has = row?.installed === true ? row.version : undefined;
    if (!hasWaited(report, today)) expect(has).toBeUndefined();
    else if (version === undefined) expect(has).toBeUndefined();
    else if (isListed(plugin, version)) expect(has).toBe(version);
  }
}

test("an instance does not count for more plugins than it may have had", () => {
  const had = Array.from({ length: BEACON_LIMITS.everHeld }, (_, at) => ({
    instanceId: "i",
    plugin: `@a/p${at}`,
    version: "1.0.0",
    firstDay: 1,
    installed: false,
  }));
  const report = { instanceId: "i", firstDay: 1, day: 2, counted: false, due: 2 };
  const outcome = countReports({
    reports: [{ ...report, plugins: { "@a/new": "1.0.0", "@a/p7": "1.0.0" } }],
    installations: had,
    isListed: () => true,
    counts: [],
    today: 2,
  });
  expect(outcome.counts.map(({ plugin, installs }) => [plugin, installs])).toEqual([["@a/p7", 1]]);
});
