import {
  RELEASE_PAYLOAD_TYPE,
  RbsmError,
  fromBase64,
  parseEnvelope,
  releasePath,
  signEnvelope,
  utf8,
  utf8Decode,
} from "@rising-bsm/protocol";
import type { Envelope, ReleaseStatement } from "@rising-bsm/protocol";
import { settings, signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import type { Version } from "../schema.ts";

/**
 * The payload that the marketplace signs about a release. It is made once: of a release that is served
 * already it is what hosts have.
 */
export async function statementOf(env: Bindings, row: Version): Promise<string> {
  if (row.statement !== null) return row.statement;
  const isServed = row.status === "released" || row.status === "published";
  const served = isServed ? await env.BUNDLES.get(statementKey(row)) : null;
  if (served !== null) {
    const { payload } = parseEnvelope(await served.text());
    return utf8Decode(fromBase64(payload), "internal");
  }
  return JSON.stringify(newStatement(row, settings(env).REVIEW_POLICY));
}

function newStatement(row: Version, policy: string): ReleaseStatement {
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

/** The statement under its signature; the same payload gives the same bytes. */
export async function signStatement(env: Bindings, statement: string): Promise<Envelope> {
  const key = await signingKey(env, "RELEASE_KEY");
  return signEnvelope(RELEASE_PAYLOAD_TYPE, utf8(statement), key);
}

export function statementKey({ plugin, version }: Pick<Version, "plugin" | "version">): string {
  return releasePath(plugin, version).slice(1);
}
