import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { isVersion } from "@rising-bsm/protocol";
import type { Listing } from "../../workers/listing.ts";
import { countCommonWords } from "../../workers/search/common-words.ts";
import { NO_COUNTS } from "../../workers/search/counts.ts";
import { foldWords } from "../../workers/search/fold-text.ts";
import type { SearchEntry } from "../../workers/search/index-plugin.ts";
import { readSearchParams } from "../../workers/search/read-request.ts";
import {
  SAMPLE_NOW,
  sampleCatalogue,
  sampleListing,
  writeCatalogue,
} from "../../workers/search/sample-catalogue.ts";
import { searchPlugins } from "../../workers/search/search-plugins.ts";
import { withoutFillers } from "../../workers/search/stem.ts";
import { randomSecrets, startLocalWorker } from "./local-worker.ts";
import { NO_GOAL, percentile, ratio, report, spread, timings, type Figure } from "./measure.ts";

const { values } = parseArgs({
  options: { corpus: { type: "string" }, sizes: { type: "string" } },
});
const SIZES = (values.sizes ?? "10000,100000,250000").split(",").map(Number);
const RUNS = 40;
/** More rounds than there are letters. */
const ALL_LETTERS = 40;
const MOST_SLOWER = 3;
/** Of so many one brings two words that no other has. */
const PLUGINS_A_COMPOUND = 5;

/** Name of the page, its query and the most rows that D1 may bill for it. */
const PAGES = [
  ["browse, first page", "", 60],
  [
    "browse, four filters",
    "category=finance&permission=customers.view&permission=!network&price=free",
    60,
  ],
  ["sorted by newest", "sort=new", 60],
  ["search, a word in every plugin", "q=service", 650],
  ["search, two common words and a filter", "q=invoice+manager&price=free", 650],
  ["search, a common beginning", "q=invo", 650],
  ["search, a misspelt word", "q=invocie", 650],
  ["search, a misspelt common word beside an unknown one", "q=srevice+zzzz", 650],
  ["search, a rare word beside a common one", "q=service+stock", 650],
  [
    "search, five misspelt words",
    "q=temrinzeit+rechnugskurs+lagrerwart+vertagsplan+berichtmhan",
    650,
  ],
  ["search, a misspelt word by newest", "q=srevice&sort=new", 60],
] as const;

/** They must not become slower with the catalogue and its vocabulary. */
const EVEN = [
  "search, a word in every plugin",
  "search, a misspelt common word beside an unknown one",
  "search, a rare word beside a common one",
  "search, five misspelt words",
  "search, a misspelt word by newest",
];

/** A search database of its own with these plugins, and what reads it and counts rows. */
async function load(entries: Iterable<SearchEntry>) {
  const { harness, marketplace } = await startLocalWorker(randomSecrets());
  const { SEARCH } = await marketplace.getEnv();
  await writeCatalogue(SEARCH, entries);
  await countCommonWords(SEARCH, { now: new Date(), letters: ALL_LETTERS });
  let rows = 0;
  const search = {
    prepare: (sql: string) => ({
      bind: (...bound: (string | number)[]) => ({
        all: async () => {
          const result = await SEARCH.prepare(sql)
            .bind(...bound)
            .all();
          rows += result.meta.rows_read;
          return result;
        },
      }),
    }),
  };
  const context = { search, cursorSecret: new Uint8Array(32), now: SAMPLE_NOW };
  return {
    close: () => harness.close(),
    find: (query: string) => searchPlugins(context, readSearchParams(new URLSearchParams(query))),
    rowsOf: async (work: () => Promise<unknown>) => {
      rows = 0;
      await work();
      return rows;
    },
    byKey: () => SEARCH.prepare("SELECT name FROM docs WHERE id = 1").all(),
  };
}

type Loaded = Awaited<ReturnType<typeof load>>;

