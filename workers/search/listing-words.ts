import type { Listing } from "../listing.ts";
import { languagesOf } from "./card.ts";
import { foldWords } from "./fold-text.ts";

/** Stands in `keyword_words` before what says less of a plugin than its keywords; no word equals it. */
export const LESSER = "_lesser";

const MAX_NETWORK_HOSTS = 20;
const MIN_HOST_WORD = 4;

/** The folded words by which a plugin is found, a column each. */
export interface ListingWords {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  /** Keywords and categories; behind `LESSER` whom it is from, permissions and hosts. */
  readonly keywords: string;
  /** Whole texts that the plugin is called by, with and without spaces. */
  readonly labels: readonly string[];
  /** It has neither a description nor keywords. */
  readonly saysNothing: boolean;
}

export function listingWords({ name, manifest, publisher }: Listing): ListingWords {
  const titles = languagesOf(manifest.displayName ?? "");
  const author = manifest.author?.name ?? "";
  const codes = manifest.permissions.map(({ code }) => code);
  const [, ownName = ""] = name.split("/");
  const summary = folded(languagesOf(manifest.description ?? ""));
  return {
    name: folded([name]),
    title: folded(titles),
    summary,
    keywords: [
      folded([...manifest.keywords, ...manifest.categories]),
      LESSER,
      distinct([
        ...folded([publisher.name, publisher.displayName, author, ...codes]).split(" "),
        ...hostWords(manifest.network),
      ]),
    ].join(" "),
    labels: [...new Set([name, ownName, ...titles].flatMap(labelsOf))].filter(
      (label) => label !== "",
    ),
    saysNothing: summary === "" && folded(manifest.keywords) === "",
  };
}

/** The texts that name something: as words, and as one word. */
export function labelsOf(text: string): [spaced: string, joined: string] {
  const words = foldWords(text);
  return [words.join(" "), words.join("")];
}

function folded(texts: readonly string[]): string {
  return texts.flatMap(foldWords).join(" ");
}

/** "api.stripe.com" is found as stripe: what every host has says nothing. */
function hostWords(hosts: readonly string[]): string[] {
  const words = hosts.slice(0, MAX_NETWORK_HOSTS).flatMap(foldWords);
  return words.filter((word) => word.length >= MIN_HOST_WORD);
}

function distinct(words: readonly string[]): string {
  return [...new Set(words)].join(" ");
}
