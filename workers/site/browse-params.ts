import { describePermission, normalizePermission } from "@rising-bsm/protocol";
import type { Locale } from "@rising-bsm/protocol";
import type { FilterHelp } from "../search/search-page.ts";
import { BROWSE_TEXTS } from "./browse-texts.ts";
import { categoryName, TEXTS } from "./texts.ts";

/** A parameter of the browse page's URL. */
export type Param = readonly [name: string, value: string];

const FILTERS = new Set(["category", "permission", "price", "license", "host", "verified"]);

/** The parameters that are filters. */
export function filtersOf(params: readonly Param[]): readonly Param[] {
  return params.filter(([name]) => FILTERS.has(name));
}

/** The parameters without this one. */
export function withoutParam(params: readonly Param[], removed: Param): readonly Param[] {
  return params.filter((param) => param[0] !== removed[0] || param[1] !== removed[1]);
}

/** The parameters without a filter that help names; null when it is in the words, not in the parameters. */
export function withoutFilter(
  params: readonly Param[],
  { name, value }: Pick<FilterHelp, "name" | "value">,
): readonly Param[] | null {
  const left = params.filter(([other, given]) => {
    if (other !== name) return true;
    return name === "permission" && canonical(given) !== value;
  });
  return left.length === params.length ? null : left;
}

/** A permission under its name of today. */
function canonical(value: string): string {
  const sign = value.startsWith("!") ? "!" : "";
  const code = value.slice(sign.length);
  return sign + (normalizePermission(code)[0] ?? code);
}

/** A filter in words. */
export function describeFilter([name, value]: Param, locale: Locale): string {
  return DESCRIPTIONS[name]?.(value, locale) ?? value;
}

const DESCRIPTIONS: Readonly<Record<string, (value: string, locale: Locale) => string>> = {
  category: (value, locale) => categoryName(TEXTS[locale], value),
  price: (value, locale) => TEXTS[locale][value === "free" ? "free" : "paid"],
  license: (value, locale) => `${BROWSE_TEXTS[locale].license} ${value}`,
  host: (value) => `Rising-BSM ${value}`,
  verified: (value, locale) =>
    ["true", "1"].includes(value) ? TEXTS[locale].verifiedOnly : BROWSE_TEXTS[locale].unverified,
  permission: (value, locale) => {
    const texts = BROWSE_TEXTS[locale];
    return value.startsWith("!")
      ? `${texts.without} ${permissionSentence(value.slice(1), locale)}`
      : `${texts.with} ${permissionSentence(value, locale)}`;
  },
};

/** What a permission, or everything about an entity, allows. */
export function permissionSentence(code: string, locale: Locale): string {
  if (code === "network") return TEXTS[locale].network;
  const entities: Readonly<Record<string, string>> = BROWSE_TEXTS[locale].entities;
  return entities[code] ?? describePermission(code)[locale];
}
