import type { Locale } from "@rising-bsm/protocol";

export interface Language {
  readonly locale: Locale;
  /** Chosen in the URL: links keep it, and the page is the same for everyone who opens it. */
  readonly chosen: boolean;
}

/** `?lang=` decides; without it the first language of `Accept-Language` that we have; else English. */
export function chooseLanguage(
  lang: string | undefined,
  acceptLanguage: string | undefined,
): Language {
  if (lang === "de" || lang === "en") return { locale: lang, chosen: true };
  const accepted = (acceptLanguage ?? "").split(",").map(readPreference);
  const [best] = accepted
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  return { locale: best?.locale ?? "en", chosen: false };
}

function readPreference(entry: string): { locale: Locale; weight: number } {
  const [range = "", ...parameters] = entry
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
  const [primary] = range.split("-");
  const known = primary === "de" || primary === "en";
  return { locale: primary === "de" ? "de" : "en", weight: known ? Number(quality) || 0 : 0 };
}
