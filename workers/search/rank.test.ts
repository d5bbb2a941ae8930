import { expect, test } from "vitest";
import { rankCandidates } from "./rank.ts";
import type { Candidate } from "./rank.ts";

const NOW = Date.UTC(2026, 10, 1);
const DAY_MS = 86_400_000;

function candidate(id: number, differs: Partial<Candidate> = {}): Candidate {
  return {
    id,
    bm25: -5,
    name: `@acme/plugin-${id}`,
    titleWords: "some plugin",
    downloads: 1_000,
    rating: null,
    verified: false,
    updatedAt: NOW - 100 * DAY_MS,
    sunk: false,
    ...differs,
  };
}

function order(candidates: readonly Candidate[], text = "invoice"): number[] {
  return rankCandidates(candidates, { words: text.split(" "), now: NOW });
}

test.each<[string, Partial<Candidate>]>([
  ["a better text match", { bm25: -8 }],
  ["more downloads", { downloads: 50_000 }],
  ["a good rating", { rating: 4.8 }],
  ["a newer change", { updatedAt: NOW }],
  ["a verified publisher", { verified: true }],
  ["the searched words as its name", { name: "@acme/invoice" }],
  ["the searched words in its title", { titleWords: "rechnung invoice export" }],
])("of two equal plugins the one with %s comes first", (_, better) => {
  expect(order([candidate(1), candidate(2, better)])).toEqual([2, 1]);
});

test("the plugin that is named like the query beats a popular one that mentions it", () => {
  const popular = candidate(1, { bm25: -6, downloads: 900_000, verified: true, rating: 5 });
  const named = candidate(2, { bm25: -5, name: "@acme-corp/hello-world", downloads: 0 });
  expect(order([popular, named], "hello world")).toEqual([2, 1]);
  expect(order([popular, named], "acme corp hello world")).toEqual([2, 1]);
  expect(order([popular, named], "world")).toEqual([1, 2]);
});

test("a deprecated plugin comes last however well it matches", () => {
  expect(
    order([candidate(1, { sunk: true, bm25: -50, name: "@acme/invoice" }), candidate(2)]),
  ).toEqual([2, 1]);
});

test("equal plugins keep the order of their ids", () => {
  expect(order([candidate(3), candidate(1), candidate(2)])).toEqual([1, 2, 3]);
});

test("no candidates give no ids, and a match of no weight is no error", () => {
  expect(order([])).toEqual([]);
  expect(order([candidate(1, { bm25: 0 })])).toEqual([1]);
});
