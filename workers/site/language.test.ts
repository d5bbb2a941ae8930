import { expect, test } from "vitest";
import { chooseLanguage } from "./language.ts";

test.each([
  [undefined, undefined, "en", false],
  [undefined, "de-DE,de;q=0.9,en;q=0.8", "de", false],
  [undefined, "fr-FR, en;q=0.5, de;q=0.7", "de", false],
  [undefined, "fr, *;q=0.1", "en", false],
  [undefined, "de;q=0, en;q=0.1", "en", false],
  [undefined, "de;q=x,,;;=", "en", false],
  [undefined, "en ;\tq=0.5 ; de, de ; q=0.7", "de", false],
  ["de", "en", "de", true],
  ["en", "de", "en", true],
  ["xx", "de", "de", false],
] as const)("?lang=%j with Accept-Language %j", (...[lang, accepted, locale, chosen]) => {
  expect(chooseLanguage(lang, accepted)).toEqual({ locale, chosen });
});
