import { INSTALL_LIMITS } from "./limits.ts";
import { satisfies, versionSortKey } from "./version.ts";

/** One version that could be installed. */
export interface Candidate {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly yanked: boolean;
  /** Why this host cannot take it, when it cannot. */
  readonly excluded?: string | undefined;
}

/** `by` needs `name` in `range`. */
export interface Requirement {
  readonly name: string;
  readonly range: string;
  readonly by: string;
}

/** What `resolvePlugins` works on. */
export interface ResolveInput {
  /** What was asked for. These plugins, and what they need, make up the result. */
  readonly requests: readonly Requirement[];
  /** Versions of a plugin; none says that there is no such plugin. Each plugin is read once, when it is needed. */
  readonly read: (name: string) => Promise<readonly Candidate[]>;
  /** What is installed now: kept where it fits, and what it needs holds for everything chosen. */
  readonly installed: ReadonlyMap<string, Candidate>;
}

/** A plugin for which no version meets all who need it. */
export interface Conflict {
  readonly name: string;
  readonly requirements: readonly Requirement[];
  readonly available: readonly string[];
  readonly excluded: readonly string[];
}

/** The chosen set, or why there is no such set. */
export type Resolution =
  | { readonly kind: "resolved"; readonly plugins: ReadonlyMap<string, Candidate> }
  | {
      readonly kind: "conflict";
      readonly conflicts: readonly Conflict[];
      readonly gaveUp: boolean;
    };

type Chosen = ReadonlyMap<string, Candidate>;

interface Search {
  readonly input: ResolveInput;
  /** Needs of installed plugins that are not part of the request: they limit, but pull nothing in. */
  readonly standing: ReadonlyMap<string, readonly Requirement[]>;
  /** Versions of what was read, the highest first. */
  readonly versions: Map<string, readonly Candidate[]>;
  readonly conflicts: Conflict[];
  work: number;
}

class GaveUp extends Error {}

/**
 * Chooses one version of every plugin that the requests reach: the highest that fits for what was
 * asked, what is installed where it still fits, the highest otherwise. Backtracks within
 * `INSTALL_LIMITS.resolveWork` and `resolveReads`. Cycles are plain constraints here and need no care.
 */
export async function resolvePlugins(input: ResolveInput): Promise<Resolution> {
  const requested = new Set(input.requests.map((request) => request.name));
  const needs = [...input.installed]
    .filter(([name]) => !requested.has(name))
    .flatMap(([name, plugin]) => needsOf(name, plugin));
  const standing = Map.groupBy(needs, ({ name }) => name);
  const search: Search = { input, standing, versions: new Map(), conflicts: [], work: 0 };
  const { conflicts } = search;
  try {
    const plugins = await choose(search, new Map(), input.requests);
    if (plugins !== null) return { kind: "resolved", plugins };
    return { kind: "conflict", conflicts, gaveUp: false };
  } catch (error) {
    if (error instanceof GaveUp) return { kind: "conflict", conflicts, gaveUp: true };
    throw error;
  }
}

/** Counts what grows with what publishers wrote: needs that are looked at, and the length of ranges. */
function spend(search: Search, work: number): void {
  search.work += work;
  if (search.work > INSTALL_LIMITS.resolveWork) throw new GaveUp();
}

function isInRange(search: Search, { version }: Candidate, { range }: Requirement): boolean {
  spend(search, range.length);
  return satisfies(version, range);
}

function needsOf(name: string, plugin: Candidate): Requirement[] {
  return Object.entries(plugin.dependencies)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([dependency, range]) => ({ name: dependency, range, by: `${name}@${plugin.version}` }));
}

