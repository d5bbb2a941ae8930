const MAX_WORD_LENGTH = 40;

/** Letters that Unicode does not decompose, as people type them on a keyboard without them. */
const SPELLED_OUT: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "a",
  œ: "o",
  ø: "o",
  đ: "d",
  ð: "d",
  ł: "l",
  þ: "th",
  ı: "i",
};

/** The dash of "e-mail": one letter is no word of its own. */
const LETTER_DASH = /(?<![\p{L}\p{N}])(\p{L})-(?=\p{L})/gu;

/**
 * The words of a text as the index holds them and as a query is looked up: lower case, without
 * accents, and with German umlauts in one form for all three spellings (Schlüssel, Schluessel and
 * Schlussel are "schlussel"). Folding a beginning of a word gives a beginning of the folded word, so
 * that search-as-you-type works. A word holds letters and digits only: it never equals a filter
 * token, which begins with "_", and never means anything in the index's query language.
 */
export function foldWords(text: string): string[] {
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/\p{M}+/gu, "");
  const spelledOut = plain.replaceAll(/[ßæœøđðłþı]/g, (letter) => SPELLED_OUT[letter] ?? letter);
  const folded = spelledOut.replaceAll(/([aou])e/g, "$1").replaceAll(LETTER_DASH, "$1");
  return [...folded.matchAll(/[\p{L}\p{N}]+/gu)].map(([word]) => cutText(word, MAX_WORD_LENGTH));
}

/** So many UTF-16 units of the text, and no half of a surrogate pair. */
export function cutText(text: string, units: number): string {
  return text.slice(0, units).replace(/[\ud800-\udbff]$/, "");
}
