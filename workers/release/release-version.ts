import { RbsmError, proofPath, utf8 } from "@rising-bsm/protocol";
import type { Pass } from "../log/run-pass.ts";
import type { SignedLog } from "../log/show-log.ts";
import { allSettled, jsonObject, putIfUnchanged, textObject } from "../objects.ts";
import type { Version } from "../schema.ts";
import { exposeBundle } from "./bundle-object.ts";
import { forEachOf } from "./for-each-of.ts";
import { listIntegrated, markReleased } from "./queries.ts";
import { signStatement, statementKey } from "./release-statement.ts";

/** Serves what belongs to the releases that have their place in the log: bundle, proof, statement. */
export async function releaseVersions(pass: Pass, log: SignedLog): Promise<void> {
  const rows = await listIntegrated(pass.db, pass.plugin);
  const released = await forEachOf(rows, pass.failures, (row) => releaseVersion(pass, row, log));
  if (released.length > 0) await markReleased(pass.db, released, pass.now);
}

async function releaseVersion({ env }: Pass, row: Version, log: SignedLog): Promise<void> {
  const { statement, logIndex, sha256 } = row;
  if (statement === null || logIndex === null) {
    throw new RbsmError("internal", `${row.plugin}@${row.version} has no place in the log`);
  }
  const proofKey = proofPath(row.plugin, row.version).slice(1);
  const proof = textObject(proofKey, await log.proofOf(logIndex), "immutable");
  const envelope = await signStatement(env, statement);
  const release = jsonObject(statementKey(row), utf8(JSON.stringify(envelope)), "immutable");
  const { PRIVATE: from, BUNDLES: to } = env;
  // What is there already says the same: by an older checkpoint, or a key that was rotated since.
  await allSettled([
    row.paid ? Promise.resolve() : exposeBundle({ from, to }, sha256),
    putIfUnchanged(to, proof, null),
  ]);
  await putIfUnchanged(to, { ...release, customMetadata: { bundle: sha256 } }, null);
}
