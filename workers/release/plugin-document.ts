import { RbsmError, bundlePath } from "@rising-bsm/protocol";
import type { PluginDocument } from "@rising-bsm/protocol";
import type { Version } from "../schema.ts";
import { storedManifest, withReason } from "../stored-manifest.ts";
import type { DocumentFacts, Owner } from "./queries.ts";
import { highest, resolveChannels } from "./resolve-channels.ts";

/** The public document that hosts resolve and install from, and what the catalogue needs of it. */
export function buildDocument(
  plugin: string,
  owner: Pick<Owner, "publisher" | "recovery">,
  facts: Pick<DocumentFacts, "versions" | "keys" | "statements" | "pins">,
): { document: PluginDocument; latest: string | null } {
  const { versions, pins } = facts;
  const channels = resolveChannels(versions.map(channelVersion), pins);
  const latest = channels["latest"] ?? channels["beta"] ?? highest(versions);
  const shown = versions.find(({ version }) => version === latest);
  const document = {
    type: "https://rising-bsm.com/plugin/v1" as const,
    name: plugin,
    displayName: (shown === undefined ? undefined : storedManifest(shown).displayName) ?? plugin,
    publisher: {
      name: owner.publisher,
      keys: facts.keys.map(documentKey),
      recovery: owner.recovery,
      statements: facts.statements.map(({ envelope }) => envelope),
    },
    channels,
    versions: versions.map(documentVersion),
  };
  return { document, latest };
}

/** A revoked key stays listed: what it signed before still counts. */
function documentKey({ keyId, publicKey, revokedFrom }: DocumentFacts["keys"][number]) {
  return { keyId, publicKey, ...(revokedFrom === null ? {} : { revokedFrom }) };
}

function channelVersion({ version, seq, yankedReason }: Version) {
  return { version, seq: seq ?? 0, isYanked: yankedReason !== null };
}

function documentVersion(row: Version): PluginDocument["versions"][number] {
  if (row.logIndex === null) {
    throw new RbsmError("internal", `${row.plugin}@${row.version} has no place in the log`);
  }
  const { permissions, network, dependencies, engines } = storedManifest(row);
  return {
    version: row.version,
    sha256: row.sha256,
    size: row.size,
    treeDigest: row.treeDigest,
    publishedAt: new Date(row.publishedAt ?? row.createdAt).toISOString(),
    status: "published",
    yanked: withReason(row.yankedReason),
    deprecated: withReason(row.deprecatedReason),
    permissions: permissions.map(({ code }) => code),
    network,
    dependencies,
    engines,
    paid: row.paid,
    bundle: bundlePath(row.sha256),
    logIndex: row.logIndex,
  };
}
