import { CATEGORIES, describePermission, localText } from "@rising-bsm/protocol";
import type { Locale } from "@rising-bsm/protocol";
import type { ListedCard } from "../search/card.ts";
import type { SearchQuery, SearchRequest } from "../search/read-request.ts";
import type { SearchPage } from "../search/search-page.ts";
import { formatDate, formatNumber, formatPrice } from "./format.ts";
import type { Language } from "./language.ts";
import { pluginLink, siteLink } from "./links.ts";
import { categoryName, TEXTS } from "./texts.ts";
import type { Texts } from "./texts.ts";

export interface Browse {
  readonly language: Language;
  readonly request: SearchRequest;
  readonly page: SearchPage;
  /** Catalogue-wide counts by "kind:value". */
  readonly counts: Readonly<Record<string, number>>;
  /** The parameters of this page's URL, without cursor and language. */
  readonly params: readonly (readonly [string, string])[];
}

/** Permissions that people most want to keep away from a plugin. */
const AVOIDABLE = [
  "customers.view",
  "customers.edit",
  "customers.delete",
  "appointments.view",
  "appointments.edit",
  "requests.view",
  "notifications.send",
] as const;

export function BrowsePage(browse: Browse) {
  const { language, request, page, params } = browse;
  const texts = TEXTS[language.locale];
  return (
    <>
      <h1>{texts.browseTitle}</h1>
      <p class="lead">{texts.tagline}</p>
      <SearchForm {...browse} />
      <h2>
        {request.text === "" ? texts.results : texts.resultsFor}{" "}
        {request.text !== "" && <q>{request.text}</q>}
      </h2>
      <Correction {...browse} />
      {page.cards.length === 0 && <Nothing isFiltered={params.length > 0} texts={texts} />}
      <ol class="cards">
        {page.cards.map((card) => (
          <li>
            <Card card={card} language={language} />
          </li>
        ))}
      </ol>
      <Pages {...browse} />
    </>
  );
}

function Nothing({ isFiltered, texts }: { isFiltered: boolean; texts: Texts }) {
  return <p>{isFiltered ? `${texts.nothing} ${texts.nothingHint}` : texts.noneYet}</p>;
}

function Correction({ language, page, params }: Browse) {
  if (page.didYouMean === undefined) return null;
  const others = params.filter(([name]) => name !== "q");
  const href = siteLink("/", { language, params: [["q", page.didYouMean], ...others] });
  return (
    <p>
      {TEXTS[language.locale].didYouMean} <a href={href}>{page.didYouMean}</a>?
    </p>
  );
}

