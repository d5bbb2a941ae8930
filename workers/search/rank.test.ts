import { expect, test } from "vitest";
import { foldWords } from "./fold-text.ts";
import { labelsOf, LESSER } from "./listing-words.ts";
import { missingWords, rankCandidates, SUNK } from "./rank.ts";
import type { Candidate } from "./rank.ts";
import { wordGroups } from "./word-group.ts";

const NOW = Date.UTC(2026, 10, 1);
const DAY_MS = 86_400_000;

function candidate(id: number, differs: Partial<Candidate> = {}): Candidate {
  return {
    id,
    nameWords: `acme plugin ${id}`,
    titleWords: "some plugin",
    summaryWords: "about an invoice and hello world",
    keywordWords: `office ${LESSER} acme`,
    labels: ["some plugin"],
    downloads: 1_000,
    rating: null,
    verified: false,
    updatedAt: NOW - 100 * DAY_MS,
    sunk: SUNK.no,
    ...differs,
  };
}

function order(candidates: readonly Candidate[], text = "invoice"): number[] {
  return rankCandidates(candidates, {
    groups: wordGroups(foldWords(text)),
    label: labelsOf(text),
    now: NOW,
  });
}

test.each<[string, Partial<Candidate>]>([
  ["the word in its title", { titleWords: "some invoice plugin" }],
  ["the word in its name", { nameWords: "acme invoice" }],
  ["the word among its keywords", { keywordWords: `invoice ${LESSER} acme` }],
  ["the searched words as its name", { labels: ["invoice"] }],
  ["more downloads", { downloads: 50_000 }],
  ["a good rating", { rating: 4.8 }],
  ["a newer change", { updatedAt: NOW }],
  ["a verified publisher", { verified: true }],
])("of two equal plugins the one with %s comes first", (_, better) => {
  expect(order([candidate(1), candidate(2, better)])).toEqual([2, 1]);
});

test("what is typed beats its beginning, that its synonym, and a title beats a description", () => {
  const titles = ["rechnung", "invoicing", "invoice"].map((word, at) =>
    candidate(at + 2, { titleWords: `${word} plugin`, summaryWords: "" }),
  );
  expect(order([candidate(1), ...titles])).toEqual([4, 3, 2, 1]);
});

test("a short title that says the query beats a longer one", () => {
  const long = candidate(1, {
    titleWords: "invoice reminder sms",
    labels: ["invoice reminder sms"],
  });
  const short = candidate(2, { titleWords: "invoice reminder", labels: ["invoice reminder"] });
  expect(order([long, short], "invoice sms")).toEqual([1, 2]);
  expect(order([long, short], "invoice")).toEqual([2, 1]);
});

test("the plugin that is named like the query beats a popular one that mentions it", () => {
  const popular = candidate(1, { downloads: 900_000, verified: true, rating: 5 });
  const named = candidate(2, { labels: ["acme hello world", "hello world"], downloads: 0 });
  expect(order([popular, named], "hello world")).toEqual([2, 1]);
  expect(order([popular, named], "acme hello world")).toEqual([2, 1]);
  expect(order([popular, named], "world")).toEqual([1, 2]);
});

test("a deprecated plugin comes last however well it matches", () => {
  const sunk = candidate(1, { sunk: SUNK.left, titleWords: "invoice", labels: ["invoice"] });
  expect(order([sunk, candidate(2)])).toEqual([2, 1]);
});

test("a plugin that says nothing of itself comes last, unless the query is what it is called", () => {
  const empty = candidate(1, { sunk: SUNK.empty, titleWords: "invoice", labels: ["big invoice"] });
  expect(order([empty, candidate(2)], "invoice")).toEqual([2, 1]);
  expect(order([empty, candidate(2)], "big invoice")).toEqual([1, 2]);
});

test("equal plugins keep the order of their ids, and no candidates give none", () => {
  expect(order([candidate(3), candidate(1), candidate(2)])).toEqual([1, 2, 3]);
  expect(order([])).toEqual([]);
  expect(order([candidate(1)], "!!")).toEqual([1]);
});

test("the words that a plugin has nothing of are named", () => {
  const groups = wordGroups(["invoice", "acme", "unicorn", "office"]);
  expect(missingWords(candidate(1), groups)).toEqual(["unicorn"]);
});
