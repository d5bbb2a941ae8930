import type { SearchCheckResult, SearchFinding } from "@rising-bsm/protocol";
import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Database } from "../database.ts";
import type { Listing } from "../listing.ts";
import { searchListingOf } from "../release/listing-of.ts";
import { listRevisions, pageOfListingFacts } from "../release/queries.ts";
import type { ListingFacts } from "../release/queries.ts";
import { COUNT_COLUMNS, countColumns } from "./counts.ts";
import { COLUMNS, docColumns } from "./index-plugin.ts";
import { INDEXES, stretchOf } from "./indexes.ts";
import { SORT_NAMES, SORTS } from "./sorts.ts";

/** Rows of an index are looked at so many for each plugin of a part. */
const ROWS_A_PLUGIN = 20;

interface Check {
  readonly search: D1Database;
  readonly db: Database;
  readonly limit: number;
}

/**
 * One part of the search database against the other one and against itself: the plugins that the
 * database has, the rows that search has, each index, the facets. What waits for its pass is left out.
 */
export async function checkSearch(check: Check, cursor = "plugin:"): Promise<SearchCheckResult> {
  const [, kind = "", after = ""] = /^([a-z_]+):(.*)$/s.exec(cursor) ?? [];
  if (kind === "plugin") return checkPlugins(check, after);
  if (kind === "row") return checkRows(check, Number(after));
  if (kind === "facets") return checkFacets(check);
  if (INDEXES.includes(kind)) return checkIndex(check, kind, after);
  throw new RbsmError("request_invalid", "The cursor is not one of this route's");
}

const docRow = z.object({ name: z.string() }).catchall(z.union([z.string(), z.number(), z.null()]));
type DocRow = z.output<typeof docRow>;

async function checkPlugins({ search, db, limit }: Check, after: string) {
  const page = await pageOfListingFacts(db, { after, limit });
  const names = JSON.stringify(page.map(({ name }) => name));
  const { results } = await search
    .prepare("SELECT * FROM docs WHERE name IN (SELECT value FROM json_each(?))")
    .bind(names)
    .all();
  const docs = new Map(
    z
      .array(docRow)
      .parse(results)
      .map((doc) => [doc.name, doc]),
  );
  const settled = page.filter(({ searchRevision, revision }) => searchRevision >= revision);
  const last = page.at(-1);
  return {
    checked: page.length,
    findings: settled.flatMap((facts) => comparePlugin(facts, docs.get(facts.name))),
    nextCursor: last === undefined ? "row:0" : `plugin:${last.name}`,
  };
}

function comparePlugin(facts: ListingFacts, doc: DocRow | undefined): SearchFinding[] {
  const { name: subject, counts } = facts;
  const listing = readListing(facts);
  if (listing === undefined) {
    return [{ kind: "outdated", subject, message: "What is stored of it is not readable" }];
  }
  if (listing === null) {
    if (doc === undefined) return [];
    return [{ kind: "unwanted", subject, message: "Search finds it, and it is not listed" }];
  }
  if (doc === undefined) return [{ kind: "missing", subject, message: "Search does not find it" }];
  const findings: SearchFinding[] = [];
  const columns = docColumns(listing);
  if (COLUMNS.some((column) => doc[column] !== columns[column])) {
    findings.push({ kind: "outdated", subject, message: "Search shows other facts of it" });
  }
  const wanted = countColumns(counts);
  if (counts.stale === 0 && COUNT_COLUMNS.some((column) => doc[column] !== wanted[column])) {
    findings.push({ kind: "counts", subject, message: "Search shows other numbers of it" });
  }
  return findings;
}

/** Undefined where it cannot be read. */
function readListing(facts: ListingFacts): Listing | null | undefined {
  try {
    return searchListingOf(facts);
  } catch {
    return undefined;
  }
}

/** How often the plugin stands in the sort `s` from the next epoch on. */
const LIVE = `(SELECT count(*) FROM places p
  WHERE p.id = d.id AND p.sort = s.sort AND p.dies IS NULL)`;

/** Once in every sort, and where it shall be unless it waits; what waits may have no place by name. */
const PLACED = `NOT EXISTS (SELECT 1 FROM sorts s
    WHERE ${LIVE} > 1 OR (${LIVE} = 0 AND NOT (d.waits = 1 AND s.sort = 'name')))
  AND (d.waits = 1 OR NOT EXISTS (SELECT 1 FROM targets t JOIN places p USING (id, sort)
    WHERE t.id = d.id AND p.dies IS NULL AND p.key <> t.key))`;

/** Words and filter tokens of the plugin; letters that the index may know otherwise are left out. */
const OWN = `SELECT DISTINCT value FROM json_each('["' || replace(all_words, ' ', '","') || '"]')
  WHERE value <> '' AND value NOT GLOB '*[^0-9a-z_]*'`;