async function pageFigures(
  { find, rowsOf, byKey }: Loaded,
  plugins: number,
): Promise<{ figures: Figure[]; slowest: Map<string, number> }> {
  const baseline = await timings(byKey, RUNS);
  const figures: Figure[] = [];
  const slowest = new Map<string, number>();
  for (const [name, query, budget] of PAGES) {
    const read = await rowsOf(() => find(query));
    const times = await timings(() => find(query), RUNS);
    slowest.set(name, percentile(times, 0.95));
    figures.push({
      name: `${name}, ${plugins.toLocaleString("en-US")} plugins`,
      value: `${read} rows, ${spread(times)}`,
      baseline: `one row by key: ${spread(baseline)}`,
      ratio: ratio(percentile(times, 0.5), percentile(baseline, 0.5)),
      goal: `≤ ${budget} rows`,
      met: read <= budget ? "yes" : "no",
    });
  }
  return { figures, slowest };
}

const STEMS =
  "rechn kund termin kalend dokument vertrag liefer lager zahl buch mitarbeit projekt aufgab wart plan " +
  "bericht export import abgleich sicher schlussel erinner mahn angebot anfrag benachricht statist rout " +
  "fahr wett uber setz dat schutz unter schreib scan druck etikett paket versand preis steuer lohn urlaub " +
  "zeit erfass schicht mitglied verein kurs werkstatt repara reinig";
const ENDINGS = " ung er en ungen e s lich ion keit heit bar ieren";

/** Two compounds that share their parts and endings with thousands of others, as a real vocabulary does. */
function compounds(at: number): string {
  const [stems, endings] = [STEMS.split(" "), ENDINGS.split(" ")];
  const part = (list: readonly string[], number: number) => list[number % list.length] ?? "";
  const compound = (number: number) => {
    const parts = [number, Math.floor(number / 7), Math.floor(number / 389)];
    return parts.map((each) => part(stems, each)).join("") + part(endings, number);
  };
  return `${compound(at * 2)} ${compound(at * 2 + 1)}`;
}

function* synthetic(count: number): Generator<SearchEntry> {
  let at = 0;
  for (const { listing, counts } of sampleCatalogue(count)) {
    const { manifest } = listing;
    // A vocabulary grows slower than its catalogue.
    const own = at % PLUGINS_A_COMPOUND === 0 ? [compounds(at / PLUGINS_A_COMPOUND)] : [];
    at += 1;
    const keywords = [...manifest.keywords, ...own];
    yield { listing: { ...listing, manifest: { ...manifest, keywords } }, counts };
  }
}

/** Rows and times at each size. */
async function benchSizes(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const slowest: Map<string, number>[] = [];
  for (const size of SIZES) {
    const loaded = await load(synthetic(size));
    const ofSize = await pageFigures(loaded, size);
    figures.push(...ofSize.figures);
    slowest.push(ofSize.slowest);
    console.error(`${size} plugins: ${JSON.stringify(Object.fromEntries(ofSize.slowest))}`);
    await loaded.close();
  }
  const growth = EVEN.map((name): Figure => {
    const small = slowest[0]?.get(name) ?? Number.NaN;
    const large = slowest.at(-1)?.get(name) ?? Number.NaN;
    return {
      name: `p95 of ${name}, ${SIZES.at(-1)} plugins to ${SIZES[0]}`,
      value: `${large.toFixed(2)} ms`,
      baseline: `${small.toFixed(2)} ms`,
      ratio: ratio(large, small),
      goal: `≤ ${MOST_SLOWER} ×`,
      met: large <= MOST_SLOWER * small ? "yes" : "no",
    };
  });
  return [...figures, ...growth];
}

/**
 * Lines of name, version, downloads a month and summary, with tabs between. Names of other registries
 * are made into ours, each its own; a first line whose third field is no number is the heading.
 */
