import { RbsmError } from "@rising-bsm/protocol";
import { sealText, unsealText } from "../mac.ts";

/** Where a page of a sort is. */
export interface SortedStart {
  readonly kind: "below" | "above";
  /** The page does not hold it. */
  readonly position: number;
  /** The state of the sort that is being read. */
  readonly epoch: number;
  /** Position that the first page began with: what came later is above it. */
  readonly top: number;
}

/** A place in the ids that a ranking found. */
export interface RankedStart {
  readonly kind: "ranked";
  readonly at: number;
  /** The page ends here, however long it may be: a page before another holds nothing of that. */
  readonly end: number;
  readonly ids: readonly number[];
}

export interface CursorKey {
  readonly secret: Uint8Array<ArrayBuffer>;
  /** What the cursor is for: with another query, filter or sort it is not valid. */
  readonly query: string;
}

/** Longer ones were not made here: 200 ids are about 1,400 characters. */
const MAX_CURSOR_LENGTH = 4_000;
const BASE = 36;

export function sealCursor(
  start: SortedStart | RankedStart,
  { secret, query }: CursorKey,
): Promise<string> {
  const numbers =
    start.kind === "ranked"
      ? [start.at, start.end, ...start.ids]
      : [start.position, start.epoch, start.top];
  const digits = numbers.map((number) => number.toString(BASE));
  return sealText(secret, purpose(query), `${LETTERS[start.kind]}${digits.join(".")}`);
}

const LETTERS = { below: "<", above: ">", ranked: "=" } as const;

/**
 * Throws `cursor_invalid` for everything that `sealCursor()` did not make for this query and kind of
 * page, and `cursor_expired` for what an older version of it made.
 */
export async function openCursor(
  cursor: string,
  key: CursorKey,
  kind: "ranked",
): Promise<RankedStart>;
export async function openCursor(
  cursor: string,
  key: CursorKey,
  kind: "sorted",
): Promise<SortedStart>;
export async function openCursor(
  cursor: string,
  { secret, query }: CursorKey,
  kind: "ranked" | "sorted",
): Promise<RankedStart | SortedStart> {
  const isPossible = cursor.length <= MAX_CURSOR_LENGTH;
  const text = isPossible ? await unsealText(secret, purpose(query), cursor) : null;
  if (text === null) throw new RbsmError("cursor_invalid");
  const start = parse(text);
  if (start === null || (start.kind === "ranked") !== (kind === "ranked")) {
    throw new RbsmError("cursor_expired");
  }
  return start;
}

function parse(text: string): RankedStart | SortedStart | null {
  const numbers = text
    .slice(1)
    .split(".")
    .map((digits) => Number.parseInt(digits, BASE));
  const [first = 0, ...rest] = numbers;
  const [second = 0, ...others] = rest;
  if (text.startsWith(LETTERS.ranked)) {
    return { kind: "ranked", at: first, end: second, ids: others };
  }
  const kind = SORTED_KINDS.get(text[0] ?? "");
  const [epoch, top] = rest;
  if (kind === undefined || epoch === undefined || top === undefined) return null;
  return { kind, position: first, epoch, top };
}

const SORTED_KINDS = new Map<string, SortedStart["kind"]>([
  [LETTERS.below, "below"],
  [LETTERS.above, "above"],
]);

function purpose(query: string): string {
  return `search cursor\n${query}`;
}
