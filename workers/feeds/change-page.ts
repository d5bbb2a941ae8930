import { changeSchema, RbsmError } from "@rising-bsm/protocol";
import type { Change, ChangePage } from "@rising-bsm/protocol";
import { writeChangeCursor } from "./change-cursor.ts";
import type { Position } from "./change-cursor.ts";

/** A row of `changes` with what it points to. */
export interface ChangeRow extends Position {
  readonly at: number;
  readonly place: number | null;
  readonly entry: string | null;
  readonly advisory: string | null;
  readonly sha256: string | null;
  /** Whether it is about plugins that everybody finds, or about none. */
  readonly isPublic: boolean;
}

/** Rows in their order, as they were read from a position on. */
export interface ReadRows {
  /** The position's own row first, unless it is the beginning; then up to `limit` rows and one more. */
  readonly rows: readonly ChangeRow[];
  readonly after: Position | null;
  readonly limit: number;
  /** Entries of the log from this place on have no checkpoint yet. */
  readonly shownLogSize: number;
}

/**
 * The page after a position. A row counts against the limit also when it is left out, so that the page
 * of a cursor is the same for ever once it is full. Throws `cursor_expired` for a row that is not there
 * any more, because the database was set back.
 */
export function changePage({ rows, after, limit, shownLogSize }: ReadRows): ChangePage {
  const [first] = rows;
  if (after !== null && (first?.id !== after.id || first.mark !== after.mark)) {
    throw new RbsmError("cursor_expired");
  }
  const following = after === null ? rows : rows.slice(1);
  const shown = upTo(following, ({ place }) => place !== null && place >= shownLogSize);
  const page = shown.slice(0, limit);
  return {
    items: page.filter(({ isPublic }) => isPublic).map(toChange),
    nextCursor: writeChangeCursor(page.at(-1) ?? after),
    more: shown.length > limit,
  };
}

/** The newest position up to which all is shown; null when there is none. `rows`: the newest first. */
export function newestPosition(
  rows: readonly ChangeRow[],
  shownLogSize: number,
): Position | null | undefined {
  const waiting = rows.findLastIndex(({ place }) => place !== null && place >= shownLogSize);
  return waiting === -1 ? (rows[0] ?? null) : rows[waiting + 1];
}

function upTo<Item>(items: readonly Item[], ends: (item: Item) => boolean): readonly Item[] {
  const end = items.findIndex(ends);
  return end === -1 ? items : items.slice(0, end);
}

function toChange(row: ChangeRow): Change {
  const change = row.entry === null ? advisoryOf(row.advisory ?? "{}") : JSON.parse(row.entry);
  const result = changeSchema.safeParse({
    cursor: writeChangeCursor(row),
    at: new Date(row.at).toISOString(),
    logIndex: row.place,
    ...(row.sha256 === null ? {} : { sha256: row.sha256 }),
    change,
  });
  if (result.success) return result.data;
  throw new RbsmError("internal", `Change ${row.id} is not readable`, {}, result.error);
}

function advisoryOf(text: string): object {
  return { type: "advisory", entry: null, ...JSON.parse(text) };
}
