import { localText } from "@rising-bsm/protocol";
import type { ListedCard } from "../search/card.ts";

/** A plugin in the old system's fields. What a row has no place for here is empty. */
type LegacyPlugin = Readonly<{
  id: string;
  name: string;
  displayName: string;
  description: string;
  version: string;
  author: string;
  authorId: string;
  type: "mixed";
  category: string;
  tags: readonly string[];
  screenshots: readonly string[];
  /** Price by plan. */
  pricing: Record<string, number>;
  trialDays: number;
  permissions: readonly { code: string; name: string; description: string; required: boolean }[];
  downloads: number;
  rating: number;
  status: "approved";
  createdAt: string;
  updatedAt: string;
}>;

export function showPlugin(card: ListedCard): LegacyPlugin {
  const { name, plans, publisher } = card;
  const displayName = localText(card.displayName, "en");
  return {
    id: name,
    name,
    displayName,
    description: card.description === null ? displayName : localText(card.description, "en"),
    version: card.version,
    author: publisher.displayName,
    authorId: publisher.name,
    type: "mixed",
    category: card.categories[0] ?? "",
    tags: card.keywords,
    screenshots: [],
    pricing: Object.fromEntries(plans.map(({ id, price }) => [id, price?.amount ?? 0])),
    trialDays: plans.find(({ kind }) => kind === "trial")?.trialDays ?? 0,
    permissions: card.permissions.map(({ code, reason }) => ({
      code,
      name: code,
      description: reason === null ? "" : localText(reason, "en"),
      required: true,
    })),
    downloads: card.downloads,
    rating: card.rating ?? 0,
    status: "approved",
    createdAt: card.createdAt,
    updatedAt: card.updatedAt,
  };
}
