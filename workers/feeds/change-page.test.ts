import { array, assert, constantFrom, infiniteStream, integer, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { readChangeCursor, writeChangeCursor } from "./change-cursor.ts";
import { changePage, newestPosition } from "./change-page.ts";
import type { ChangeRow } from "./change-page.ts";

const markOf = (id: number) => id.toString(16).padStart(12, "0");

/** A history of changes: `kinds` says which are of the log, and which of those everybody may see. */
function history(kinds: readonly ("public" | "hidden" | "advisory")[]): ChangeRow[] {
  let place = 0;
  return kinds.map((kind, at) => {
    const isLogged = kind !== "advisory";
    const entry = {
      type: "root",
      version: 1,
      sha256: "0".repeat(64),
      at: "2026-11-01T00:00:00.000Z",
    };
    return {
      id: at + 1,
      mark: markOf(at + 1),
      at: 1_000 * at,
      place: isLogged ? place++ : null,
      entry: isLogged ? JSON.stringify(entry) : null,
      advisory: isLogged ? null : JSON.stringify({ id: `A-${at}` }),
      sha256: null,
      isPublic: kind !== "hidden",
    };
  });
}

function read(
  rows: readonly ChangeRow[],
  cursor: string | undefined,
  options: { limit: number; shown: number },
) {
  const after = readChangeCursor(cursor);
  const from = after?.id ?? 0;
  const loaded = rows.filter(({ id }) => id >= from).slice(0, options.limit + 2);
  return changePage({ rows: loaded, after, limit: options.limit, shownLogSize: options.shown });
}

const kinds = array(constantFrom("public", "hidden", "advisory"), { maxLength: 60 });

test("a follower sees every public change once and in order, whenever it asks while the log grows", () => {
  assert(
    property(
      kinds,
      integer({ min: 1, max: 7 }),
      infiniteStream(nat({ max: 5 })),
      (all, limit, steps) => {
        const rows = history(all);
        const seen: number[] = [];
        let cursor = "0";
        let stored = 0;
        let shown = 0;
        const fullPages = new Map<string, string>();
        for (const step of steps) {
          stored = Math.min(rows.length, stored + step);
          shown = Math.max(
            shown,
            rows.slice(0, stored).filter(({ place }) => place !== null).length - (step % 3),
          );
          const isLast = stored === rows.length && step > 2;
          if (isLast) shown = rows.length;
          const page = read(rows.slice(0, stored), cursor, { limit, shown });
          if (page.more) fullPages.set(cursor, JSON.stringify(page));
          seen.push(...page.items.map(({ cursor }) => readChangeCursor(cursor)?.id ?? 0));
          cursor = page.nextCursor;
          if (isLast && !page.more) break;
        }
        expect(seen).toEqual(rows.filter(({ isPublic }) => isPublic).map(({ id }) => id));
        // What was full once is answered again in the same bytes.
        for (const [from, text] of fullPages) {
          expect(JSON.stringify(read(rows, from, { limit, shown: rows.length }))).toBe(text);
        }
      },
    ),
    { numRuns: 200 },
  );
});

describe("the cursor", () => {
  test("of a row that is not there any more has expired", () => {
    const rows = history(["public", "public"]);
    const expired = expect.objectContaining({ code: "cursor_expired" });
    for (const after of [
      { id: 2, mark: markOf(9) },
      { id: 7, mark: markOf(7) },
    ]) {
      const loaded = rows.filter(({ id }) => id >= after.id);
      expect(() => changePage({ rows: loaded, after, limit: 5, shownLogSize: 9 })).toThrow(expired);
    }
  });

  test.each([
    "",
    "1",
    "-1",
    "1-",
    "01-000000000000",
    "1-00000000000g",
    "9".repeat(16) + "-000000000000",
  ])("%j is none", (cursor) => {
    expect(() => readChangeCursor(cursor)).toThrow(
      expect.objectContaining({ code: "cursor_invalid" }),
    );
  });

  test("is read as it was written", () => {
    for (const position of [null, { id: 12, mark: "0123456789ab" }]) {
      expect(readChangeCursor(writeChangeCursor(position))).toEqual(position);
    }
  });
});

test("newestPosition() is before the first change that is not shown yet", () => {
  const rows = history(["public", "advisory", "public", "advisory", "public"]).toReversed();
  expect(newestPosition(rows, 3)?.id).toBe(5);
  expect(newestPosition(rows, 2)?.id).toBe(4);
  expect(newestPosition(rows, 1)?.id).toBe(2);
  expect(newestPosition(rows.slice(0, 3), 1)).toBeUndefined();
  expect(newestPosition([], 0)).toBeNull();
});
