import {
  RELEASE_PAYLOAD_TYPE,
  RbsmError,
  bundlePath,
  fromBase64,
  needsLicense,
  parseEnvelope,
  parseStatement,
  readBundle,
  releaseStatementSchema,
  sha256Hex,
  splitPluginName,
  utf8,
  utf8Decode,
  versionSortKey,
} from "@rising-bsm/protocol";
import type { Manifest, ReleaseStatement } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { findVersion } from "../publish/queries.ts";
import { statementKey, statementOf } from "../release/release-statement.ts";
import { restoreVersion } from "./recover-queries.ts";
import type { Logged } from "./recover-queries.ts";

/** A release that can be kept from being published again, but not served. */
export interface Lost {
  readonly plugin: string;
  readonly version: string;
  readonly reason: string;
}

/**
 * Makes the row of a release from its statement and its bytes, so that nobody can publish the version
 * with others. Without the bytes the row says that they are gone; without a statement there is none.
 */
export async function recoverRelease(
  env: Bindings,
  db: Database,
  { entry, place }: { readonly entry: Logged<"release">["entry"]; readonly place: number },
): Promise<Lost | null> {
  const { plugin, version } = entry;
  const existing = await findVersion(db, entry);
  if (existing?.logIndex === place) return null;
  const payload = await findStatement(env, db, entry);
  if (payload === null) return { plugin, version, reason: "its statement is in no bucket" };
  const statement = parseStatement(releaseStatementSchema, utf8(payload), "trust_log_invalid");
  const manifest = await findManifest(env, statement.bundleSha256);
  await restoreVersion(db, {
    ...rowOf(statement),
    ...(manifest === null ? gone(entry) : serving(manifest)),
    statement: payload,
    logIndex: place,
    details: null,
  });
  return manifest === null
    ? { plugin, version, reason: `its bundle ${statement.bundleSha256} is in no bucket` }
    : null;
}

/** The payload that the log has the digest of: the one that is served, or else one made again. */
async function findStatement(
  env: Bindings,
  db: Database,
  entry: Logged<"release">["entry"],
): Promise<string | null> {
  const served = await env.BUNDLES.get(statementKey(entry));
  if (served !== null) {
    const envelope = parseEnvelope(await served.text());
    if (envelope.payloadType !== RELEASE_PAYLOAD_TYPE) return null;
    return ifLogged(utf8Decode(fromBase64(envelope.payload), "trust_log_invalid"), entry);
  }
  const claimed = await findVersion(db, entry);
  if (claimed === undefined || claimed.seq === null) return null;
  return ifLogged(await statementOf(env, claimed), entry);
}

async function ifLogged(
  payload: string,
  { statement }: Logged<"release">["entry"],
): Promise<string | null> {
  return (await sha256Hex(utf8(payload))) === statement ? payload : null;
}

async function findManifest(env: Bindings, sha256: string): Promise<Manifest | null> {
  const key = bundlePath(sha256).slice(1);
  const object = (await env.BUNDLES.get(key)) ?? (await env.PRIVATE.get(key));
  if (object === null) return null;
  const bundle = await readBundle(new Uint8Array(await object.arrayBuffer()));
  if (bundle.sha256 === sha256) return bundle.manifest;
  throw new RbsmError("internal", `The bundle ${sha256} has other bytes`);
}

function rowOf(statement: ReleaseStatement) {
  const { plugin, version, bundleSha256, size, treeDigest, publisherKeyId, seq } = statement;
  const publishedAt = Date.parse(statement.publishedAt);
  return {
    scope: splitPluginName(plugin).scope,
    plugin,
    version,
    sortKey: versionSortKey(version),
    seq,
    sha256: bundleSha256,
    size,
    treeDigest,
    publisherKeyId,
    createdAt: publishedAt,
    publishedAt,
  };
}

function serving(manifest: Manifest) {
  const paid = needsLicense(manifest);
  const status = "publishing" as const;
  return { status, statusReason: null, manifest: JSON.stringify(manifest), paid };
}

function gone({ plugin, version }: Logged<"release">["entry"]) {
  const lists = { permissions: [], categories: [], keywords: [], network: [] };
  const manifest = { name: plugin, version, dependencies: {}, engines: {}, ...lists };
  const statusReason = "The database was restored, and the bytes of the release are gone";
  return {
    status: "rejected" as const,
    statusReason,
    manifest: JSON.stringify(manifest),
    paid: false,
  };
}
