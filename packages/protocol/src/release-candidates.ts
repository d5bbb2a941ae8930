import type { PluginDocument } from "./documents.ts";
import type { Candidate } from "./resolve-plugins.ts";
import { satisfies } from "./version.ts";

/** One version entry of a per-plugin document. */
export type VersionEntry = PluginDocument["versions"][number];

/** What a host has, by the names that manifests use under `engines`; what is not listed is not checked. */
export type Engines = Readonly<Record<string, string>>;

/** The document's versions to choose from; those for which `refuse` gives a reason stay out. */
export function candidatesOf(
  document: PluginDocument,
  refuse: (entry: VersionEntry) => string | undefined,
): Candidate[] {
  return document.versions.map((entry) => ({
    version: entry.version,
    dependencies: entry.dependencies,
    yanked: entry.yanked !== false,
    excluded: refuse(entry),
  }));
}

/** Why a host with these engines cannot take the version; undefined when it can. */
export function unmetEngine(entry: VersionEntry, engines: Engines): string | undefined {
  const unmet = Object.entries(entry.engines).find(([engine, range]) => {
    const version = engines[engine];
    return version !== undefined && range !== undefined && !satisfies(version, range);
  });
  return unmet === undefined
    ? undefined
    : `needs ${unmet[0]} ${unmet[1]}, this host has ${engines[unmet[0]] ?? "none"}`;
}

/**
 * The range that a version, a range or a channel stands for. Without one the owner's `latest` tag is
 * the ceiling, so that a held-back release stays back.
 */
export function requestedRange(document: PluginDocument, version: string | undefined): string {
  const channel = version === undefined ? "latest" : version;
  const tagged = Object.hasOwn(document.channels, channel) ? document.channels[channel] : undefined;
  if (tagged === undefined) return version ?? "*";
  return version === undefined && satisfies(tagged, "*") ? `<=${tagged}` : tagged;
}