function Card({ card, language }: { card: ListedCard; language: Language }) {
  const { locale } = language;
  const texts = TEXTS[locale];
  return (
    <article class="card">
      <h3>
        <a href={pluginLink(card.name, language)}>{localText(card.displayName, locale)}</a>
      </h3>
      <p class="muted">
        <code>{card.name}</code> {texts.by} {card.publisher.displayName}
      </p>
      {card.description !== null && <p class="text">{localText(card.description, locale)}</p>}
      <CardState card={card} texts={texts} />
      <p class="facts">
        <span>{formatPrice(card.price, locale)}</span>
        <span>
          {texts.version} {card.version}
        </span>
        <span>
          {formatNumber(card.downloads, locale)} {texts.downloads}
        </span>
        <span>
          {texts.updatedAt}{" "}
          <time datetime={card.updatedAt}>{formatDate(card.updatedAt, locale)}</time>
        </span>
      </p>
    </article>
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

function Pages({ language, request, page, params }: Browse) {
  const texts = TEXTS[language.locale];
  if (page.nextCursor === null && request.cursor === null) return null;
  const next = [...params, ["cursor", page.nextCursor ?? ""] as const];
  return (
    <nav class="pages" aria-label={texts.results}>
      {page.nextCursor !== null && (
        <a class="button" rel="next" href={siteLink("/", { language, params: next })}>
          {texts.next}
        </a>
      )}
      {request.cursor !== null && <a href={siteLink("/", { language, params })}>{texts.first}</a>}
    </nav>
  );
}

function SearchForm(browse: Browse) {
  const { language, request, params } = browse;
  const texts = TEXTS[language.locale];
  return (
    <form class="search" method="get" action="/" role="search">
      {language.chosen && <input type="hidden" name="lang" value={language.locale} />}
      <div class="row">
        <div class="field wide">
          <label for="q">{texts.searchLabel}</label>
          <input
            id="q"
            type="search"
            name="q"
            value={request.text}
            placeholder={texts.searchExample}
          />
        </div>
        <button type="submit">{texts.search}</button>
      </div>
      <div class="row">
        <CategoryField {...browse} />
        <PriceField {...browse} />
        <SortField {...browse} />
      </div>
      <MoreFilters {...browse} />
      {params.length > 0 && (
        <p>
          <a href={siteLink("/", { language })}>{texts.clear}</a>
        </p>
      )}
    </form>
  );
}

function CategoryField({ language, request, counts }: Browse) {
  const texts = TEXTS[language.locale];
  const options = CATEGORIES.map((category) => ({
    value: category,
    label: `${categoryName(texts, category)} (${counts[`category:${category}`] ?? 0})`,
  }));
  const chosen = request.filters.categories[0] ?? "";
  return (
    <SelectField name="category" label={texts.category} chosen={chosen}>
      {[{ value: "", label: texts.anyCategory }, ...options]}
    </SelectField>
  );
}

function PriceField({ language, request, counts }: Browse) {
  const texts = TEXTS[language.locale];
  return (
    <SelectField name="price" label={texts.price} chosen={request.filters.price ?? ""}>
      {[
        { value: "", label: texts.anyPrice },
        { value: "free", label: `${texts.free} (${counts["price:free"] ?? 0})` },
        { value: "paid", label: `${texts.paid} (${counts["price:paid"] ?? 0})` },
      ]}
    </SelectField>
  );
}

/** Best match needs words to match; without them it is the same as most downloads. */
function SortField({ language, request }: Browse) {
  const texts = TEXTS[language.locale];
  const sorts: NonNullable<SearchQuery["sort"]>[] = ["popular", "new", "updated"];
  const offered = request.text === "" ? sorts : ["relevance" as const, ...sorts];
  return (
    <SelectField name="sort" label={texts.sort} chosen={request.sort}>
      {offered.map((sort) => ({ value: sort, label: texts[sort] }))}
    </SelectField>
  );
}

interface SelectFieldProps {
  readonly name: string;
  readonly label: string;
  readonly chosen: string;
  readonly children: readonly { readonly value: string; readonly label: string }[];
}

function SelectField({ name, label, chosen, children }: SelectFieldProps) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <select id={name} name={name}>
        {children.map((option) => (
          <option value={option.value} selected={option.value === chosen}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

function MoreFilters({ language, request, params }: Browse) {
  const texts = TEXTS[language.locale];
  const { verified, withoutPermissions, permissions, host } = request.filters;
  const isUsed =
    verified !== null || host !== null || withoutPermissions.length + permissions.length > 0;
  return (
    <details open={isUsed}>
      <summary>{texts.moreFilters}</summary>
      <div class="row">
        <div class="field">
          <label for="host">{texts.hostVersion}</label>
          <input
            id="host"
            type="text"
            name="host"
            value={params.find(([name]) => name === "host")?.[1] ?? ""}
            inputmode="decimal"
            placeholder="2.1"
            pattern="\d{1,6}(\.\d{1,6}(\.\d[0-9A-Za-z.+\-]*)?)?"
          />
        </div>
        <label class="check">
          <input type="checkbox" name="verified" value="true" checked={verified === true} />
          {texts.verifiedOnly}
        </label>
      </div>
      {permissions.map((code) => (
        <input type="hidden" name="permission" value={code} />
      ))}
      <fieldset>
        <legend>{texts.without}</legend>
        <div class="checks">
          {[...AVOIDABLE, "network"].map((code) => (
            <label class="check">
              <input
                type="checkbox"
                name="permission"
                value={`!${code}`}
                checked={withoutPermissions.includes(code)}
              />
              {permissionSentence(code, language.locale)}
            </label>
          ))}
        </div>
      </fieldset>
      <p>
        <button type="submit">{texts.apply}</button>
      </p>
    </details>
  );
}

function permissionSentence(code: string, locale: Locale): string {
  return code === "network" ? TEXTS[locale].network : describePermission(code)[locale];
}
