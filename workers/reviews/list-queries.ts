import type { REVIEW_SORTS } from "@rising-bsm/protocol";
import { and, eq, isNull, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import type { Position } from "../licenses/list-cursor.ts";
import { selectSubject } from "./queries.ts";
import { reviewCounts, reviews } from "./tables.ts";
import type { StoredReview } from "./tables.ts";

/** Milliseconds that no time reaches: what stands above them is the stars. */
const STAR = 10_000_000_000_000;

/** A page of reviews that is wanted. */
export interface Wanted {
  readonly sort: (typeof REVIEW_SORTS)[number];
  /** Only those that give so many stars. */
  readonly rating?: number | undefined;
  /** The last review of the page before. */
  readonly after: Position | null;
  /** How many to read. */
  readonly limit: number;
}

/** Every order is one number, a column; the newest comes first in each. */
function orderOf({ sort, rating }: Wanted): { readonly key: SQL; readonly lead: StarsLead } {
  if (rating === undefined && sort === "new") return { key: sql`created_at`, lead: () => 0 };
  if (rating === undefined && sort === "lowest") {
    return { key: sql`lowest`, lead: (stars) => 6 - stars };
  }
  return { key: sql`highest`, lead: (stars) => stars };
}

type StarsLead = (stars: number) => number;

/** Where a review stands in the order that was wanted. */
export function positionIn(wanted: Wanted): (review: StoredReview) => Position {
  const { lead } = orderOf(wanted);
  return ({ id, rating, createdAt }) => ({ at: lead(rating) * STAR + createdAt, id });
}

/** Reviews that everybody sees, what all of them come to, and the plugin if it is there. */
export async function loadReviewPage(db: Database, plugin: string, wanted: Wanted) {
  const { key } = orderOf(wanted);
  const { rating } = wanted;
  // Reviews of so many stars lie between two numbers.
  const after = wanted.after ?? (rating === undefined ? null : { at: (rating + 1) * STAR, id: "" });
  const isRated = rating === undefined ? undefined : sql`${key} >= ${rating * STAR}`;
  const isBelow = after === null ? undefined : sql`(${key}, id) < (${after.at}, ${after.id})`;
  const [subject, counts, rows] = await db.batch([
    selectSubject(db, plugin),
    db.select().from(reviewCounts).where(eq(reviewCounts.plugin, plugin)),
    db
      .select()
      .from(reviews)
      .where(
        and(
          eq(reviews.plugin, plugin),
          isNull(reviews.deletedAt),
          isNull(reviews.hiddenReason),
          isRated,
          isBelow,
        ),
      )
      .orderBy(sql`${key} DESC, id DESC`)
      .limit(wanted.limit),
  ]);
  return { subject: subject[0], counts, rows };
}
