import type { Review, ReviewSummary } from "@rising-bsm/protocol";
import { isoTime } from "../iso-time.ts";
import { shownRating } from "./score.ts";
import type { StoredReview } from "./tables.ts";

/** A review for its writer, who sees what was hidden too, or for everybody. */
export function showReview(row: StoredReview, reader: "writer" | "everybody"): Review {
  const { id, rating, language, version, hiddenReason, reply, repliedAt } = row;
  const isShown = hiddenReason === null || reader === "writer";
  // An answer often repeats what it answers.
  const isAnswered = isShown && reply !== null && repliedAt !== null;
  return {
    id,
    rating,
    title: isShown ? row.title : "",
    text: isShown ? row.text : "",
    language,
    version,
    createdAt: isoTime(row.createdAt),
    updatedAt: isoTime(row.updatedAt),
    reply: isAnswered ? { text: reply, repliedAt: isoTime(repliedAt) } : null,
    hidden: hiddenReason === null ? null : { reason: hiddenReason },
  };
}

/** What the counts of each number of stars come to. */
export function summarise(
  counts: readonly { readonly rating: number; readonly reviews: number }[],
): ReviewSummary {
  const histogram: ReviewSummary["histogram"] = [0, 0, 0, 0, 0];
  let [ratings, stars] = [0, 0];
  for (const { rating, reviews } of counts) {
    histogram[rating - 1] = reviews;
    ratings += reviews;
    stars += reviews * rating;
  }
  return { ratings, average: shownRating({ stars, ratings }), histogram };
}
