import type { Locale, PluginCard } from "@rising-bsm/protocol";
import { decimalsOf } from "../orders/price.ts";
import { TEXTS } from "./texts.ts";

export function formatDate(iso: string, locale: Locale): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" }).format(
    new Date(iso),
  );
}

export function formatNumber(value: number, locale: Locale): string {
  return new Intl.NumberFormat(locale).format(value);
}

/** A text for one, and a text with the number `{n}` for any other. */
export interface Counted {
  readonly one: string;
  readonly many: string;
}

export function formatCount(value: number, { one, many }: Counted, locale: Locale): string {
  return value === 1 ? one : many.replace("{n}", formatNumber(value, locale));
}

export function formatBytes(bytes: number, locale: Locale): string {
  const kib = bytes / 1024;
  const [value, unit] = kib < 1024 ? [kib, "KiB"] : [kib / 1024, "MiB"];
  return `${new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }).format(value)} ${unit}`;
}

export function formatPrice(price: PluginCard["price"], locale: Locale): string {
  const texts = TEXTS[locale];
  if (price === null) return texts.free;
  if (price.amount === 0) return texts.onRequest;
  const amount = new Intl.NumberFormat(locale, { style: "currency", currency: price.currency });
  const period = { month: texts.perMonth, year: texts.perYear, none: texts.once };
  return `${amount.format(price.amount)} ${period[price.period ?? "none"]}`;
}

/** An amount in the smallest unit of its currency. */
export function formatAmount(
  { amount, currency }: { readonly amount: number; readonly currency: string },
  locale: Locale,
): string {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  return format.format(amount / 10 ** decimalsOf(currency));
}
