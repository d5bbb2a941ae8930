import { z } from "zod";
import { parseCard } from "./card.ts";
import type { ListedCard } from "./card.ts";

/** What answers a read: the database, a session on a replica, or one that counts the rows it reads. */
export interface SearchReader {
  prepare(query: string): {
    bind(...values: (string | number)[]): { all(): Promise<{ results: unknown[] }> };
  };
}

export const cardRow = z.object({
  card: z.string(),
  downloads: z.int(),
  rating: z.number().nullable(),
});

/** One plugin, or null when it is not listed. */
export async function findCard(search: SearchReader, name: string): Promise<ListedCard | null> {
  const statement = search.prepare("SELECT card, downloads, rating FROM docs WHERE name = ?");
  const [row] = parseRows(cardRow, await statement.bind(name).all());
  return row === undefined ? null : toCard(row);
}

export function toCard({ card, downloads, rating }: z.output<typeof cardRow>): ListedCard {
  return { ...parseCard(card), downloads, rating };
}

export function parseRows<Row extends z.ZodType>(
  row: Row,
  { results }: { results: unknown[] },
): z.output<Row>[] {
  return z.array(row).parse(results);
}
