import { z } from "zod";
import { readDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { listDependents } from "./dependents-queries.ts";
import type { DependentPlace } from "./dependents-queries.ts";
import { cutPage, openPageCursor } from "./page-cursor.ts";
import { selectOwner } from "./queries.ts";

const place = z.object({ lessPopular: z.int(), dependent: z.string() });

interface Dependents {
  readonly items: { name: string; range: string }[];
  readonly nextCursor: string | null;
  readonly isPrivate: boolean;
}

/**
 * A page of the plugins that need one, the most popular first; null when there is no such plugin.
 * Throws `cursor_invalid`.
 */
export async function loadDependents(
  env: Bindings,
  { plugin, cursor, limit }: { plugin: string; cursor: string | undefined; limit: number },
): Promise<Dependents | null> {
  const list = { list: "dependents", plugin, place };
  const after = await openPageCursor(env, list, cursor);
  const db = readDatabase(env);
  const [owners, found] = await db.batch([
    selectOwner(db, plugin),
    listDependents(db, { plugin, after, limit: limit + 1 }),
  ]);
  const [owner] = owners;
  // Of a plugin that has published nothing there is nothing to show either.
  if (owner === undefined || owner.latest === null) return null;
  const placeOf = ({ lessPopular, dependent }: DependentPlace) => ({ lessPopular, dependent });
  const { rows, nextCursor } = await cutPage(env, found, { ...list, limit, placeOf });
  const items = rows.map(({ dependent, range }) => ({ name: dependent, range }));
  return { items, nextCursor, isPrivate: owner.visibility === "private" };
}
