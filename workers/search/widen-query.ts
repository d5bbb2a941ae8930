import type { SearchReader } from "./queries.ts";
import { listAlike, listAround, listKnown } from "./vocabulary-queries.ts";
import { joinNeighbours, likelyWords, widen } from "./widen.ts";
import type { WordGroup } from "./word-group.ts";

/** Words of a query that are widened; more of them say what is meant. */
const MAX_WORDS = 5;
/** Words that are asked of the vocabulary for one query. */
const MAX_ASKED = 60;
/** Spellings that are looked at for one word, and for the one of a page that may read fewer rows. */
const ALIKE = 12;
const ALIKE_OF_FEW = 8;
/** A shorter word is no slip of another, and too many have it inside. */
const MIN_LETTERS = 4;

export interface Widened {
  readonly groups: readonly WordGroup[];
  /** Words that nothing has, and what they were taken for. */
  readonly corrections: ReadonlyMap<string, string>;
}

/** What a query may mean: misspelt words, compounds, words inside compounds, by what the catalogue has. */
export async function widenQuery(
  search: SearchReader,
  groups: readonly WordGroup[],
): Promise<Widened> {
  const words = widenedWords(groups).slice(0, MAX_WORDS);
  const each = Math.floor(MAX_ASKED / Math.max(1, words.length));
  const asked = words.flatMap((word) => [word, ...likelyWords(word)].slice(0, each));
  const joined = groups.map(({ word }, at) => word + (groups[at + 1]?.word ?? "")).slice(0, -1);
  const known = await listKnown(search, [...asked, ...joined]);
  const lists = await Promise.all(
    words.map(async (word) => {
      const found = [listAround(search, word)];
      if (!known.has(word)) found.push(listAlike(search, word, ALIKE));
      return [word, (await Promise.all(found)).flat()] as const;
    }),
  );
  const widened = widenEach(groups, new Map(lists), known);
  return { ...widened, groups: joinNeighbours(widened.groups, known) };
}

/** The query with its first unknown word put right: fewer rows, for a page that may read fewer. */
export async function correctQuery(
  search: SearchReader,
  groups: readonly WordGroup[],
): Promise<Widened> {
  const words = widenedWords(groups).slice(0, MAX_WORDS);
  const known = await listKnown(search, words);
  const word = words.find((each) => !known.has(each));
  if (word === undefined) return { groups, corrections: new Map() };
  const likely = likelyWords(word).slice(0, MAX_WORDS + 1);
  const [alike, swapped] = await Promise.all([
    listAlike(search, word, ALIKE_OF_FEW),
    listKnown(search, likely),
  ]);
  return widenEach(groups, new Map([[word, alike]]), new Set([...known, ...swapped]));
}

function widenedWords(groups: readonly WordGroup[]): string[] {
  return [...new Set(groups.map(({ word }) => word))].filter((word) => word.length >= MIN_LETTERS);
}

function widenEach(
  groups: readonly WordGroup[],
  alikeOf: ReadonlyMap<string, readonly string[]>,
  known: ReadonlySet<string>,
): Widened {
  const corrections = new Map<string, string>();
  const widened = groups.map((group) => {
    const alike = alikeOf.get(group.word);
    if (alike === undefined) return group;
    const result = widen(group, { alike, known });
    if (result.corrected !== null) corrections.set(group.word, result.corrected);
    return result.group;
  });
  return { groups: widened, corrections };
}