/** `needs` is what the requests and the chosen plugins need, in the order in which it became known. */
async function choose(
  search: Search,
  chosen: Chosen,
  needs: readonly Requirement[],
): Promise<Chosen | null> {
  spend(search, needs.length);
  const name = needs.find((need) => !chosen.has(need.name))?.name;
  if (name === undefined) return chosen;
  const versions = search.versions.get(name) ?? (await readVersions(search, name));
  const requirements = requirementsOf(search, name, needs);
  const isFull = chosen.size >= INSTALL_LIMITS.plugins;
  let isFitting = false;
  for (const candidate of isFull ? [] : inOrder(search.input, name, versions)) {
    if (!fits(candidate, requirements, search)) continue;
    isFitting = true;
    const found = await tryOne(search, { chosen, needs }, { name, candidate });
    if (found !== null) return found;
  }
  if (!isFitting) recordConflict(search, name, requirements);
  return null;
}

async function readVersions(search: Search, name: string): Promise<readonly Candidate[]> {
  if (search.versions.size >= INSTALL_LIMITS.resolveReads) throw new GaveUp();
  const keyed = (await search.input.read(name)).map((candidate) => ({
    candidate,
    key: versionSortKey(candidate.version),
  }));
  keyed.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1));
  const versions = keyed.map(({ candidate }) => candidate);
  search.versions.set(name, versions);
  return versions;
}

function requirementsOf(
  { standing }: Search,
  name: string,
  needs: readonly Requirement[],
): Requirement[] {
  return [...needs.filter((need) => need.name === name), ...(standing.get(name) ?? [])];
}

interface Branch {
  readonly chosen: Chosen;
  readonly needs: readonly Requirement[];
}

interface Named {
  readonly name: string;
  readonly candidate: Candidate;
}

async function tryOne(
  search: Search,
  { chosen, needs }: Branch,
  { name, candidate }: Named,
): Promise<Chosen | null> {
  const own = needsOf(name, candidate);
  const all = [...needs, ...own];
  const after = new Map([...chosen, [name, candidate]]);
  spend(search, all.length);
  // Does the candidate need another version of something that has been chosen already?
  const broken = own.find((need) => {
    const other = after.get(need.name);
    return other !== undefined && !isInRange(search, other, need);
  });
  if (broken === undefined) return choose(search, after, all);
  recordConflict(search, broken.name, requirementsOf(search, broken.name, all));
  return null;
}

function inOrder(
  input: ResolveInput,
  name: string,
  versions: readonly Candidate[],
): readonly Candidate[] {
  const kept = input.installed.get(name);
  if (kept === undefined || input.requests.some((request) => request.name === name))
    return versions;
  return [kept, ...versions.filter((candidate) => candidate.version !== kept.version)];
}

function fits(candidate: Candidate, requirements: readonly Requirement[], search: Search): boolean {
  if (!requirements.every((need) => isInRange(search, candidate, need))) return false;
  const [first] = requirements;
  const kept =
    first !== undefined && search.input.installed.get(first.name)?.version === candidate.version;
  if (kept) return true;
  // Only a person may pin what was withdrawn; another plugin's manifest may not.
  const pinned = search.input.requests.some(
    (request) =>
      request.name === first?.name && request.range.replace(/^[=v\s]+/, "") === candidate.version,
  );
  return candidate.excluded === undefined && (!candidate.yanked || pinned);
}

function recordConflict(search: Search, name: string, requirements: readonly Requirement[]): void {
  const versions = search.versions.get(name) ?? [];
  const known = search.conflicts.some((conflict) => conflict.name === name);
  if (known || search.conflicts.length >= INSTALL_LIMITS.reportedConflicts) return;
  search.conflicts.push({
    name,
    requirements: distinct(requirements),
    available: versions.map(({ version }) => version),
    excluded: versions.flatMap(({ version, excluded, yanked }) => {
      const reason = excluded ?? (yanked ? "yanked" : undefined);
      return reason === undefined ? [] : `${version}: ${reason}`;
    }),
  });
}

function distinct(requirements: readonly Requirement[]): Requirement[] {
  return [...new Map(requirements.map((need) => [`${need.by} ${need.range}`, need])).values()];
}
