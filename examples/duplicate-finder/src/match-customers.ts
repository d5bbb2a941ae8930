import type { Customer } from "@rising-bsm/plugin-sdk";

/** Why two entries seem to be the same customer. */
export type MatchReason = "email" | "phone" | "name";

const UMLAUTS: Readonly<Record<string, string>> = { ä: "ae", ö: "oe", ü: "ue", ß: "ss" };
const SHORTEST_PHONE = 6;

/** Why two customers seem to be the same; nothing when they do not. */
export function matchCustomers(a: Customer, b: Customer): MatchReason[] {
  const reasons: [MatchReason, string | null, string | null][] = [
    ["email", emailKey(a.email), emailKey(b.email)],
    ["phone", phoneKey(a.phone), phoneKey(b.phone)],
    ["name", nameKey(a), nameKey(b)],
  ];
  return reasons.filter(([, ofA, ofB]) => ofA !== null && ofA === ofB).map(([reason]) => reason);
}

function emailKey(email: string | null): string | null {
  return email === null || email === "" ? null : email.trim().toLowerCase();
}

/** Digits without the country code: +49 89 123 and 089 123 are one number. */
function phoneKey(phone: string | null): string | null {
  const digits = (phone ?? "").replace(/^\s*(?:\+|00)\d{2}/, "").replaceAll(/\D/g, "");
  const local = digits.replace(/^0+/, "");
  return local.length < SHORTEST_PHONE ? null : local;
}

/** Words of the name in one spelling and order, with the place: names alone repeat too often. */
function nameKey({ name, postalCode, city }: Customer): string | null {
  const place = postalCode ?? city;
  if (place === null) return null;
  const spelled = name.toLowerCase().replaceAll(/[äöüß]/g, (letter) => UMLAUTS[letter] ?? letter);
  const words =
    spelled
      .normalize("NFD")
      .replaceAll(/\p{M}/gu, "")
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...words.sort(), place].join(" ");
}
