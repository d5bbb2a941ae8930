import { z } from "zod";
import type { SearchReader } from "../search/queries.ts";

/** Ids of listed plugins that one sitemap covers: each plugin keeps its place as long as it is listed. */
export const IDS_A_SITEMAP = 10_000;

const highestRow = z.object({ id: z.int().nullable() });
const pluginRow = z.object({ name: z.string(), updated_at: z.int() });

/** How many sitemaps the listed plugins take. */
export async function countSitemaps(search: SearchReader): Promise<number> {
  const { results } = await search
    .prepare("SELECT max(id) AS id FROM docs WHERE id > ?")
    .bind(0)
    .all();
  const [highest] = z.array(highestRow).parse(results);
  return Math.floor((highest?.id ?? 0) / IDS_A_SITEMAP) + 1;
}

/** The listed plugins of one sitemap; 0 is the first one. */
export async function listPluginsOfSitemap(
  search: SearchReader,
  number: number,
): Promise<{ name: string; updatedAt: number }[]> {
  const first = number * IDS_A_SITEMAP;
  const { results } = await search
    .prepare("SELECT name, updated_at FROM docs WHERE id >= ? AND id < ?")
    .bind(first, first + IDS_A_SITEMAP)
    .all();
  const rows = z.array(pluginRow).parse(results);
  return rows.map(({ name, updated_at: updatedAt }) => ({ name, updatedAt }));
}
