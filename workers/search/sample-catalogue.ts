import { CATEGORIES, manifestSchema } from "@rising-bsm/protocol";
import type { Manifest } from "@rising-bsm/protocol";
import type { Listing } from "../listing.ts";
import { NO_COUNTS } from "./counts.ts";
import { turnEpoch } from "./epoch.ts";
import { searchDocStatements } from "./index-plugin.ts";
import type { SearchEntry } from "./index-plugin.ts";

/** Made-up plugins for tests and benchmarks: the same ones each time. */
export const SAMPLE_NOW = Date.UTC(2026, 10, 1);

const DAY_MS = 86_400_000;

const SMALLEST_MANIFEST = manifestSchema.parse({
  name: "@sample/sample",
  version: "1.0.0",
  main: "index.js",
  permissions: [],
  dependencies: {},
});

export function sampleListing(
  manifest: Partial<Manifest> & { readonly name: string },
  listing: Partial<Omit<Listing, "manifest" | "name">> = {},
): Listing {
  const [scope = "", plugin = ""] = manifest.name.slice(1).split("/");
  const version = manifest.version ?? "1.0.0";
  return {
    name: manifest.name,
    version,
    publisher: { name: scope, displayName: scope, verified: false },
    icon: null,
    paid: false,
    yanked: null,
    deprecated: null,
    createdAt: SAMPLE_NOW,
    updatedAt: SAMPLE_NOW,
    ...listing,
    manifest: { ...SMALLEST_MANIFEST, version, displayName: plugin, ...manifest },
  };
}

const THINGS = [
  ["Rechnung", "Invoice"],
  ["Termin", "Appointment"],
  ["Kunden", "Customer"],
  ["Schlüssel", "Key"],
  ["Erinnerung", "Reminder"],
  ["Angebot", "Quote"],
  ["Lager", "Stock"],
  ["Route", "Route"],
] as const;
const ACTIONS = [
  "Export",
  "Sync",
  "Manager",
  "Reports",
  "Assistant",
  "Archive",
  "Import",
  "Board",
] as const;
const SYLLABLES = [
  "ba",
  "ko",
  "ri",
  "mu",
  "tel",
  "san",
  "vor",
  "lin",
  "dex",
  "pha",
  "zen",
  "gro",
] as const;
const CODES = [
  "customers.view",
  "customers.edit",
  "appointments.view",
  "requests.view",
  "storage",
] as const;

/** `count` plugins with words, filters, dates and downloads spread as in a real catalogue. */
export function* sampleCatalogue(count: number): Generator<SearchEntry> {
  const random = randomNumbers(20_261_101);
  for (let index = 0; index < count; index++) {
    const [german, english] = pick(THINGS, random());
    const action = pick(ACTIONS, random());
    const createdAt = SAMPLE_NOW - Math.floor(random() * 1_000 * DAY_MS);
    const listing = sampleListing(
      {
        name: `@${pick(SYLLABLES, random())}${index % 97}/${english.toLowerCase()}-${action.toLowerCase()}-${index}`,
        displayName: { en: `${english} ${action}`, de: `${german} ${action}` },
        description: `Plugin for ${english} and ${sampleWords(20, random)}`,
        keywords: [sampleWords(1, random), "service"],
        categories: [pick(CATEGORIES, random())],
        permissions: CODES.filter(() => random() < 0.4).map((code) => ({ code, optional: false })),
        network: random() < 0.3 ? ["api.example.com"] : [],
        ...(random() < 0.3
          ? { engines: { "rising-bsm": pick([">=1.2.0", "^2.0.0", "~3.1.0"], random()) } }
          : {}),
      },
      {
        publisher: {
          name: `p${index % 97}`,
          displayName: `Publisher ${index % 97}`,
          verified: index % 7 === 0,
        },
        paid: random() < 0.2,
        createdAt,
        updatedAt: createdAt + Math.floor(random() * (SAMPLE_NOW - createdAt)),
      },
    );
    yield { listing, counts: { ...NO_COUNTS, downloads: Math.floor(random() ** 6 * 500_000) } };
  }
}

const WRITTEN_AT_ONCE = 500;

/** Writes plugins into the search database. */
export async function writeCatalogue(
  search: D1Database,
  entries: Iterable<SearchEntry>,
): Promise<void> {
  let part: SearchEntry[] = [];
  const write = async () => {
    if (part.length > 0) await search.batch(searchDocStatements(search, part));
    part = [];
  };
  for (const entry of entries) {
    part.push(entry);
    if (part.length === WRITTEN_AT_ONCE) await write();
  }
  await write();
}

/** Writes a sample catalogue into the search database. */
export async function seedCatalogue(search: D1Database, count: number): Promise<void> {
  await writeCatalogue(search, sampleCatalogue(count));
  // Names between which there was no room take their places.
  await turnEpoch(search, SAMPLE_NOW, 0);
}

function sampleWords(count: number, random: () => number): string {
  const word = () =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(SYLLABLES, random())).join("");
  return Array.from({ length: count }, word).join(" ");
}

function pick<Item>(items: readonly Item[], at: number): Item {
  const item = items[Math.floor(at * items.length)];
  if (item === undefined) throw new RangeError("pick() needs items and a number from 0 up to 1");
  return item;
}

/** Linear congruential: the same numbers on every machine. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}
