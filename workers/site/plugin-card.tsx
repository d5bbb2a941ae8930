import { localText } from "@rising-bsm/protocol";
import type { ListedCard } from "../search/card.ts";
import { BROWSE_TEXTS } from "./browse-texts.ts";
import { formatCount, formatDate, formatNumber, formatPrice } from "./format.ts";
import type { Language } from "./language.ts";
import { pluginLink } from "./links.ts";
import { TEXTS } from "./texts.ts";
import type { Texts } from "./texts.ts";

interface CardProps {
  readonly card: ListedCard;
  readonly language: Language;
}

/** Plugins, each with what one wants to know before one looks closer. */
export function Cards({
  cards,
  language,
}: {
  readonly cards: readonly ListedCard[];
  readonly language: Language;
}) {
  return (
    <ol class="cards">
      {cards.map((card) => (
        <li>
          <Card card={card} language={language} />
        </li>
      ))}
    </ol>
  );
}

function Card({ card, language }: CardProps) {
  const { locale } = language;
  const texts = TEXTS[locale];
  const title = localText(card.displayName, locale);
  return (
    <article class="card">
      <div class="head">
        <Icon icon={card.icon} title={title} />
        <div>
          <h3>
            <a href={pluginLink(card.name, language)}>{title}</a>
          </h3>
          <p class="muted">
            <code>{card.name}</code> {texts.by} {card.publisher.displayName}
          </p>
        </div>
      </div>
      {card.description !== null && <p class="text">{localText(card.description, locale)}</p>}
      <CardState card={card} texts={texts} />
      <CardFacts card={card} language={language} />
    </article>
  );
}

/** The plugin's icon; its first letter stands for one that it has not. */
function Icon({ icon, title }: { icon: string | null; title: string }) {
  if (icon !== null) {
    return <img class="tile" src={icon} alt="" width={48} height={48} loading="lazy" />;
  }
  const letter = /[\p{L}\p{N}]/u.exec(title)?.[0].toUpperCase() ?? "·";
  return (
    <span class="tile" aria-hidden="true">
      {letter}
    </span>
  );
}

function CardFacts({ card, language: { locale } }: CardProps) {
  const texts = TEXTS[locale];
  return (
    <p class="facts">
      {card.rating !== null && <Stars rating={card.rating} language={{ locale, chosen: true }} />}
      <span>{formatPrice(card.price, locale)}</span>
      <span>
        {texts.version} {card.version}
      </span>
      <span>{formatCount(card.downloads, texts.downloadCount, locale)}</span>
      <span>
        {texts.updatedAt}{" "}
        <time datetime={card.updatedAt}>{formatDate(card.updatedAt, locale)}</time>
      </span>
    </p>
  );
}

function Stars({ rating, language: { locale } }: { rating: number; language: Language }) {
  const stars = formatNumber(rating, locale);
  return (
    <span class="stars">
      <span aria-hidden="true">★ {stars}</span>
      <span class="unseen">{BROWSE_TEXTS[locale].ratingOf(stars)}</span>
    </span>
  );
}

function CardState({ card, texts }: { card: ListedCard; texts: Texts }) {
  if (!card.verified && card.deprecated === null && card.yanked === null) return null;
  return (
    <p>
      {card.verified && <span class="badge good">✓ {texts.verified}</span>}{" "}
      {card.deprecated !== null && <span class="badge warn">{texts.deprecated}</span>}{" "}
      {card.yanked !== null && <span class="badge bad">{texts.yanked}</span>}
    </p>
  );
}