function has(index: string, rowid: string, match: string): string {
  return `EXISTS (SELECT 1 FROM ${index} WHERE ${index} MATCH ${match} AND rowid = ${rowid})`;
}

/** The place's row has all that its plugin is found by, and is out of this epoch if the place is. */
function isPlaceIn(index: string): string {
  return `(${has(index, "p.position", "d.match")} AND ${has(index, "p.position", "d.out")}
    = (instr(p.outs || ' ', ' ' || d.out || ' ') > 0))`;
}

/** What each plugin is called, and its words in the vocabulary. */
const NAMED = `NOT EXISTS (SELECT 1 FROM json_each(d.labels) l
    WHERE NOT EXISTS (SELECT 1 FROM labels WHERE label = l.value AND id = d.id))
  AND NOT EXISTS (SELECT 1 FROM json_each(d.own) w WHERE substr(w.value, 1, 1) <> '_'
    AND length(w.value) BETWEEN 3 AND 32 AND NOT EXISTS (SELECT 1 FROM terms WHERE word = w.value))`;

const ROWS = `SELECT d.id, d.name, ${PLACED} AS placed, ${NAMED} AND ${has("words", "d.id", "d.match")}
  ${SORT_NAMES.map(
    (sort) => `AND NOT EXISTS (SELECT 1 FROM places p WHERE p.id = d.id AND p.sort = '${sort}'
    AND NOT ${isPlaceIn(SORTS[sort])})`,
  ).join(" ")} AS indexed
  FROM (SELECT id, name, waits, labels, (SELECT '_out_' || epoch FROM search_state) AS out,
      (SELECT json_group_array(value) FROM (${OWN})) AS own,
      (SELECT group_concat('"' || value || '"', ' ') FROM (${OWN})) AS match
    FROM docs WHERE id > CAST(? AS INTEGER) ORDER BY id LIMIT CAST(? AS INTEGER)) d`;

const checkedRow = z.object({
  id: z.int(),
  name: z.string(),
  placed: z.int(),
  indexed: z.int(),
});

async function checkRows({ search, db, limit }: Check, after: number) {
  const { results } = await search.prepare(ROWS).bind(after, limit).all();
  const rows = z.array(checkedRow).parse(results);
  const inDatabase = await listRevisions(
    db,
    rows.map(({ name }) => name),
  );
  const known = new Set(inDatabase.map(({ name }) => name));
  const findings = rows.flatMap(({ name: subject, placed, indexed }) => {
    const checks: [SearchFinding["kind"], boolean, string][] = [
      ["unwanted", known.has(subject), "The database has no such plugin"],
      ["place", placed === 1, "It is not once in every sort"],
      ["index", indexed === 1, "An index lacks a row of it"],
    ];
    return checks.flatMap(([kind, isRight, message]) =>
      isRight ? [] : [{ kind, subject, message }],
    );
  });
  const last = rows.at(-1);
  return {
    checked: rows.length,
    findings,
    nextCursor: last === undefined ? `${INDEXES[0]}:` : `row:${last.id}`,
  };
}

const stretchRow = z.object({ id: z.string(), orphan: z.int() });

async function checkIndex({ search, limit }: Check, index: string, after: string) {
  const { results } = await search
    .prepare(`SELECT CAST(id AS TEXT) AS id, orphan FROM (${stretchOf(index)})`)
    .bind(after === "" ? "-1" : after, limit * ROWS_A_PLUGIN)
    .all();
  const rows = z.array(stretchRow).parse(results);
  const orphans = rows.filter(({ orphan }) => orphan === 1);
  const last = rows.at(-1);
  const following = INDEXES[INDEXES.indexOf(index) + 1];
  const next = following === undefined ? "facets:" : `${following}:`;
  return {
    checked: rows.length,
    findings: orphans.map(({ id }) => ({
      kind: "orphan" as const,
      subject: `${index} ${id}`,
      message: "The row belongs to no plugin",
    })),
    nextCursor: last === undefined ? next : `${index}:${last.id}`,
  };
}

/** Totals that differ, in either direction. */
const FACETS = `WITH counted AS (SELECT value AS facet, count(*) AS count
    FROM docs CROSS JOIN json_each(docs.facets) GROUP BY value),
  kept AS (SELECT key AS facet, value AS count FROM catalogue CROSS JOIN json_each(catalogue.facets))
  SELECT coalesce(k.facet, c.facet) AS facet FROM counted c FULL JOIN kept k USING (facet)
  WHERE c.count IS NOT k.count LIMIT 100`;

async function checkFacets({ search }: Check) {
  const { results } = await search.prepare(FACETS).all();
  const rows = z.array(z.object({ facet: z.string() })).parse(results);
  return {
    checked: 1,
    findings: rows.map(({ facet }) => ({
      kind: "facets" as const,
      subject: facet,
      message: "The total is another one",
    })),
    nextCursor: null,
  };
}
