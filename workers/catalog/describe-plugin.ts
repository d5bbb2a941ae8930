import { proofPath, releasePath } from "@rising-bsm/protocol";
import type { PluginDetail, PluginDocument } from "@rising-bsm/protocol";
import { fragmentPath, imagePath } from "../media/details.ts";
import { toPluginCard } from "../search/card.ts";
import { plansOf } from "../stored-manifest.ts";
import type { StoredManifest } from "../stored-manifest.ts";
import type { ShownPlugin } from "./load-plugin.ts";
import type { FoundPlugin } from "./queries.ts";
import { compatibilityOf, sizesOf } from "./summarise-versions.ts";

/** The plugin's own page as the API answers it; its versions are those of its public document. */
export function describePlugin(
  plugin: ShownPlugin,
  versions: PluginDocument["versions"],
): PluginDetail {
  const { card, manifest, found, details, counts } = plugin;
  return {
    ...toPluginCard(card),
    ...describeManifest(manifest),
    channels: found.channels,
    transfer: transferOf(found),
    ...counts,
    screenshots: details.screenshots.map(({ width, height, ...image }) => ({
      url: imagePath(image),
      width,
      height,
    })),
    readme: details.readme === null ? null : fragmentPath(details.readme),
    changelog: details.changelog === null ? null : fragmentPath(details.changelog),
    dependents: { count: found.dependents?.total ?? 0, first: found.dependents?.top ?? [] },
    compatibility: compatibilityOf(versions),
    sizes: sizesOf(versions),
    signature: signatureOf(plugin),
  };
}

function describeManifest(manifest: StoredManifest) {
  const { author, homepage, repository, license } = manifest;
  return {
    author: author ?? null,
    homepage: homepage ?? null,
    repository: repository ?? null,
    license: license ?? null,
    categories: manifest.categories,
    keywords: manifest.keywords,
    network: manifest.network,
    dependencies: manifest.dependencies,
    engines: withoutUndefined(manifest.engines),
    plans: plansOf(manifest),
    visibility: manifest.visibility,
  };
}

function withoutUndefined(values: Record<string, string | undefined>): Record<string, string> {
  const present = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return Object.fromEntries(present);
}

function transferOf({ to, effectiveAt }: Pick<FoundPlugin, "to" | "effectiveAt">) {
  if (to === null || effectiveAt === null) return null;
  return { to, effectiveAt: new Date(effectiveAt).toISOString() };
}

/** Null only for a moment, until the log has the release. */
export function signatureOf({ name, found }: Pick<ShownPlugin, "name" | "found">) {
  const { shown, keyEnrolledAt } = found;
  if (shown.logIndex === null) return null;
  return {
    keyId: shown.publisherKeyId,
    keyEnrolledAt: new Date(keyEnrolledAt).toISOString(),
    logIndex: shown.logIndex,
    statement: releasePath(name, shown.version),
    proof: proofPath(name, shown.version),
  };
}
