import { RbsmError, indexPath, releasePath, signRelease, utf8 } from "@rising-bsm/protocol";
import type { ReleaseStatement } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { settings, signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import type { Listing } from "../listing.ts";
import { jsonObject, putIfUnchanged } from "../objects.ts";
import type { Version } from "../schema.ts";
import { removeSearchDoc, writeSearchDoc } from "../search/index-plugin.ts";
import { storedManifest } from "../stored-manifest.ts";
import { exposeBundle } from "./bundle-object.ts";
import { buildDocument } from "./plugin-document.ts";
import {
  listAdmitted,
  loadDocumentFacts,
  loadListingFacts,
  markDocumented,
  markReleased,
  markSearched,
} from "./queries.ts";
import type { ListingFacts, Owner } from "./queries.ts";

const DOCUMENT_ATTEMPTS = 10;

/**
 * Brings everything that is served of a plugin up to what the database says: bundle, release
 * statement, public document, search row, in this order, each step repeatable. Called after every
 * change, and by cron for what a crash left.
 */
export async function finishPlugin(env: Bindings, plugin: string): Promise<void> {
  const db = writeDatabase(env);
  for (const version of await listAdmitted(db, plugin)) await releaseVersion(env, db, version);
  await writeDocument(env, db, plugin);
  await writeListing(env, db, plugin);
}

async function releaseVersion(env: Bindings, db: Database, row: Version): Promise<void> {
  if (!row.paid) await exposeBundle({ from: env.PRIVATE, to: env.BUNDLES }, row.sha256);
  const statement = releaseStatement(row, settings(env).REVIEW_POLICY);
  const envelope = await signRelease(statement, await signingKey(env, "RELEASE_KEY"));
  const key = releasePath(row.plugin, row.version).slice(1);
  const object = jsonObject(key, utf8(JSON.stringify(envelope)), "immutable");
  // One that is there already says the same, perhaps by a key that was rotated since.
  await putIfUnchanged(env.BUNDLES, { ...object, customMetadata: { bundle: row.sha256 } }, null);
  await markReleased(db, row);
}

function releaseStatement(row: Version, policy: string): ReleaseStatement {
  if (row.seq === null || row.publishedAt === null) {
    throw new RbsmError("internal", `${row.plugin}@${row.version} has no place in the order`);
  }
  return {
    type: "https://rising-bsm.com/release/v1",
    plugin: row.plugin,
    version: row.version,
    bundleSha256: row.sha256,
    size: row.size,
    treeDigest: row.treeDigest,
    publisherKeyId: row.publisherKeyId,
    seq: row.seq,
    publishedAt: new Date(row.publishedAt).toISOString(),
    review: { verdict: "passed", policy },
  };
}

/**
 * Writes the document from facts read after its etag: when somebody else wrote in between, the put
 * is refused and the facts are read again, so the last document is never older than the last change.
 */
async function writeDocument(env: Bindings, db: Database, plugin: string): Promise<void> {
  const key = indexPath(plugin).slice(1);
  for (let attempt = 0; attempt < DOCUMENT_ATTEMPTS; attempt++) {
    const current = await env.BUNDLES.head(key);
    const facts = await loadDocumentFacts(db, plugin);
    const { owner } = facts;
    if (owner === undefined || owner.documentRevision >= owner.revision) return;
    const { document, latest } = buildDocument(plugin, owner.publisher, facts);
    const listed = document.versions.map(({ version }) => version);
    const object = jsonObject(key, utf8(JSON.stringify(document)), "pointer");
    // What has nothing to list yet, only releases in review, is not announced.
    const written =
      listed.length === 0 || (await putIfUnchanged(env.BUNDLES, object, current?.etag ?? null));
    if (!written) continue;
    const { channels } = document;
    return markDocumented(db, { plugin, revision: owner.revision, listed, latest, channels });
  }
  throw new RbsmError("unavailable", `The document of ${plugin} is being changed by others`);
}

async function writeListing(env: Bindings, db: Database, plugin: string): Promise<void> {
  const facts = await loadListingFacts(db, plugin);
  const { owner, newest } = facts;
  if (owner === undefined || owner.searchRevision >= owner.revision) return;
  if (newest === undefined) await removeSearchDoc(env.SEARCH, plugin);
  else await writeSearchDoc(env.SEARCH, toListing(owner, newest, facts));
  await markSearched(db, { plugin, revision: owner.revision });
}

function toListing(
  owner: Owner,
  newest: Version,
  { isYanked, createdAt }: Pick<ListingFacts, "isYanked" | "createdAt">,
): Listing {
  return {
    name: newest.plugin,
    publisher: {
      name: owner.publisher,
      displayName: owner.displayName,
      verified: owner.verified,
    },
    version: newest.version,
    manifest: storedManifest(newest),
    paid: newest.paid,
    yanked: isYanked ? newest.yankedReason : null,
    deprecated: newest.deprecatedReason,
    createdAt,
    updatedAt: owner.updatedAt,
  };
}