function readCorpus(text: string): SearchEntry[] {
  const lines = text.split(/\r?\n/).map((line) => line.split("\t"));
  const named = lines.filter(([name = ""]) => name.trim() !== "");
  const hasHeading = readCount(named[0]?.[2]) === null;
  const taken = new Set([""]);
  return named
    .slice(Number(hasHeading))
    .map(([name = "", version = "", count, summary = ""], at) => {
      const words = wordsOf(name);
      const slug = taken.has(words) ? `${words}-${at}`.replace(/^-/, "") : words;
      taken.add(slug);
      const manifest = {
        name: `@corpus/${slug}`,
        version: isVersion(version) ? version : "1.0.0",
        displayName: name,
        description: summary.slice(0, 500),
      };
      const downloads = readCount(count) ?? 0;
      return { listing: sampleListing(manifest), counts: { ...NO_COUNTS, downloads } };
    });
}

/** Null for what is no number, such as a heading. */
function readCount(text = ""): number | null {
  const digits = text.replaceAll(/[ ,_]/g, "");
  return /^\d+(?:\.\d*)?$/.test(digits) ? Math.floor(Number(digits)) : null;
}

function wordsOf(name: string): string {
  const ascii = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return ascii.slice(0, 56).replaceAll(/^-|-$/g, "");
}

const KNOWN_ITEMS = 300;

/** How people look for a plugin that they know: by its name, by what it says, with a slip. */
const KINDS = {
  "name words": ({ listing }: SearchEntry) => telling(nameOf(listing)),
  "a phrase of the summary": ({ listing }: SearchEntry) => {
    const words = telling(summaryOf(listing));
    return words.length < 3 ? [] : words.slice(0, 4);
  },
  "the name with a slip": ({ listing }: SearchEntry) => {
    const words = telling(nameOf(listing));
    const longest = words.toSorted((a, b) => b.length - a.length)[0] ?? "";
    if (longest.length < 5) return [];
    const at = Math.floor(longest.length / 2);
    const slip = longest.slice(0, at) + (longest[at + 1] ?? "") + (longest[at] ?? "");
    return words.map((word) => (word === longest ? slip + longest.slice(at + 2) : word));
  },
} as const;

function nameOf({ name }: Listing): string {
  return name.split("/")[1] ?? "";
}

function summaryOf({ manifest }: Listing): string {
  return typeof manifest.description === "string" ? manifest.description : "";
}

function telling(text: string): readonly string[] {
  return withoutFillers(foldWords(text));
}

async function benchRecall({ find }: Loaded, entries: readonly SearchEntry[]): Promise<Figure[]> {
  const step = Math.max(1, Math.floor(entries.length / KNOWN_ITEMS));
  const sample = entries.filter((_, at) => at % step === 0).slice(0, KNOWN_ITEMS);
  const figures: Figure[] = [];
  for (const [name, wordsOf] of Object.entries(KINDS)) {
    const asked = sample.filter((entry) => wordsOf(entry).length > 0);
    if (asked.length === 0) continue;
    let [first, found] = [0, 0];
    for (const entry of asked) {
      const { cards } = await find(`q=${encodeURIComponent(wordsOf(entry).join(" "))}&limit=10`);
      const at = cards.findIndex((card) => card.name === entry.listing.name);
      if (at !== -1) found += 1;
      if (at === 0) first += 1;
    }
    const share = (count: number) => `${((100 * count) / asked.length).toFixed(1)} %`;
    figures.push({
      name: `recall@10 of a known plugin, by ${name}`,
      value: `${share(found)}, the first in ${share(first)}`,
      baseline: `${asked.length} plugins of ${entries.length}`,
      ratio: "–",
      ...NO_GOAL,
    });
  }
  return figures;
}

async function benchCorpus(file: string): Promise<Figure[]> {
  const entries = readCorpus(await readFile(file, "utf8"));
  const loaded = await load(entries);
  const { figures } = await pageFigures(loaded, entries.length);
  figures.push(...(await benchRecall(loaded, entries)));
  await loaded.close();
  return figures;
}

report(await (values.corpus === undefined ? benchSizes() : benchCorpus(values.corpus)));
