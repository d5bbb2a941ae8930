import { documentPath, indexPath, sha256Hex, shardTarget, utf8 } from "@rising-bsm/protocol";
import type { PluginDocument } from "@rising-bsm/protocol";
import { settings } from "../env.ts";
import type { Pass } from "../log/run-pass.ts";
import { allSettled, jsonObject, putOnce, putPointer } from "../objects.ts";
import type { Version } from "../schema.ts";
import { storedManifest } from "../stored-manifest.ts";
import { forEachOf } from "./for-each-of.ts";
import { buildDocument } from "./plugin-document.ts";
import { listUndocumented, loadDocumentFacts, markDocumented } from "./queries.ts";

/** Writes the documents that are behind. */
export async function writeDocuments(pass: Pass): Promise<void> {
  const due = await listUndocumented(pass.db, pass.plugin);
  await forEachOf(due, pass.failures, ({ plugin }) => writeDocument(pass, plugin));
}

async function writeDocument(pass: Pass, plugin: string): Promise<void> {
  const facts = await loadDocumentFacts(pass.db, plugin);
  const { owner } = facts;
  if (owner === undefined || owner.documentRevision >= owner.revision) return;
  const { document, latest } = buildDocument(plugin, owner, facts);
  // A plugin that was removed, and one that has nothing but releases in review, have no document.
  const isListed = owner.removedAt === null && document.versions.length > 0;
  await markDocumented(pass.db, {
    plugin,
    revision: owner.revision,
    listed: document.versions.map(({ version }) => version),
    latest,
    channels: document.channels,
    shard: await shardTarget(plugin),
    sha256: isListed ? await storeDocument(pass, document, owner.updatedAt) : null,
    needs: isListed ? publicNeeds(facts.versions.find(({ version }) => version === latest)) : {},
  });
  if (owner.removedAt !== null) await pass.env.BUNDLES.delete(indexPath(plugin).slice(1));
}

/** What a release needs, when everybody finds it and may choose it. */
function publicNeeds(shown: Version | undefined): Record<string, string> {
  if (shown === undefined || shown.yankedReason !== null) return {};
  const { visibility, dependencies } = storedManifest(shown);
  return visibility === "public" ? dependencies : {};
}

/** The copy under the plugin's own name is for people, and for clients that know no catalogue. */
async function storeDocument(
  { env }: Pass,
  document: PluginDocument,
  updatedAt: number,
): Promise<string> {
  const bytes = utf8(JSON.stringify(document));
  const sha256 = await sha256Hex(bytes);
  const immutable = jsonObject(documentPath(document.name, sha256).slice(1), bytes, "immutable");
  const copy = jsonObject(indexPath(document.name).slice(1), bytes, "pointer");
  const { POINTER_INTERVAL_MS: interval } = settings(env);
  await allSettled([
    putOnce(env.BUNDLES, immutable),
    putPointer(env.BUNDLES, { ...copy, order: updatedAt }, interval),
  ]);
  return sha256;
}
