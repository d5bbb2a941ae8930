import { env } from "cloudflare:workers";
import { versionSortKey } from "@rising-bsm/protocol";

/** Published versions like 1.0.0 of the plugin, without documents of their own. */
export async function copyVersions(plugin: string, copies: readonly string[]): Promise<void> {
  const statement = env.DB.prepare(
    `INSERT INTO versions (plugin, version, sort_key, status, seq, sha256, size, tree_digest,
       publisher_key_id, manifest, paid, created_at, published_at, log_index)
     SELECT plugin, ?, ?, status, (SELECT max(seq) FROM versions) + 1, sha256, size, tree_digest,
       publisher_key_id, manifest, paid, created_at, published_at, log_index
     FROM versions WHERE plugin = ? AND version = '1.0.0'`,
  );
  await env.DB.batch(
    copies.map((version) => statement.bind(version, versionSortKey(version), plugin)),
  );
}
