import { describeFilter, filtersOf, withoutFilter, withoutParam } from "./browse-params.ts";
import { BROWSE_TEXTS } from "./browse-texts.ts";
import type { Browse } from "./browse-page.tsx";
import { siteLink } from "./links.ts";
import { TEXTS } from "./texts.ts";

/** What was made of the query, and what would find more. */
export function Hints(browse: Browse) {
  return (
    <>
      <ActiveFilters {...browse} />
      <Understood {...browse} />
      <Correction {...browse} />
      <Help {...browse} />
    </>
  );
}

/** The filters in use, each as a link that removes it. */
function ActiveFilters({ language, params }: Browse) {
  const { locale } = language;
  const texts = BROWSE_TEXTS[locale];
  const filters = filtersOf(params);
  if (filters.length === 0) return null;
  return (
    <ul class="chips" aria-label={texts.filtersTitle}>
      {filters.map((filter) => {
        const words = describeFilter(filter, locale);
        const href = siteLink("/", { language, params: withoutParam(params, filter) });
        return (
          <li>
            <a class="chip" href={href} aria-label={texts.remove(words)}>
              {words} <span aria-hidden="true">✕</span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function Understood({ language: { locale }, request }: Browse) {
  const texts = BROWSE_TEXTS[locale];
  if (request.understood.length === 0) return null;
  return (
    <div class="hint">
      {request.understood.map(({ words, filter }) => (
        <p>
          <q>{words}</q> {texts.understood}{" "}
          <strong>{describeFilter([filter.name, filter.value], locale)}</strong>
        </p>
      ))}
      <p class="muted">{texts.asItStands}</p>
    </div>
  );
}

/** The better spelling, which is without what was understood as a filter. */
function Correction({ language, page, params, request }: Browse) {
  if (page.didYouMean === undefined) return null;
  const others = params.filter(([name]) => name !== "q");
  const understood = request.understood.map(({ filter }) => [filter.name, filter.value] as const);
  const href = siteLink("/", {
    language,
    params: [["q", page.didYouMean], ...others, ...understood],
  });
  return (
    <p>
      {TEXTS[language.locale].didYouMean} <a href={href}>{page.didYouMean}</a>?
    </p>
  );
}

function Help({ language, page, params }: Browse) {
  const { locale } = language;
  const texts = BROWSE_TEXTS[locale];
  if (page.help === undefined) return null;
  const { withoutWords, withoutFilters } = page.help;
  return (
    <div class="hint">
      {withoutWords.length > 0 && page.cards.length > 0 && (
        <p>
          {texts.missingWords} <strong>{withoutWords.join(", ")}</strong>
        </p>
      )}
      {withoutFilters.length > 0 && <p>{texts.withoutFilter}</p>}
      {withoutFilters.length > 0 && (
        <ul>
          {withoutFilters.map((filter) => {
            const words = describeFilter([filter.name, filter.value], locale);
            const left = withoutFilter(params, filter);
            return (
              <li>
                {left === null ? (
                  words
                ) : (
                  <a href={siteLink("/", { language, params: left })}>{texts.remove(words)}</a>
                )}{" "}
                ({texts.atLeast(filter.atLeast)})
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}
