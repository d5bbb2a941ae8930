/** What German and English put at the end of a noun, the longest first. */
export const ENDINGS = ["en", "es", "e", "s"] as const;
const MIN_STEM = 4;
const MIN_VERB_STEM = 5;
/** A customer is not custom: shorter words end with it for other reasons than being many. */
const MIN_ER_STEM = 7;

/**
 * The beginning of a folded word that its singular, plural and cases share: rechnungen → rechnung,
 * invoices → invoic, categories → categor. It is looked for as a beginning, so it may be too short,
 * never wrong; words without such an ending are their own stem.
 */
export function stem(word: string): string {
  if (word.endsWith("ies") && word.length > MIN_STEM + 2) return word.slice(0, -"ies".length);
  if (word.endsWith("ing") && word.length >= MIN_VERB_STEM + 3) return word.slice(0, -"ing".length);
  if (word.endsWith("er") && word.length >= MIN_ER_STEM + 2) return word.slice(0, -"er".length);
  const ending = ENDINGS.find((it) => word.endsWith(it) && word.length - it.length >= MIN_STEM);
  return ending === undefined ? word : word.slice(0, -ending.length);
}

/** Words that say how two others belong together, or that everything here is a plugin. */
const FILLERS = new Set(
  (
    "a an and app apps are as at be by can do does for from has have i in into is it its me my of on or our " +
    "so that the their this to up us we which with you your extension extensions plugin plugins addon addons " +
    "am als an auf aus bei beim bin das dass dem den der des die ein eine einem einen einer er es fur " +
    "ich ihr ihre im in ins ist kann man mein meine mit nach oder per sich sie sind um und uns unsere unser " +
    "vom von wie wir wird zu zum zur erweiterung erweiterungen software tool tools programm"
  ).split(" "),
);

/** The words that say what is looked for. */
export function tellingWords(words: readonly string[]): readonly string[] {
  return words.filter((word) => !FILLERS.has(word));
}

/** The words that say what is looked for; all of them when none does. */
export function withoutFillers(words: readonly string[]): readonly string[] {
  const telling = tellingWords(words);
  return telling.length === 0 ? words : telling;
}
