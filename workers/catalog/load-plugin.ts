import type { Visibility } from "@rising-bsm/protocol";
import { readDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { iconPath, storedDetails } from "../media/details.ts";
import type { VersionDetails } from "../media/details.ts";
import { cardOf } from "../search/card.ts";
import type { ListedCard } from "../search/card.ts";
import { storedManifest } from "../stored-manifest.ts";
import type { StoredManifest } from "../stored-manifest.ts";
import { findPlugin } from "./queries.ts";
import type { FoundPlugin } from "./queries.ts";

/** A plugin as its own page shows it. */
export interface ShownPlugin {
  readonly name: string;
  readonly card: ListedCard;
  readonly manifest: StoredManifest;
  readonly visibility: Visibility;
  readonly details: VersionDetails;
  readonly found: FoundPlugin;
  readonly counts: { readonly installs: number; readonly ratings: number };
}

/**
 * What there is of a plugin, listed or not; null when nothing of it is published. Whether the caller
 * may see it is not decided here: a private one is its owner's alone.
 */
export async function loadPlugin(env: Bindings, name: string): Promise<ShownPlugin | null> {
  const found = await findPlugin(readDatabase(env), name);
  if (found === undefined) return null;
  const { shown, publisher, createdAt, updatedAt } = found;
  const manifest = storedManifest(shown);
  const counts = found.counts ?? { installs: 0, downloads: 0, ratings: 0, stars: 0 };
  const card = cardOf({
    name,
    publisher,
    version: shown.version,
    manifest,
    icon: iconPath(shown),
    paid: shown.paid,
    // A plugin shows a version that was yanked only when every one was.
    yanked: shown.yankedReason,
    deprecated: shown.deprecatedReason,
    createdAt,
    updatedAt,
  });
  return {
    name,
    card: { ...card, downloads: counts.downloads, rating: ratingOf(counts) },
    manifest,
    visibility: manifest.visibility,
    details: storedDetails(shown),
    found,
    counts: { installs: counts.installs, ratings: counts.ratings },
  };
}

/** The mean of all stars to one decimal; null without a review. */
function ratingOf({ ratings, stars }: { ratings: number; stars: number }): number | null {
  return ratings === 0 ? null : Math.round((stars / ratings) * 10) / 10;
}
