import {
  type Candidate,
  candidatesOf,
  type Conflict,
  type Engines,
  type PluginDocument,
  RbsmError,
  requestedRange,
  type Requirement,
  resolvePlugins,
  satisfies,
  unmetEngine,
  type VersionEntry,
} from "@rising-bsm/protocol";
import type { PluginRow } from "./rows.ts";
import type { Catalogue } from "../trust/trust.ts";

/** Who asked, in conflict reports. */
export const YOU = "you";

/** A plugin and the version wanted: an exact one, a range, a channel, or none for the best. */
export interface PluginRequest {
  readonly name: string;
  readonly version?: string | undefined;
}

/** What planning needs to know of the host. */
export interface PlanInput {
  /** One catalogue for the whole set, so that it is chosen from what was offered at one moment. */
  readonly catalogue: Pick<Catalogue, "document">;
  readonly requests: readonly PluginRequest[];
  readonly installed: ReadonlyMap<string, PluginRow>;
  /** Installed plugins whose bundle has to be fetched again. */
  readonly damaged?: ReadonlySet<string>;
  readonly engines: Engines;
  /** Why a version cannot be had now, whatever the document says; undefined when it can. */
  readonly withheld?: ((entry: VersionEntry) => string | undefined) | undefined;
  /** Plugins at hand that the marketplace need not have, by name. */
  readonly provided?: ReadonlyMap<string, Candidate>;
}

/** A plugin that has to be installed or replaced. */
export interface PlannedPlugin {
  readonly name: string;
  readonly version: string;
  readonly document: PluginDocument;
  readonly entry: VersionEntry;
}

/** What changes, dependencies first. `chosen` holds the whole set, also what stays. */
export interface Plan {
  readonly changes: readonly PlannedPlugin[];
  readonly order: readonly string[];
  readonly chosen: ReadonlyMap<string, Candidate>;
}

/** Reads the documents that matter and chooses the set. Throws the conflict as one report. */
export async function planInstall(input: PlanInput): Promise<Plan> {
  const documents = new Map<string, PluginDocument>();
  const catalogue = new Map<string, readonly Candidate[]>();
  for (const [name, candidate] of input.provided ?? []) catalogue.set(name, [candidate]);
  const requests: Requirement[] = [];
  for (const request of input.requests)
    requests.push(await readRequest(input, { documents, catalogue }, request));
  const installed = new Map(
    [...input.installed].map(([name, row]) => [name, installedCandidate(row)]),
  );
  const resolution = await resolvePlugins({
    requests,
    read: async (name) =>
      catalogue.get(name) ?? readCandidates(input, { documents, catalogue }, name),
    installed,
  });
  if (resolution.kind === "conflict") throw conflictError(resolution, catalogue);
  return planOf(resolution.plugins, { input, documents });
}

interface Read {
  readonly documents: Map<string, PluginDocument>;
  readonly catalogue: Map<string, readonly Candidate[]>;
}

async function readRequest(
  input: PlanInput,
  read: Read,
  request: PluginRequest,
): Promise<Requirement> {
  const { name, version } = request;
  if (input.provided?.has(name)) return { name, range: version ?? "*", by: YOU };
  const document = await input.catalogue.document(name);
  read.documents.set(name, document);
  read.catalogue.set(name, offered(document, input));
  return { name, range: requestedRange(document, version), by: YOU };
}

async function readCandidates(
  input: PlanInput,
  read: Read,
  name: string,
): Promise<readonly Candidate[]> {
  const document = await input.catalogue.document(name).catch((error: unknown) => {
    if (error instanceof RbsmError && error.code === "plugin_not_found") return null;
    throw error;
  });
  if (document !== null) read.documents.set(name, document);
  const row = input.installed.get(name);
  const kept = row === undefined ? [] : [installedCandidate(row)];
  const found = document === null ? [] : offered(document, input);
  const candidates = [
    ...kept.filter((one) => found.every((other) => other.version !== one.version)),
    ...found,
  ];
  read.catalogue.set(name, candidates);
  return candidates;
}

