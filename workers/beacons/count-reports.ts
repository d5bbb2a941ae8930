import { BEACON_LIMITS } from "@rising-bsm/protocol";
import type { Installation, StoredBeacon } from "./tables.ts";
import { addMomentum, trendingOf } from "./trend.ts";

/** What is counted of a plugin already. */
export interface PluginCount {
  readonly plugin: string;
  readonly downloads: number;
  readonly momentum: number;
}

/** Reports that are due, and what they are counted against. */
export interface CountFacts {
  readonly reports: readonly StoredBeacon[];
  /** All of the instances that reported. */
  readonly installations: readonly Installation[];
  /** Whether everybody can install this version. */
  readonly isListed: (plugin: string, version: string) => boolean;
  readonly counts: readonly PluginCount[];
  readonly today: number;
}

/** Differences, but for momentum and trending, which replace what was there. */
export interface CountChange extends PluginCount {
  readonly installs: number;
  readonly trending: number;
}

/** What counting comes to; nothing of it is stored yet. */
export interface CountOutcome {
  readonly installations: readonly Installation[];
  readonly counts: readonly CountChange[];
  /** Instances that have been looked at, and those that are forgotten. */
  readonly counted: readonly string[];
  readonly silent: readonly string[];
}

/** Counts reports by their difference to what was counted: doing so again changes nothing. */
export function countReports(facts: CountFacts): CountOutcome {
  const held = Map.groupBy(facts.installations, ({ instanceId }) => instanceId);
  const isSilent = ({ day }: StoredBeacon) => day + BEACON_LIMITS.silentDays <= facts.today;
  const changed = facts.reports.flatMap((report) => {
    const before = held.get(report.instanceId) ?? [];
    return isSilent(report)
      ? changesOf({}, before, report)
      : changesOfReport(report, before, facts);
  });
  const silent = facts.reports.filter(isSilent);
  return {
    installations: changed.map(({ now }) => now),
    counts: addUp(changed, facts.counts),
    counted: facts.reports
      .filter((report) => !isSilent(report))
      .map(({ instanceId }) => instanceId),
    silent: silent.map(({ instanceId }) => instanceId),
  };
}

interface Change {
  readonly before: Installation | undefined;
  readonly now: Installation;
  readonly day: number;
}

function changesOfReport(
  report: StoredBeacon,
  before: readonly Installation[],
  { isListed }: CountFacts,
): Change[] {
  if (report.counted) return [];
  const known = new Map(before.map((installation) => [installation.plugin, installation]));
  let room = BEACON_LIMITS.everHeld - before.length;
  // What nobody can install changes nothing: it neither counts nor takes away what counted.
  const plugins = Object.entries(report.plugins).flatMap(([plugin, version]) => {
    const installation = known.get(plugin);
    if (!isListed(plugin, version)) {
      return installation?.installed === true ? [[plugin, installation.version]] : [];
    }
    if (installation === undefined && --room < 0) return [];
    return [[plugin, version]];
  });
  return changesOf(Object.fromEntries(plugins), before, report);
}

function changesOf(
  plugins: Readonly<Record<string, string>>,
  before: readonly Installation[],
  { instanceId, day }: StoredBeacon,
): Change[] {
  const known = new Map(before.map((installation) => [installation.plugin, installation]));
  const has = Object.entries(plugins).map(([plugin, version]): Change => {
    const installation = known.get(plugin) ?? { instanceId, plugin, version, firstDay: day };
    return { before: known.get(plugin), now: { ...installation, version, installed: true }, day };
  });
  const gone = before
    .filter(({ plugin }) => !Object.hasOwn(plugins, plugin))
    .map((installation): Change => ({
      before: installation,
      now: { ...installation, installed: false },
      day,
    }));
  return [...has, ...gone].filter(isChange);
}

function isChange({ before, now }: Change): boolean {
  return before?.version !== now.version || before.installed !== now.installed;
}

function addUp(changes: readonly Change[], counts: readonly PluginCount[]): CountChange[] {
  const known = new Map(counts.map((count) => [count.plugin, count]));
  const byPlugin = Map.groupBy(changes, ({ now }) => now.plugin);
  return [...byPlugin].flatMap(([plugin, all]) => {
    const { downloads = 0, momentum = 0 } = known.get(plugin) ?? {};
    const fresh = all.filter(({ before }) => before === undefined);
    const installs = all.reduce(
      (sum, { before, now }) => sum + installed(now) - installed(before),
      0,
    );
    if (installs === 0 && fresh.length === 0) return [];
    const byDay = [...Map.groupBy(fresh, ({ day }) => day)].map(([day, { length: count }]) => ({
      day,
      count,
    }));
    const next = byDay.reduce(addMomentum, momentum);
    const trending = trendingOf(next, downloads + fresh.length);
    return [{ plugin, installs, downloads: fresh.length, momentum: next, trending }];
  });
}

function installed(installation: Installation | undefined): number {
  return installation?.installed === true ? 1 : 0;
}
