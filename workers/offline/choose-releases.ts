import {
  candidatesOf,
  RbsmError,
  requestedRange,
  resolvePlugins,
  unmetEngine,
} from "@rising-bsm/protocol";
import type {
  Candidate,
  Conflict,
  Engines,
  PluginDocument,
  Requirement,
  VersionEntry,
} from "@rising-bsm/protocol";

export interface WantedRelease {
  readonly plugin: string;
  /** An exact version, a range or a channel. */
  readonly version: string | undefined;
  readonly engines: Engines;
  /** Why the license does not open a version of the plugin; undefined when it does. */
  readonly uncovered: (entry: VersionEntry) => string | undefined;
}

export interface ChosenRelease {
  readonly plugin: string;
  readonly entry: VersionEntry;
}

type ReadDocument = (plugin: string) => Promise<PluginDocument | null>;

/**
 * The release and what it depends on, as a host chooses them that has nothing installed. Throws
 * `plugin_not_found` when no version of the plugin fits, `dependency_conflict` when no set does.
 */
export async function chooseReleases(
  wanted: WantedRelease,
  readDocument: ReadDocument,
): Promise<ChosenRelease[]> {
  const { plugin, version } = wanted;
  const documents = new Map<string, PluginDocument | null>();
  async function read(name: string): Promise<PluginDocument | null> {
    const known = documents.get(name);
    if (known !== undefined) return known;
    const document = await readDocument(name);
    documents.set(name, document);
    return document;
  }
  const document = await read(plugin);
  if (document === null) throw new RbsmError("plugin_not_found", `There is no plugin ${plugin}`);
  const asked: Requirement = {
    name: plugin,
    range: requestedRange(document, version),
    by: "the request",
  };
  const found = await resolvePlugins({
    requests: [asked],
    read: async (name) => offered(await read(name), wanted),
    installed: new Map(),
  });
  if (found.kind === "conflict") throw conflictError(found.conflicts, plugin);
  return chosenOf(found.plugins, documents);
}

function offered(document: PluginDocument | null, wanted: WantedRelease): Candidate[] {
  if (document === null) return [];
  const isAsked = document.name === wanted.plugin;
  return candidatesOf(
    document,
    (entry) =>
      unmetEngine(entry, wanted.engines) ?? (isAsked ? wanted.uncovered(entry) : undefined),
  );
}

function chosenOf(
  plugins: ReadonlyMap<string, Candidate>,
  documents: ReadonlyMap<string, PluginDocument | null>,
): ChosenRelease[] {
  return [...plugins].flatMap(([plugin, { version }]) => {
    const entry = documents.get(plugin)?.versions.find((one) => one.version === version);
    return entry === undefined ? [] : [{ plugin, entry }];
  });
}

function conflictError(conflicts: readonly Conflict[], plugin: string): RbsmError {
  const [first] = conflicts;
  if (first === undefined) return new RbsmError("dependency_conflict");
  const needs = first.requirements.map(({ by, range }) => `${by} needs ${range}`).join("; ");
  const there = first.available.slice(0, 10).join(", ") || "nothing";
  const left = first.excluded.slice(0, 5).join("; ");
  const message = `No version of ${first.name} fits: ${needs}; there is ${there}${left === "" ? "" : ` (${left})`}`;
  const isOwn = first.name === plugin && first.requirements.length === 1;
  return new RbsmError(isOwn ? "plugin_not_found" : "dependency_conflict", message, {
    fix: "Make a request for another version: rising-bsm license request PLUGIN --version RANGE",
  });
}
