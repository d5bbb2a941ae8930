import { localText, type PluginPage } from "@rising-bsm/protocol";
import { priceText } from "../marketplace/catalogue.ts";
import { plainText } from "../plain-text.ts";
import { table } from "../table.ts";
import { optionText, type Param, searchLine, type Typed } from "./search-line.ts";

/** A page of the catalogue for a person: why it is what it is, the plugins, and how it goes on. */
export function pageText(page: PluginPage, typed: Typed): string {
  const before = [
    ...understoodText(page, typed),
    ...correctionText(page, typed),
    ...helpText(page),
  ];
  const hints = before.length === 0 ? [] : [...before, ""];
  if (page.items.length > 0) return [...hints, listText(page), ...turnText(page, typed)].join("\n");
  const isUnexplained = before.length === 0 && isNarrow(typed);
  const nothing = `nothing found${isUnexplained ? "; try other words or fewer filters" : ""}`;
  return [nothing, ...before, ...turnText(page, typed)].join("\n");
}

/** Options that keep no plugin away. */
const WIDE = new Set(["sort", "limit", "cursor", "url"]);

function isNarrow({ words, params }: Typed): boolean {
  return words.length > 0 || params.some(([name]) => !WIDE.has(name));
}

function listText({ items }: PluginPage): string {
  const rows = items.map((item) => [
    item.name,
    item.version,
    priceText(item.price),
    localText(item.description, "en"),
  ]);
  return table(["NAME", "VERSION", "PRICE", "DESCRIPTION"], rows);
}

/** Words that became filters, and how to look for the words. */
function understoodText({ understood = [] }: PluginPage, typed: Typed): string[] {
  if (understood.length === 0) return [];
  const asItStands = { words: [`"${typed.words.join(" ")}"`], params: firstPage(typed.params) };
  return [
    ...understood.map(
      ({ words, filter }) =>
        `"${plainText(words)}" was understood as ${optionText([filter.name, filter.value])}`,
    ),
    `to look for the words themselves: ${searchLine(asItStands)}`,
  ];
}

/** A correction is of the words alone: what was understood as a filter has to be said again. */
function correctionText({ didYouMean, understood = [] }: PluginPage, typed: Typed): string[] {
  if (didYouMean === undefined) return [];
  const filters = understood.map(({ filter }): Param => [filter.name, filter.value]);
  const meant = { words: didYouMean.split(" "), params: [...firstPage(typed.params), ...filters] };
  return [`did you mean "${plainText(didYouMean)}"? ${searchLine(meant)}`];
}

/** What the plugins shown do not have, and what kept others away. */
function helpText({ help, items }: PluginPage): string[] {
  if (help === undefined) return [];
  const { withoutWords, withoutFilters } = help;
  const missing = withoutWords.map(plainText).join(", ");
  const some = items.length === 0 ? "has" : "has all of the words; the best one lacks";
  return [
    ...(missing === "" ? [] : [`no plugin ${some}: ${missing}`]),
    ...withoutFilters.map(
      ({ name, value, atLeast }) =>
        `without ${optionText([name, value])} there ${atLeast === 1 ? "is" : "are"} at least ${atLeast}`,
    ),
  ];
}

/** The commands of the pages beside this one. */
function turnText({ nextCursor, prevCursor }: PluginPage, typed: Typed): string[] {
  const line = (title: string, cursor: string | null | undefined) =>
    cursor === null || cursor === undefined ? [] : [`${title} ${searchLine(at(typed, cursor))}`];
  return [...line("next page:", nextCursor), ...line("previous page:", prevCursor)];
}

function at({ words, params }: Typed, cursor: string): Typed {
  return { words, params: [...firstPage(params), ["cursor", cursor]] };
}

function firstPage(params: readonly Param[]): Param[] {
  return params.filter(([name]) => name !== "cursor");
}
