import { lettersOf, planCommon } from "./common-words.ts";
import { matchExpression } from "./match.ts";
import type { SearchReader } from "./queries.ts";
import type { Asked } from "./search-page.ts";
import { filterTags } from "./tags.ts";
import type { Filters } from "./tags.ts";
import { listCommon } from "./vocabulary-queries.ts";
import type { WordGroup } from "./word-group.ts";

/** First letters under which common words are looked up: a row each, of the few that a page may read. */
const MAX_LETTERS = 12;

/** How the index is asked for these words without putting common ones together. */
export async function planWords(
  search: SearchReader,
  groups: readonly WordGroup[],
  filters: Filters,
): Promise<Asked> {
  const letters = lettersOf(groups).slice(0, MAX_LETTERS);
  const known = letters.length === 0 ? { letters, words: [] } : await listCommon(search, letters);
  const plan = planCommon(groups, known);
  return { groups, ...plan, match: matchOf(plan.asked, filters) };
}

/** FTS5 expression of all words and the filters. */
export function matchOf(groups: readonly WordGroup[], filters: Filters): string {
  return matchExpression({ groups, need: "all", tags: filterTags(filters) });
}
