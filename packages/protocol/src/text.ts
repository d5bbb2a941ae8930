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

/**
 * Schema of a licensee's name, which pages and leases show: without what cannot be seen, and without
 * half characters, which no database gives back as they were.
 */
export const licenseeSchema = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]*$/u, {
    error: "must be text without control and direction characters",
  });
