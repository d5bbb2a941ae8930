import type { Review, ReviewPage, ReviewSummary } from "@rising-bsm/protocol";
import { formatCount, formatDate, formatNumber } from "./format.ts";
import type { Language } from "./language.ts";
import { siteLink } from "./links.ts";
import { REVIEW_TEXTS } from "./review-texts.ts";

/** Reviews of a plugin, and the language that they are shown in. */
export interface ReviewsView {
  readonly name: string;
  readonly language: Language;
  readonly page: ReviewPage;
}

/** What stands on the plugin's page: how it was rated, the newest reviews, and the way to all of them. */
export function ReviewsPart(view: ReviewsView) {
  const { name, page, language } = view;
  const texts = REVIEW_TEXTS[language.locale];
  return (
    <section class="panel" aria-labelledby="reviews">
      <h2 id="reviews">{texts.title}</h2>
      <Ratings {...view} />
      <ReviewList {...view} />
      <p>
        {page.summary.ratings > 0 && <a href={reviewsLink(view)}>{texts.all}</a>}{" "}
        <a href={siteLink(`/plugins/${name}/report`, { language })}>{texts.report}</a>
      </p>
    </section>
  );
}

/** The mean, and how many gave how many stars. */
export function Ratings(view: ReviewsView) {
  const { summary } = view.page;
  const { locale } = view.language;
  const texts = REVIEW_TEXTS[locale];
  if (summary.average === null) return <p>{texts.none}</p>;
  return (
    <>
      <p>
        <Stars rating={summary.average} language={view.language} />{" "}
        <strong>{formatNumber(summary.average, locale)}</strong>{" "}
        <span class="muted">{formatCount(summary.ratings, texts.count, locale)}</span>
      </p>
      <Histogram {...view} summary={summary} />
    </>
  );
}

function Histogram({ summary, ...view }: ReviewsView & { readonly summary: ReviewSummary }) {
  const { locale } = view.language;
  const texts = REVIEW_TEXTS[locale];
  return (
    <ul class="plain histogram">
      {summary.histogram
        .map((count, at) => (
          <li>
            <a href={reviewsLink({ ...view, rating: at + 1 })}>{texts.stars(`${at + 1}`)}</a>
            <meter min={0} max={Math.max(1, summary.ratings)} value={count} aria-hidden="true" />
            <span>{formatNumber(count, locale)}</span>
          </li>
        ))
        .toReversed()}
    </ul>
  );
}

/** The reviews of a page, each with the publisher's reply. */
export function ReviewList({ name, page, language }: ReviewsView) {
  if (page.items.length === 0) return null;
  return (
    <ul class="plain">
      {page.items.map((review) => (
        <li>
          <ReviewItem {...{ name, review, language }} />
        </li>
      ))}
    </ul>
  );
}

interface ReviewItemProps extends Pick<ReviewsView, "name" | "language"> {
  readonly review: Review;
}

function ReviewItem({ name, review, language }: ReviewItemProps) {
  const { locale } = language;
  const texts = REVIEW_TEXTS[locale];
  const params = [
    ["reason", "review"],
    ["reviewId", review.id],
  ] as const;
  return (
    <article class="review" id={`review-${review.id}`}>
      <Stars rating={review.rating} language={language} />{" "}
      {review.title !== "" && <h3 {...languageOf(review)}>{review.title}</h3>}
      {review.text !== "" && (
        <p class="said" {...languageOf(review)}>
          {review.text}
        </p>
      )}
      <p class="facts">
        <time datetime={review.createdAt}>{formatDate(review.createdAt, locale)}</time>
        {review.updatedAt !== review.createdAt && <span>{texts.edited}</span>}
        <span>{review.version}</span>
        <a href={siteLink(`/plugins/${name}/report`, { language, params })}>{texts.reportReview}</a>
      </p>
      {review.reply !== null && (
        <div class="reply">
          <strong>{texts.reply}</strong>
          <p class="said" dir="auto">
            {review.reply.text}
          </p>
        </div>
      )}
    </article>
  );
}

/** People write in any language and direction. */
function languageOf({ language }: Review) {
  return { dir: "auto" as const, ...(language === "und" ? {} : { lang: language }) };
}

function Stars({ rating, language }: { rating: number; language: Language }) {
  const full = Math.round(rating);
  const label = REVIEW_TEXTS[language.locale].stars(formatNumber(rating, language.locale));
  return (
    <span class="stars" role="img" aria-label={label}>
      {"★".repeat(full)}
      {"☆".repeat(5 - full)}
    </span>
  );
}

/** Address of the page of all reviews. */
export function reviewsLink({
  name,
  language,
  rating,
}: Pick<ReviewsView, "name" | "language"> & { readonly rating?: number }): string {
  const params = rating === undefined ? [] : [["rating", `${rating}`] as const];
  return siteLink(`/plugins/${name}/ratings`, { language, params });
}
