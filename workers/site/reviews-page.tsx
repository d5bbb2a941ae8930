import { REVIEW_SORTS } from "@rising-bsm/protocol";
import { pluginLink, siteLink } from "./links.ts";
import { REVIEW_TEXTS } from "./review-texts.ts";
import { Ratings, ReviewList } from "./reviews-part.tsx";
import type { ReviewsView } from "./reviews-part.tsx";

export interface ReviewsPageView extends ReviewsView {
  readonly sort: (typeof REVIEW_SORTS)[number];
  readonly rating: number | undefined;
}

/** All reviews of a plugin. */
export function ReviewsPage(view: ReviewsPageView) {
  const { name, language, page } = view;
  const texts = REVIEW_TEXTS[language.locale];
  return (
    <>
      <p>
        <a href={pluginLink(name, language)}>← {name}</a>
      </p>
      <h1>{texts.title}</h1>
      <section class="panel">
        <Ratings {...view} />
        <p class="muted">{texts.origin}</p>
      </section>
      <Choice {...view} />
      {page.items.length > 0 && (
        <section class="panel reviews">
          <h2 class="unseen">{texts.all}</h2>
          <ReviewList {...view} />
        </section>
      )}
      {page.nextCursor !== null && <Next {...view} cursor={page.nextCursor} />}
    </>
  );
}

function Choice({ name, language, sort, rating }: ReviewsPageView) {
  const texts = REVIEW_TEXTS[language.locale];
  return (
    <form class="row" action={`/plugins/${name}/ratings`}>
      {language.chosen && <input type="hidden" name="lang" value={language.locale} />}
      <div class="field">
        <label for="sort">{texts.order}</label>
        <select id="sort" name="sort">
          {REVIEW_SORTS.map((each) => (
            <option value={each} selected={each === sort}>
              {texts.sorts[each]}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="rating">{texts.rating}</label>
        <select id="rating" name="rating">
          <option value="">{texts.anyRating}</option>
          {[5, 4, 3, 2, 1].map((each) => (
            <option value={`${each}`} selected={each === rating}>
              {texts.stars(`${each}`)}
            </option>
          ))}
        </select>
      </div>
      <button>{texts.show}</button>
    </form>
  );
}

function Next({ name, language, sort, rating, cursor }: ReviewsPageView & { cursor: string }) {
  const params = [
    ["sort", sort],
    ...(rating === undefined ? [] : [["rating", `${rating}`] as const]),
    ["cursor", cursor],
  ] as const;
  return (
    <nav class="pages">
      <a
        class="button"
        href={siteLink(`/plugins/${name}/ratings`, { language, params })}
        rel="next"
      >
        {REVIEW_TEXTS[language.locale].more}
      </a>
    </nav>
  );
}
