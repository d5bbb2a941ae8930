import { z } from "zod";

/** Text in the two languages of the application. */
export interface LocalText {
  readonly en: string;
  readonly de: string;
}

/** A text for all languages, or one for each. */
export type Text = string | LocalText;

/** The languages of the application. */
export type Locale = "en" | "de";

/** Schema of a text for people: one for all languages or `{en, de}`, not empty, up to `max` characters. */
export function textSchema(max: number) {
  const line = z.string().min(1).max(max);
  return z.union([line, z.strictObject({ en: line, de: line })], {
    error: "must be text or {en, de}",
  });
}

/** The text in a language. */
export function localText(text: Text, locale: Locale): string {
  return typeof text === "string" ? text : text[locale];
}
