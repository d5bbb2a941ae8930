import type { Locale } from "@rising-bsm/protocol";
import type { ListedCard } from "../search/card.ts";
import { formatNumber } from "../site/format.ts";
import { TEXTS } from "../site/texts.ts";
import type { Badge } from "./draw-badge.ts";

/** What there are badges of. */
export const BADGES = ["version", "downloads", "rating", "verified"] as const;

type BadgeKind = (typeof BADGES)[number];

/** What the badge of a plugin says in one language. */
export function badgeOf(kind: BadgeKind, card: ListedCard, locale: Locale): Badge {
  return WRITERS[kind](card, locale);
}

const WRITERS: Readonly<Record<BadgeKind, (card: ListedCard, locale: Locale) => Badge>> = {
  version: ({ version, yanked }, locale) =>
    yanked === null
      ? { label: "Rising-BSM", value: `v${version}`, tone: "plain" }
      : { label: "Rising-BSM", value: TEXTS[locale].yanked, tone: "none" },
  downloads: ({ downloads }, locale) => ({
    label: TEXTS[locale].downloads,
    value: formatNumber(downloads, locale),
    tone: "plain",
  }),
  rating: ({ rating }, locale) =>
    rating === null
      ? { label: TEXTS[locale].ratingBadge, value: "–", tone: "none" }
      : {
          label: TEXTS[locale].ratingBadge,
          value: `${formatNumber(rating, locale)} / 5`,
          tone: "plain",
        },
  verified: ({ verified }, locale) => ({
    label: TEXTS[locale].publisherTitle,
    value: verified ? TEXTS[locale].verifiedBadge : TEXTS[locale].unverifiedBadge,
    tone: verified ? "good" : "none",
  }),
};
