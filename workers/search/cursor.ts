import { RbsmError } from "@rising-bsm/protocol";
import { sealText, unsealText } from "../mac.ts";

/** Where the next page starts: below a position of a sort, or at the ids that a ranking left. */
export type PageStart =
  | { readonly kind: "below"; readonly position: number }
  | { readonly kind: "ids"; readonly ids: readonly number[] };

export interface CursorKey {
  readonly secret: Uint8Array<ArrayBuffer>;
  /** What the cursor is for: with another query, filter or sort it is not valid. */
  readonly query: string;
}

/** Longer ones were not made here: 200 ids are about 1,400 characters. */
const MAX_CURSOR_LENGTH = 4_000;
const BASE = 36;

export function sealCursor(start: PageStart, { secret, query }: CursorKey): Promise<string> {
  const text =
    start.kind === "below"
      ? `b${start.position.toString(BASE)}`
      : `i${start.ids.map((id) => id.toString(BASE)).join(".")}`;
  return sealText(secret, purpose(query), text);
}

/** Throws `cursor_invalid` for everything that `sealCursor()` did not make for this query. */
export async function openCursor(cursor: string, { secret, query }: CursorKey): Promise<PageStart> {
  const isPossible = cursor.length <= MAX_CURSOR_LENGTH;
  const text = isPossible ? await unsealText(secret, purpose(query), cursor) : null;
  if (text === null) throw new RbsmError("cursor_invalid");
  const numbers = text
    .slice(1)
    .split(".")
    .map((digits) => Number.parseInt(digits, BASE));
  return text.startsWith("b")
    ? { kind: "below", position: numbers[0] ?? 0 }
    : { kind: "ids", ids: numbers };
}

function purpose(query: string): string {
  return `search cursor\n${query}`;
}
