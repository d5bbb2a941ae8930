import type { ReviewPage } from "@rising-bsm/protocol";
import { REVIEW_LIMITS } from "@rising-bsm/protocol";
import { readDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { cutPage, openListCursor } from "../licenses/list-cursor.ts";
import { loadReviewPage, positionIn } from "./list-queries.ts";
import type { Wanted } from "./list-queries.ts";
import { showReview, summarise } from "./show-review.ts";

/** A page of reviews that is asked for. */
export interface ReviewQuery extends Pick<Wanted, "sort" | "rating"> {
  readonly cursor?: string | undefined;
  readonly limit?: number;
}

/**
 * A page of the reviews that everybody sees, and whether the plugin is its owner's alone; null when
 * there is no such plugin. Throws `cursor_invalid` for a cursor of another list.
 */
export async function readReviews(
  env: Bindings,
  plugin: string,
  { sort, rating, cursor, limit = REVIEW_LIMITS.perPage }: ReviewQuery,
): Promise<{ readonly page: ReviewPage; readonly isPrivate: boolean } | null> {
  const list = `reviews ${plugin} ${sort} ${rating ?? "all"}`;
  const after = await openListCursor(env, list, cursor);
  const wanted = { sort, rating, after, limit: limit + 1 };
  const found = await loadReviewPage(readDatabase(env), plugin, wanted);
  if (found.subject === undefined) return null;
  const cut = { list, limit, position: positionIn(wanted) };
  const { rows, nextCursor } = await cutPage(env, found.rows, cut);
  const page = {
    summary: summarise(found.counts),
    items: rows.map((row) => showReview(row, "everybody")),
    nextCursor,
  };
  return { page, isPrivate: found.subject.visibility === "private" };
}
