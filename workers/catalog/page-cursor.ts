import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { secretBytes } from "../env.ts";
import type { Bindings } from "../env.ts";
import { sealText, unsealText } from "../mac.ts";

const MAX_CURSOR_LENGTH = 1_000;
const MAX_PAGE = 100;

/** Query parameters of a list of a plugin. */
export const pageQuery = z.object({
  cursor: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
});

/** A list of one plugin: with another plugin or list its cursors are not valid. */
export interface PagedList<Place extends z.ZodType> {
  readonly list: string;
  readonly plugin: string;
  /** What tells the place of a row in the list's order. */
  readonly place: Place;
}

/** Where a page starts; null is at the beginning. Throws `cursor_invalid`. */
export async function openPageCursor<Place extends z.ZodType>(
  env: Bindings,
  list: PagedList<Place>,
  cursor: string | undefined,
): Promise<z.output<Place> | null> {
  if (cursor === undefined) return null;
  const isPossible = cursor.length <= MAX_CURSOR_LENGTH;
  const secret = secretBytes(env, "CURSOR_KEY");
  const text = isPossible ? await unsealText(secret, purpose(list), cursor) : null;
  if (text === null) throw new RbsmError("cursor_invalid");
  return list.place.parse(JSON.parse(text));
}

/** The rows of a page, of which one more than the limit was read, and the cursor behind them. */
export async function cutPage<Row, Place extends z.ZodType>(
  env: Bindings,
  rows: readonly Row[],
  cut: PagedList<Place> & {
    readonly limit: number;
    readonly placeOf: (row: Row) => z.input<Place>;
  },
): Promise<{ rows: readonly Row[]; nextCursor: string | null }> {
  const shown = rows.slice(0, cut.limit);
  const last = shown.at(-1);
  if (rows.length <= cut.limit || last === undefined) return { rows: shown, nextCursor: null };
  const secret = secretBytes(env, "CURSOR_KEY");
  const place = JSON.stringify(cut.placeOf(last));
  return { rows: shown, nextCursor: await sealText(secret, purpose(cut), place) };
}

function purpose({ list, plugin }: { readonly list: string; readonly plugin: string }): string {
  return `${list} cursor\n${plugin}`;
}
