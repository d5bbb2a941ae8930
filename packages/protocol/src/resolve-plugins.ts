import { INSTALL_LIMITS } from "./limits.ts";
import { compareVersions, satisfies } from "./version.ts";

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

/** What `resolvePlugins` works on; plain data, loaded by the caller. */
export interface ResolveInput {
  /** What was asked for. These plugins, and what they need, make up the result. */
  readonly requests: readonly Requirement[];
  /** Versions of each plugin whose document has been read; an empty list says that there is no such plugin. */
  readonly catalogue: ReadonlyMap<string, readonly Candidate[]>;
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

/** The chosen set, the documents still to be read, or why there is no such set. */
export type Resolution =
  | { readonly kind: "resolved"; readonly plugins: ReadonlyMap<string, Candidate> }
  | { readonly kind: "unread"; readonly names: readonly string[] }
  | {
      readonly kind: "conflict";
      readonly conflicts: readonly Conflict[];
      readonly gaveUp: boolean;
    };

type Chosen = ReadonlyMap<string, Candidate>;

interface Search {
  readonly input: ResolveInput;
  /** Needs of installed plugins that are not part of the request: they limit, but pull nothing in. */
  readonly standing: readonly Requirement[];
  readonly conflicts: Conflict[];
  readonly unread: Set<string>;
  steps: number;
}

/**
 * Chooses one version of every plugin that the requests reach: the highest that fits for what was
 * asked, what is installed where it still fits, the highest otherwise. Backtracks over at most
 * `INSTALL_LIMITS.resolveSteps` choices. Cycles are plain constraints here and need no care.
 */
export function resolvePlugins(input: ResolveInput): Resolution {
  const requested = new Set(input.requests.map((request) => request.name));
  const standing = [...input.installed]
    .filter(([name]) => !requested.has(name))
    .flatMap(([name, plugin]) => needsOf(name, plugin));
  const search: Search = { input, standing, conflicts: [], unread: new Set(), steps: 0 };
  const plugins = choose(search, new Map());
  if (search.unread.size > 0) return { kind: "unread", names: [...search.unread] };
  if (plugins !== null) return { kind: "resolved", plugins };
  return {
    kind: "conflict",
    conflicts: search.conflicts,
    gaveUp: search.steps >= INSTALL_LIMITS.resolveSteps,
  };
}

function needsOf(name: string, plugin: Candidate): Requirement[] {
  return Object.entries(plugin.dependencies)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([dependency, range]) => ({ name: dependency, range, by: `${name}@${plugin.version}` }));
}

/** Everything that the requests and the chosen plugins need, in the order in which it became known. */
function openNeeds(search: Search, chosen: Chosen): Requirement[] {
  return [
    ...search.input.requests,
    ...[...chosen].flatMap(([name, plugin]) => needsOf(name, plugin)),
  ];
}

function choose(search: Search, chosen: Chosen): Chosen | null {
  const needs = openNeeds(search, chosen);
  const name = needs.find((need) => !chosen.has(need.name))?.name;
  if (name === undefined) return chosen;
  const candidates = search.input.catalogue.get(name);
  if (candidates === undefined) {
    search.unread.add(name);
    return null;
  }
  const requirements = [...needs, ...search.standing].filter((need) => need.name === name);
  const fitting = inOrder(search.input, name, candidates).filter((candidate) =>
    fits(candidate, requirements, search),
  );
  if (fitting.length === 0 || chosen.size >= INSTALL_LIMITS.plugins)
    recordConflict(search, name, requirements);
  else return tryEach(search, chosen, { name, fitting });
  return null;
}

function tryEach(
  search: Search,
  chosen: Chosen,
  { name, fitting }: { name: string; fitting: readonly Candidate[] },
): Chosen | null {
  for (const candidate of fitting) {
    if (++search.steps >= INSTALL_LIMITS.resolveSteps) return null;
    if (breaksChosen(search, chosen, { name, candidate })) continue;
    const found = choose(search, new Map([...chosen, [name, candidate]]));
    if (found !== null || search.unread.size > 0) return found;
  }
  return null;
}

/** Does the candidate need another version of something that has been chosen already? */
function breaksChosen(
  search: Search,
  chosen: Chosen,
  { name, candidate }: { name: string; candidate: Candidate },
): boolean {
  const after = new Map([...chosen, [name, candidate]]);
  const broken = needsOf(name, candidate).find((need) => {
    const other = after.get(need.name);
    return other !== undefined && !satisfies(other.version, need.range);
  });
  if (broken === undefined) return false;
  const needs = [...openNeeds(search, after), ...search.standing].filter(
    (need) => need.name === broken.name,
  );
  recordConflict(search, broken.name, needs);
  return true;
}

function inOrder(input: ResolveInput, name: string, candidates: readonly Candidate[]): Candidate[] {
  const highestFirst = candidates.toSorted((a, b) => compareVersions(b.version, a.version));
  const kept = input.installed.get(name);
  if (kept === undefined || input.requests.some((request) => request.name === name))
    return highestFirst;
  return [kept, ...highestFirst.filter((candidate) => candidate.version !== kept.version)];
}

function fits(candidate: Candidate, requirements: readonly Requirement[], search: Search): boolean {
  if (!requirements.every((need) => satisfies(candidate.version, need.range))) return false;
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
  const candidates = search.input.catalogue.get(name) ?? [];
  const known = search.conflicts.some((conflict) => conflict.name === name);
  if (known || search.conflicts.length >= INSTALL_LIMITS.reportedConflicts) return;
  search.conflicts.push({
    name,
    requirements: distinct(requirements),
    available: candidates
      .map((candidate) => candidate.version)
      .sort((a, b) => compareVersions(b, a)),
    excluded: candidates.flatMap(({ version, excluded, yanked }) => {
      const reason = excluded ?? (yanked ? "yanked" : undefined);
      return reason === undefined ? [] : `${version}: ${reason}`;
    }),
  });
}

function distinct(requirements: readonly Requirement[]): Requirement[] {
  return [...new Map(requirements.map((need) => [`${need.by} ${need.range}`, need])).values()];
}
