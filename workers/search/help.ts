import { matchOf } from "./plan-words.ts";
import type { SearchReader } from "./queries.ts";
import { countUpTo } from "./relevance-queries.ts";
import type { FilterHelp, Prepared } from "./search-page.ts";
import type { Filters } from "./tags.ts";

/** Filters that are tried without, and rows that all of it may read. */
const MAX_TRIED = 8;
const MAX_ROWS = 16;

/** Filters that keep everything away: each with what is found when it alone is left out. */
export async function helpWithFilters(
  search: SearchReader,
  { request, asked }: Prepared,
): Promise<FilterHelp[]> {
  const tried = eachLeftOut(request.filters).slice(0, MAX_TRIED);
  const limit = Math.floor(MAX_ROWS / Math.max(1, tried.length));
  const counts = await Promise.all(
    tried.map(({ filters }) => countUpTo(search, matchOf(asked, filters), limit)),
  );
  return tried
    .map(({ name, value }, at) => ({ name, value, atLeast: counts[at] ?? 0 }))
    .filter(({ atLeast }) => atLeast > 0);
}

interface LeftOut {
  readonly name: string;
  readonly value: string;
  readonly filters: Filters;
}

/** The filters with one of them left out, for each; several of one kind that widen it are one. */
export function eachLeftOut(filters: Filters): LeftOut[] {
  const { categories, permissions, withoutPermissions, price, licenses, verified, host } = filters;
  const without = (list: readonly string[], value: string) => list.filter((it) => it !== value);
  return [
    ...withoutPermissions.map((value) => ({
      name: "permission",
      value: `!${value}`,
      filters: { ...filters, withoutPermissions: without(withoutPermissions, value) },
    })),
    ...permissions.map((value) => ({
      name: "permission",
      value,
      filters: { ...filters, permissions: without(permissions, value) },
    })),
    ...leftOut("category", categories.join(","), { ...filters, categories: [] }),
    ...leftOut("price", price ?? "", { ...filters, price: null }),
    ...leftOut("license", licenses.join(","), { ...filters, licenses: [] }),
    ...leftOut("verified", verified === null ? "" : String(verified), {
      ...filters,
      verified: null,
    }),
    ...leftOut("host", versionOf(host), {
      ...filters,
      host: null,
    }),
  ];
}

function versionOf(host: Filters["host"]): string {
  if (host === null) return "";
  return host.minor === null ? `${host.major}` : `${host.major}.${host.minor}`;
}

function leftOut(name: string, value: string, filters: Filters): LeftOut[] {
  return value === "" ? [] : [{ name, value, filters }];
}
