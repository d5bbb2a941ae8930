import { RbsmError } from "@rising-bsm/protocol";
import { secretBytes } from "../env.ts";
import type { Bindings } from "../env.ts";
import { sealText, unsealText } from "../mac.ts";

/** A row of a list that goes from a time downwards; its id tells rows of one time apart. */
export interface Position {
  readonly at: number;
  readonly id: string;
}

/** A page, and where the next one starts: null on the last one. */
export interface ListPage<Row> {
  readonly rows: readonly Row[];
  readonly nextCursor: string | null;
}

const MAX_CURSOR_LENGTH = 400;

/** `list` is what the cursor is for: with another one it is not valid. Throws `cursor_invalid`. */
export async function openListCursor(
  env: Bindings,
  list: string,
  cursor: string | undefined,
): Promise<Position | null> {
  if (cursor === undefined) return null;
  const secret = secretBytes(env, "CURSOR_KEY");
  const isPossible = cursor.length <= MAX_CURSOR_LENGTH;
  const text = isPossible ? await unsealText(secret, purpose(list), cursor) : null;
  const [, at, id] = /^(\d{1,16})\.(.+)$/.exec(text ?? "") ?? [];
  if (at === undefined || id === undefined) throw new RbsmError("cursor_invalid");
  return { at: Number(at), id };
}

/** Of rows of which one more than the limit was read. */
export async function cutPage<Row>(
  env: Bindings,
  rows: readonly Row[],
  { list, limit, position }: ListCut<Row>,
): Promise<ListPage<Row>> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  if (rows.length <= limit || last === undefined) return { rows: shown, nextCursor: null };
  const { at, id } = position(last);
  const secret = secretBytes(env, "CURSOR_KEY");
  return { rows: shown, nextCursor: await sealText(secret, purpose(list), `${at}.${id}`) };
}

interface ListCut<Row> {
  readonly list: string;
  readonly limit: number;
  readonly position: (row: Row) => Position;
}

function purpose(list: string): string {
  return `list cursor\n${list}`;
}
