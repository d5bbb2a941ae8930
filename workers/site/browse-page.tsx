import { CATEGORIES } from "@rising-bsm/protocol";
import type { ListedCard } from "../search/card.ts";
import type { SearchRequest } from "../search/read-request.ts";
import type { SearchPage } from "../search/search-page.ts";
import { SearchForm } from "./browse-filters.tsx";
import { Hints } from "./browse-hints.tsx";
import type { Param } from "./browse-params.ts";
import { BROWSE_TEXTS } from "./browse-texts.ts";
import type { Language } from "./language.ts";
import { siteLink } from "./links.ts";
import { Cards } from "./plugin-card.tsx";
import { categoryName, TEXTS } from "./texts.ts";
import type { Texts } from "./texts.ts";

export interface Browse {
  readonly language: Language;
  readonly request: SearchRequest;
  readonly page: SearchPage;
  /** Catalogue-wide counts by "kind:value". */
  readonly counts: Readonly<Record<string, number>>;
  /** The parameters of this page's URL, without cursor and language. */
  readonly params: readonly Param[];
  /** What the front page shows above all plugins; null on every other one. */
  readonly front: {
    readonly trending: readonly ListedCard[];
    readonly newest: readonly ListedCard[];
  } | null;
}

export function BrowsePage(browse: Browse) {
  const { language, request, page, params, front } = browse;
  const { locale } = language;
  const texts = TEXTS[locale];
  return (
    <>
      <h1>{texts.browseTitle}</h1>
      <p class="lead">{texts.tagline}</p>
      <SearchForm {...browse} />
      {front !== null && <Front {...browse} {...front} />}
      <h2 id="results">
        {front !== null ? BROWSE_TEXTS[locale].allTitle : headingOf(request, texts)}{" "}
        {request.text !== "" && <q>{request.text}</q>}
      </h2>
      <Hints {...browse} />
      {page.cards.length === 0 && <Nothing isFiltered={params.length > 0} texts={texts} />}
      <Cards cards={page.cards} language={language} />
      <Pages {...browse} />
    </>
  );
}

function headingOf({ text }: SearchRequest, texts: Texts): string {
  return text === "" ? texts.results : texts.resultsFor;
}

function Nothing({ isFiltered, texts }: { isFiltered: boolean; texts: Texts }) {
  return <p>{isFiltered ? `${texts.nothing} ${texts.nothingHint}` : texts.noneYet}</p>;
}

/** Where to begin for who has nothing to look for yet. */
function Front({ language, counts, trending, newest }: Browse & NonNullable<Browse["front"]>) {
  const texts = BROWSE_TEXTS[language.locale];
  return (
    <>
      <Categories language={language} counts={counts} />
      <Section title={texts.trendingTitle} sort="trending" cards={trending} language={language} />
      <Section title={texts.newTitle} sort="new" cards={newest} language={language} />
    </>
  );
}

function Categories({ language, counts }: Pick<Browse, "language" | "counts">) {
  const { locale } = language;
  const used = CATEGORIES.filter((category) => (counts[`category:${category}`] ?? 0) > 0);
  if (used.length === 0) return null;
  return (
    <nav aria-label={BROWSE_TEXTS[locale].categoriesTitle}>
      <ul class="chips">
        {used.map((category) => (
          <li>
            <a class="chip" href={siteLink("/", { language, params: [["category", category]] })}>
              {categoryName(TEXTS[locale], category)} ({counts[`category:${category}`]})
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

interface SectionProps {
  readonly title: string;
  readonly sort: "trending" | "new";
  readonly cards: readonly ListedCard[];
  readonly language: Language;
}

function Section({ title, sort, cards, language }: SectionProps) {
  if (cards.length === 0) return null;
  const href = siteLink("/", { language, params: [["sort", sort]] });
  return (
    <section class="shelf" aria-labelledby={`shelf-${sort}`}>
      <div class="head">
        <h2 id={`shelf-${sort}`}>{title}</h2>
        <a href={href} aria-label={`${title}: ${BROWSE_TEXTS[language.locale].more}`}>
          {BROWSE_TEXTS[language.locale].more}
        </a>
      </div>
      <Cards cards={cards} language={language} />
    </section>
  );
}

function Pages({ language, request, page, params }: Browse) {
  const texts = TEXTS[language.locale];
  const { nextCursor, prevCursor } = page;
  if (nextCursor === null && prevCursor === null && request.cursor === null) return null;
  const at = (cursor: string) =>
    siteLink("/", { language, params: [...params, ["cursor", cursor]] });
  return (
    <nav class="pages" aria-label={texts.results}>
      {prevCursor !== null && (
        <a class="button" rel="prev" href={at(prevCursor)}>
          {BROWSE_TEXTS[language.locale].previous}
        </a>
      )}
      {nextCursor !== null && (
        <a class="button" rel="next" href={at(nextCursor)}>
          {texts.next}
        </a>
      )}
      {request.cursor !== null && <a href={siteLink("/", { language, params })}>{texts.first}</a>}
    </nav>
  );
}
