import { CATEGORIES } from "@rising-bsm/protocol";
import type { Category, Manifest } from "@rising-bsm/protocol";
import { NO_COUNTS } from "./counts.ts";
import type { SearchEntry } from "./index-plugin.ts";
import { JUDGED_QUERIES } from "./judged-queries.ts";
import { SERVICES, TRADES, WRITTEN } from "./judged-plugins.ts";
import { SAMPLE_NOW, sampleListing } from "./sample-catalogue.ts";

/** A catalogue as it could be, with what people look for in it: what the ranking is judged by. */

interface Written {
  readonly slug: string;
  readonly title: { readonly en: string; readonly de: string };
  readonly description: { readonly en: string; readonly de: string };
  readonly keywords: readonly string[];
  readonly category: Category;
  readonly permissions: readonly string[];
}

const DAY_MS = 86_400_000;

function* lines(text: string): Generator<string[]> {
  for (const line of text.trim().split("\n")) yield line.split("|").map((field) => field.trim());
}

function list(text: string | undefined, separator: string): string[] {
  return (text ?? "")
    .split(separator)
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

function* writtenPlugins(): Generator<Written> {
  for (const [
    slug = "",
    en = "",
    de = "",
    descriptionEn = "",
    descriptionDe = "",
    ...rest
  ] of lines(WRITTEN)) {
    const [keywords, category, permissions] = rest;
    yield {
      slug,
      title: { en, de },
      description: { en: descriptionEn, de: descriptionDe },
      keywords: list(keywords, ","),
      category: CATEGORIES.find((each) => each === category) ?? "utilities",
      permissions: list(permissions, " "),
    };
  }
}

function* servicePlugins(): Generator<Written> {
  for (const [name = "", what = "", was = ""] of lines(SERVICES)) {
    const kinds = [
      [
        "connector",
        `${name} Connector`,
        `${name}-Anbindung`,
        `Connects your ${what} with ${name}`,
        `Verbindet Ihre ${was} mit ${name}`,
      ],
      [
        "import",
        `Import from ${name}`,
        `Import aus ${name}`,
        `Reads what ${name} knows about your ${what}`,
        `Liest ein, was ${name} über Ihre ${was} weiß`,
      ],
      [
        "export",
        `Export to ${name}`,
        `Export nach ${name}`,
        `Hands your data over to ${name}`,
        `Übergibt Ihre Daten an ${name}`,
      ],
      [
        "alerts",
        `${name} Alerts`,
        `${name}-Meldungen`,
        `Notifications when something happens in ${name}`,
        `Benachrichtigt, wenn in ${name} etwas geschieht`,
      ],
    ] as const;
    yield* composed(name, "integrations", kinds);
  }
}

function* tradePlugins(): Generator<Written> {
  for (const [trade = "", gewerbe = ""] of lines(TRADES)) {
    const kinds = [
      [
        "booking",
        `Booking for a ${trade}`,
        `Termine für ${gewerbe}`,
        `Appointments as a ${trade} needs them`,
        `Terminkalender, wie ${gewerbe} ihn braucht`,
      ],
      [
        "invoices",
        `Invoices for a ${trade}`,
        `Rechnungen für ${gewerbe}`,
        `Invoice templates for a ${trade}`,
        `Rechnungsvorlagen für ${gewerbe}`,
      ],
      [
        "forms",
        `Forms for a ${trade}`,
        `Formulare für ${gewerbe}`,
        `Ready-made forms for a ${trade}`,
        `Fertige Formulare für ${gewerbe}`,
      ],
      [
        "prices",
        `Prices for a ${trade}`,
        `Preise für ${gewerbe}`,
        `Usual prices and packages of a ${trade}`,
        `Übliche Preise und Pakete für ${gewerbe}`,
      ],
      [
        "suite",
        `The ${trade} suite`,
        `${gewerbe} komplett`,
        `Everything that a ${trade} needs day by day`,
        `Alles, was ${gewerbe} jeden Tag braucht`,
      ],
    ] as const;
    yield* composed(trade, "automation", kinds);
  }
}

type Kind = readonly [slug: string, en: string, de: string, textEn: string, textDe: string];

function* composed(of: string, category: Category, kinds: readonly Kind[]): Generator<Written> {
  for (const [kind, en, de, textEn, textDe] of kinds) {
    yield {
      slug: `${of.toLowerCase().replaceAll(" ", "-")}-${kind}`,
      title: { en, de },
      description: { en: textEn, de: textDe },
      keywords: [],
      category,
      permissions: ["customers.view"],
    };
  }
}

/** Words that mean nothing, with one that means something, so that nothing is found by chance alone. */
function* noise(count: number): Generator<Written> {
  const real = [...writtenPlugins()].flatMap(({ description }) => description.de.split(" "));
  for (let at = 0; at < count; at++) {
    const word = (salt: number) => madeUp(at * 7 + salt);
    const said = real[(at * 31) % real.length] ?? "";
    yield {
      slug: `${word(1)}-${at}`,
      title: { en: `${word(2)} ${word(3)}`, de: `${word(2)} ${word(4)}` },
      description: { en: `${word(5)} ${said} ${word(6)}`, de: `${word(5)} ${said} ${word(8)}` },
      keywords: [word(9)],
      category: CATEGORIES[at % CATEGORIES.length] ?? "utilities",
      permissions: at % 2 === 0 ? ["customers.view"] : [],
    };
  }
}

const SYLLABLES = "bra kol mun tez vir lop qua zin dor fep wux gam".split(" ");

function madeUp(number: number): string {
  const digits = [number % 12, Math.floor(number / 12) % 12, (number * 5 + 3) % 12];
  return digits.map((digit) => SYLLABLES[digit] ?? "").join("");
}

/** Downloads that have nothing to do with what is looked for: 0 to 60,000. */
function downloadsOf(at: number): number {
  return Math.floor(((at * 7_919) % 1_000) ** 2 * 0.06);
}

const NOISE = 400;

/** Every plugin of the judged catalogue, the same ones each time. */
export function* judgedCatalogue(): Generator<SearchEntry> {
  const plugins = [...writtenPlugins(), ...servicePlugins(), ...tradePlugins(), ...noise(NOISE)];
  for (const [at, plugin] of plugins.entries()) {
    const listing = sampleListing(manifestOf(plugin), {
      updatedAt: SAMPLE_NOW - ((at * 13) % 700) * DAY_MS,
    });
    yield { listing, counts: { ...NO_COUNTS, downloads: downloadsOf(at) } };
  }
}

function manifestOf(plugin: Written): Partial<Manifest> & { name: string } {
  return {
    name: `@judged/${plugin.slug}`,
    displayName: plugin.title,
    description: plugin.description,
    keywords: [...plugin.keywords],
    categories: [plugin.category],
    permissions: plugin.permissions.map((code) => ({ code, optional: false })),
  };
}

export interface Judged {
  readonly query: string;
  /** Names of plugins, the intended one first. */
  readonly wanted: readonly string[];
}

export function judgedQueries(): Judged[] {
  return JUDGED_QUERIES.trim()
    .split("\n")
    .map((line) => {
      const [query = "", wanted = ""] = line.split(" => ");
      return { query, wanted: wanted.split(" ").map((slug) => `@judged/${slug}`) };
    });
}