function installedCandidate({ release }: PluginRow): Candidate {
  return { version: release.version, dependencies: release.dependencies, yanked: false };
}

function offered(document: PluginDocument, { engines, withheld }: PlanInput): Candidate[] {
  return candidatesOf(document, (entry) => unmetEngine(entry, engines) ?? withheld?.(entry));
}

function planOf(
  chosen: ReadonlyMap<string, Candidate>,
  { input, documents }: { input: PlanInput; documents: ReadonlyMap<string, PluginDocument> },
): Plan {
  const order = dependenciesFirst(chosen);
  const changes = order.flatMap((name) => {
    const version = chosen.get(name)?.version;
    const document = documents.get(name);
    const entry = document?.versions.find((one) => one.version === version);
    const kept =
      input.installed.get(name)?.release.version === version && input.damaged?.has(name) !== true;
    return entry === undefined || document === undefined || version === undefined || kept
      ? []
      : [{ name, version, document, entry }];
  });
  return { changes, order, chosen };
}

/** A plugin comes after everything it needs; inside a cycle the order of discovery decides. */
function dependenciesFirst(chosen: ReadonlyMap<string, Candidate>): string[] {
  const order = new Set<string>();
  const visiting = new Set<string>();
  const visit = (name: string) => {
    const candidate = chosen.get(name);
    if (candidate === undefined || visiting.has(name)) return;
    visiting.add(name);
    Object.keys(candidate.dependencies).sort().forEach(visit);
    order.add(name);
  };
  [...chosen.keys()].forEach(visit);
  return [...order];
}

type Refusal = { readonly conflicts: readonly Conflict[]; readonly gaveUp: boolean };

function conflictError(
  { conflicts, gaveUp }: Refusal,
  catalogue: ReadonlyMap<string, readonly Candidate[]>,
): RbsmError {
  const [first] = conflicts;
  if (gaveUp || first === undefined) {
    return new RbsmError(
      "dependency_conflict",
      "No fitting set of versions was found in reasonable time",
      {
        fix: "Ask for exact versions of the plugins that many others need.",
      },
    );
  }
  const findings = conflicts.map((conflict) => ({
    rule: "dependency_conflict",
    path: conflict.name,
    message: describeConflict(conflict),
  }));
  const code = codeOf(first, catalogue);
  return new RbsmError(code, describeConflict(first), {
    plugin: first.name,
    findings,
    fix: FIXES[code],
  });
}

const FIXES = {
  plugin_not_found: "Choose one of the published versions.",
  dependency_missing:
    "Tell the author of the plugin that needs it: it cannot be installed from this marketplace.",
  trust_incompatible: "Update this host, or choose an older version of the plugin.",
  dependency_conflict:
    "Update or remove one of the plugins that need it, or choose another version.",
} as const;

function codeOf(
  conflict: Conflict,
  catalogue: ReadonlyMap<string, readonly Candidate[]>,
): keyof typeof FIXES {
  const candidates = catalogue.get(conflict.name) ?? [];
  if (candidates.length === 0) return "dependency_missing";
  const fitting = candidates.filter(({ version }) =>
    conflict.requirements.every((need) => satisfies(version, need.range)),
  );
  if (fitting.some(({ excluded }) => excluded !== undefined)) return "trust_incompatible";
  return conflict.requirements.every((need) => need.by === YOU)
    ? "plugin_not_found"
    : "dependency_conflict";
}

function describeConflict({ name, requirements, available, excluded }: Conflict): string {
  const needs = requirements.map(({ by, range }) =>
    by === YOU ? `you ask for ${range}` : `${by} needs ${range}`,
  );
  const offered =
    available.length === 0
      ? "there is no such plugin"
      : `there are ${available.slice(0, 10).join(", ")}`;
  const left = excluded.length === 0 ? "" : ` (${excluded.slice(0, 5).join("; ")})`;
  return `No version of ${name} fits: ${needs.join("; ")}; ${offered}${left}`;
}
