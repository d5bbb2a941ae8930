import { DEFAULT_PAGE_LIMIT } from "../filters.ts";

export interface Page<T> {
  items: T[];
  page: number;
  limit: number;
  total: number;
}

interface PageQuery {
  readonly page?: number | undefined;
  readonly limit?: number | undefined;
  readonly sortDirection?: "asc" | "desc" | undefined;
}

type SortValue = string | number | boolean | null;

/** Sorts by a value, equal ones by id, and cuts out the page that is asked for. */
export function pageOf<T extends { id: number }>(
  items: readonly T[],
  query: PageQuery,
  sort: { by: (item: T) => SortValue; direction: "asc" | "desc" },
): Page<T> {
  const { page = 1, limit = DEFAULT_PAGE_LIMIT } = query;
  const sign = (query.sortDirection ?? sort.direction) === "desc" ? -1 : 1;
  const sorted = items.toSorted(
    (a, b) => sign * compareValues(sort.by(a), sort.by(b)) || a.id - b.id,
  );
  const start = (page - 1) * limit;
  return { items: sorted.slice(start, start + limit), page, limit, total: items.length };
}

function compareValues(a: SortValue, b: SortValue): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b, "de");
  return Number(a) - Number(b);
}

/** Whether a filter that is not set, or set to this value, lets the item through. */
export function equals<T>(wanted: T | undefined, actual: T): boolean {
  return wanted === undefined || wanted === actual;
}

/** Whether a flag lets the item through: only a flag that is set asks for anything. */
export function onlyIf(flag: boolean | undefined, holds: boolean): boolean {
  return flag !== true || holds;
}

export function equalsText(wanted: string | undefined, actual: string | null): boolean {
  return wanted === undefined || wanted.toLowerCase() === actual?.toLowerCase();
}

/** Whether one of the texts contains what is searched for, in any case. */
export function containsText(
  search: string | undefined,
  texts: readonly (string | null)[],
): boolean {
  if (search === undefined) return true;
  const wanted = search.toLowerCase();
  return texts.some((text) => text !== null && text.toLowerCase().includes(wanted));
}

/** Whether a date is inside both bounds, each of which may be missing. */
export function isBetween(
  date: string,
  from: string | undefined,
  until: string | undefined,
): boolean {
  return (from === undefined || date >= from) && (until === undefined || date <= until);
}
