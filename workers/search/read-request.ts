import { normalizePermission, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { SORT_NAMES } from "./sorts.ts";
import type { Filters } from "./tags.ts";
import { understand } from "./understand.ts";
import type { Understood } from "./understand.ts";

export const SEARCH_LIMITS = {
  pageItems: 100,
  defaultPageItems: 20,
  /** Words of one query that are looked at; what a person types has fewer. */
  words: 10,
  /** Filters of one kind in one query. */
  filterValues: 20,
  filterLength: 200,
} as const;

const filterValue = z.string().min(1).max(SEARCH_LIMITS.filterLength);

/** A query parameter that may be repeated. */
function repeatable<Item extends z.ZodType<string>>(item: Item) {
  const list = z.array(item).max(SEARCH_LIMITS.filterValues);
  return z.union([item.transform((value) => [value]), list]).default([]);
}

const slug = filterValue.regex(/^[a-z0-9-]+$/, 'must be a category such as "customers"');
const permission = filterValue.regex(
  /^!?[a-z][a-z0-9_.:*-]*$/,
  'must be a permission code such as "customers.view", "customers" for all of them, "network" or "network:HOST"; "!" in front excludes it',
);
const license = filterValue.regex(
  /^[A-Za-z0-9.+-]+$/,
  'must be an SPDX license id such as "MIT" or "Apache-2.0"',
);
const hostVersion = z
  .string()
  .max(SEARCH_LIMITS.filterLength)
  .regex(
    /^\d{1,6}(\.\d{1,6}(\.\d[0-9A-Za-z.+-]*)?)?$/,
    "must be a version of Rising-BSM such as 2.1",
  );

const parametersSchema = z.object({
  q: z.string().optional(),
  category: repeatable(slug),
  permission: repeatable(permission),
  price: z.enum(["free", "paid"]).optional(),
  license: repeatable(license),
  host: hostVersion.optional(),
  verified: z.enum(["true", "false", "1", "0"]).optional(),
  sort: z.enum(["relevance", ...SORT_NAMES]).optional(),
  cursor: z.string().optional(),
  limit: z.coerce
    .number<string>()
    .int()
    .min(1)
    .max(SEARCH_LIMITS.pageItems)
    .default(SEARCH_LIMITS.defaultPageItems),
});

/** The query parameters of search, as a caller writes them: a form sends its empty fields, too. */
export const searchQuerySchema = z
  .record(z.string(), z.union([z.string(), z.array(z.string())]).optional())
  .transform((written) => {
    const given = Object.entries(written).map(
      ([name, values]) => [name, withoutEmpty(values)] as const,
    );
    return Object.fromEntries(given);
  })
  .pipe(parametersSchema);

function withoutEmpty(written: string | string[] | undefined): string | string[] | undefined {
  const values = [written ?? ""].flat().filter((value) => value !== "");
  return values.length > 1 ? values : values[0];
}

export type SearchQuery = z.output<typeof searchQuerySchema>;

export interface SearchRequest {
  /** As it was typed. */
  readonly text: string;
  /** What of it is looked for. */
  readonly wanted: string;
  /** What of it became filters, which are among `filters`. */
  readonly understood: readonly Understood[];
  readonly filters: Filters;
  readonly sort: NonNullable<SearchQuery["sort"]>;
  readonly cursor: string | null;
  readonly limit: number;
}

/** What a checked query asks for. Without words there is nothing to be relevant to: popular first. */
export function toSearchRequest(query: SearchQuery): SearchRequest {
  const text = (query.q ?? "").trim();
  const meaning = understand(text);
  const sort = query.sort ?? "relevance";
  const understoodCodes = meaning.understood.map(({ filter }) => filter.value);
  const excluded = query.permission.filter((code) => code.startsWith("!"));
  return {
    text,
    wanted: meaning.text,
    understood: meaning.understood,
    sort: meaning.text === "" && sort === "relevance" ? "popular" : sort,
    cursor: query.cursor ?? null,
    limit: query.limit,
    filters: {
      categories: query.category,
      permissions: query.permission.filter((code) => !code.startsWith("!")).flatMap(canonical),
      withoutPermissions: [...new Set([...excluded, ...understoodCodes])]
        .map((code) => code.slice(1))
        .flatMap(canonical),
      price: query.price ?? null,
      licenses: query.license,
      verified: query.verified === undefined ? null : ["true", "1"].includes(query.verified),
      host: toHost(query.host),
    },
  };
}

/** Old names of a permission mean what they mean in a manifest; unknown ones find nothing. */
function canonical(code: string): readonly string[] {
  const codes = normalizePermission(code);
  return codes.length === 0 ? [code] : codes;
}

function toHost(version: string | undefined): Filters["host"] {
  if (version === undefined) return null;
  const [major, minor] = version.split(".");
  return { major: Number(major), minor: minor === undefined ? null : Number(minor) };
}

/** Reads the parameters of a page's URL as the API reads its own. Throws `request_invalid`. */
export function readSearchParams(params: URLSearchParams): SearchRequest {
  const values = [...new Set(params.keys())].map((name) => [name, params.getAll(name)]);
  const result = searchQuerySchema.safeParse(Object.fromEntries(values));
  if (!result.success) throw new RbsmError("request_invalid", result.error.issues[0]?.message);
  return toSearchRequest(result.data);
}
