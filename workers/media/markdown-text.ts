/** Names that people write; any other is shown as it was written. */
const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  copy: "©",
  reg: "®",
  trade: "™",
  euro: "€",
  sect: "§",
  hellip: "…",
  ndash: "–",
  mdash: "—",
  larr: "←",
  rarr: "→",
  check: "✓",
  times: "×",
  auml: "ä",
  ouml: "ö",
  uuml: "ü",
  Auml: "Ä",
  Ouml: "Ö",
  Uuml: "Ü",
  szlig: "ß",
};

/** Characters for the entities in Markdown text. */
export function decodeEntities(text: string): string {
  return text.replace(
    /&(#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z]{2,6});/g,
    (whole, entity: string) => characterOf(entity) ?? whole,
  );
}

function characterOf(entity: string): string | undefined {
  if (!entity.startsWith("#")) return Object.hasOwn(NAMED, entity) ? NAMED[entity] : undefined;
  const code = Number(entity.replace(/^#(?=\d)/, "").replace(/^#[xX]/, "0x"));
  return code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
}

/** Control characters, and those that show text in another order than it was written. */
const HIDDEN = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** The text as content of an element or in a quoted attribute: it ends neither. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(HIDDEN, "\ufffd")
    .replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}

const MAX_URL = 2_048;

/** The address of a link that may be followed; null for every other. */
export function safeUrl(href: string): string | null {
  const text = href.replaceAll("&amp;", "&");
  if (text.length > MAX_URL || !/^(?:https?:\/\/|mailto:)/i.test(text)) return null;
  if (!URL.canParse(text)) return null;
  // `https://your-bank.example@evil.example/` shows one host and opens another.
  const { href: url, username, password } = new URL(text);
  return username === "" && password === "" ? url : null;
}

const MAX_SLUG = 64;

/** What a heading is called in a link to it: as on GitHub, where authors try their links. */
export function slugOf(text: string): string {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "");
  return words.replace(/\s/g, "-").slice(0, MAX_SLUG).toWellFormed();
}
