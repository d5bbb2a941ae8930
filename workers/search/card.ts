import { planSchema, priceSchema, RbsmError } from "@rising-bsm/protocol";
import type { PluginCard, Text } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Listing } from "../listing.ts";
import { intervalOf } from "../orders/price.ts";
import { plansOf } from "../stored-manifest.ts";
import type { StoredManifest } from "../stored-manifest.ts";

const text = z.union([z.string(), z.object({ en: z.string(), de: z.string() })]);

/** What `docs.card` holds: everything that a list item and the plugin's own page show. */
const storedCardSchema = z.object({
  name: z.string(),
  displayName: text,
  description: text.nullable(),
  version: z.string(),
  publisher: z.object({ name: z.string(), displayName: z.string() }),
  verified: z.boolean(),
  permissions: z.array(z.object({ code: z.string(), reason: text.nullable() })),
  network: z.array(z.string()),
  price: priceSchema.nullable(),
  plans: z.array(planSchema),
  categories: z.array(z.string()),
  keywords: z.array(z.string()),
  hostRange: z.string().nullable(),
  license: z.string().nullable(),
  homepage: z.string().nullable(),
  repository: z.string().nullable(),
  /** Cards that an older Worker wrote have none. */
  icon: z.string().nullable().default(null),
  yanked: z.string().nullable(),
  deprecated: z.string().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

export type StoredCard = z.output<typeof storedCardSchema>;

export function cardOf(listing: Listing): StoredCard {
  const { manifest, publisher } = listing;
  return {
    name: listing.name,
    displayName: manifest.displayName ?? listing.name,
    description: manifest.description ?? null,
    version: listing.version,
    publisher: { name: publisher.name, displayName: publisher.displayName },
    verified: publisher.verified,
    permissions: manifest.permissions.map(({ code, reason }) => ({ code, reason: reason ?? null })),
    network: manifest.network,
    price: listing.paid ? cheapestPrice(manifest) : null,
    plans: plansOf(manifest),
    categories: manifest.categories,
    keywords: manifest.keywords,
    hostRange: manifest.engines["rising-bsm"] ?? null,
    license: manifest.license ?? null,
    homepage: manifest.homepage ?? null,
    repository: manifest.repository ?? null,
    icon: listing.icon,
    yanked: listing.yanked,
    deprecated: listing.deprecated,
    createdAt: new Date(listing.createdAt).toISOString(),
    updatedAt: new Date(listing.updatedAt).toISOString(),
  };
}

/** A paid plugin that states no price is on request: an amount of zero, where null would be free. */
function cheapestPrice({ pricing }: StoredManifest): NonNullable<PluginCard["price"]> {
  const prices = (pricing?.plans ?? []).flatMap((plan) => {
    const { price } = plan;
    if (price === undefined || price.amount === 0) return [];
    const period = intervalOf(plan);
    return [{ ...price, ...(period === null ? {} : { period }) }];
  });
  const [cheapest] = prices.toSorted((a, b) => a.amount - b.amount);
  return cheapest ?? { amount: 0, currency: "EUR" };
}

/** What the catalogue holds of a plugin: its card and what is counted beside it. */
export type ListedCard = StoredCard & Pick<PluginCard, "downloads" | "rating">;

/** A card as the API shows it. The smallest manifest has no description: its title stands for it. */
export function toPluginCard(card: ListedCard): PluginCard {
  return {
    name: card.name,
    displayName: card.displayName,
    description: card.description ?? card.displayName,
    version: card.version,
    publisher: card.publisher.name,
    verified: card.verified,
    rating: card.rating,
    downloads: card.downloads,
    permissions: card.permissions.map(({ code }) => code),
    price: card.price,
    icon: card.icon,
    updatedAt: card.updatedAt,
  };
}

/** Every language of a text. */
export function languagesOf(text: Text): string[] {
  return typeof text === "string" ? [text] : [text.en, text.de];
}

/** Reads a stored card. One that an older Worker wrote and this one cannot read is our fault. */
export function parseCard(json: string): StoredCard {
  const result = storedCardSchema.safeParse(JSON.parse(json));
  if (!result.success)
    throw new RbsmError("internal", "A stored card is not readable", {}, result.error);
  return result.data;
}
