import { RbsmError, fromBase64, sha256Hex } from "@rising-bsm/protocol";
import type { Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import type { SigningKey } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import { settings } from "../env.ts";
import type { Bindings } from "../env.ts";
import { allSettled, jsonObject, putOnce, putPointer } from "../objects.ts";
import type { CatalogTarget, OnlineRole, TrustRole } from "../schema.ts";
import type { TargetContent } from "./catalog-targets.ts";
import type { OnlineSigners } from "./online-keys.ts";
import { CATALOG_LIFETIME_MS, HEADS_LIFETIME_MS } from "./plan-publication.ts";
import { loadTargets, recordPublication } from "./queries.ts";
import type { Publication } from "./queries.ts";
import { TIMESTAMP_KEY } from "./shown-version.ts";
import { createCatalog, createSnapshot, createTimestamp, signMetadata } from "./tuf-metadata.ts";

interface Work {
  readonly env: Bindings;
  readonly db: Database;
  readonly signers: OnlineSigners;
  readonly keyIds: Record<OnlineRole, string>;
}

/** A publication that has its number. */
interface Numbered {
  readonly version: number;
  readonly now: Date;
  readonly facts: Publication;
  readonly changed: readonly TargetContent[];
  readonly withCatalog: boolean;
}

/**
 * Writes each file before the one that names it, and tells the database last. False when the number
 * was used before, by a database that has since been restored to an earlier day.
 */
export async function writePublication(work: Work, next: Numbered): Promise<boolean> {
  const { facts, changed, version } = next;
  const isRoot = ({ key }: { key: string }) => key.endsWith(".root.json");
  await allSettled(changed.map((target) => storeTarget(work.env, target)));
  await storeFiles(
    work.env,
    facts.waiting.filter((file) => !isRoot(file)),
  );
  const catalog = await writeCatalog(work, next);
  const snapshot = catalog === null ? null : await writeSnapshot(work, next, catalog);
  if (catalog === null || snapshot === null) return false;
  // The new root may name other keys: as close to what they sign as can be.
  await storeFiles(work.env, facts.waiting.filter(isRoot));
  const timestamp = await writeTimestamp(work, next, snapshot);
  await recordPublication(work.db, {
    version,
    roles: next.withCatalog ? [catalog, timestamp] : [timestamp],
    targets: next.withCatalog ? changedTargets(next) : [],
    emptied: changed.flatMap(({ target, content }) => (content === null ? [target] : [])),
    changes: facts.changes,
    files: facts.waiting.map(({ key }) => key),
  });
  return true;
}

async function storeTarget(env: Bindings, { content }: TargetContent): Promise<void> {
  if (content === null) return;
  await putOnce(env.BUNDLES, jsonObject(content.key, content.bytes, "immutable"));
}

async function storeFiles(env: Bindings, files: Publication["waiting"]): Promise<void> {
  await allSettled(
    files.map(({ key, content }) =>
      putOnce(env.BUNDLES, jsonObject(key, fromBase64(content), "immutable")),
    ),
  );
}

/** The catalog that the snapshot will list: a new one, or the one in force. */
async function writeCatalog(work: Work, next: Numbered): Promise<TrustRole | null> {
  const { roles } = next.facts;
  if (!next.withCatalog && roles.catalog !== undefined) return roles.catalog;
  const changed = new Set(next.changed.map(({ target }) => target));
  const kept = (await loadTargets(work.db)).filter(({ target }) => !changed.has(target));
  const targets = [...kept, ...changedTargets(next)];
  const expires = inSeconds(next.now, CATALOG_LIFETIME_MS);
  const file = await sign(createCatalog(next.version, expires, targets), work.signers.catalog);
  const isNew = await putNumbered(work.env, `${next.version}.catalog.json`, file.bytes);
  const keyIds = { catalog: [work.keyIds.catalog] };
  return isNew ? { role: "catalog", ...file.listed, expiresAt: expires.getTime(), keyIds } : null;
}

function changedTargets({ changed, version }: Numbered): CatalogTarget[] {
  return changed.flatMap(({ target, content }) => {
    if (content === null) return [];
    const { bytes, sha256 } = content;
    return [{ target, length: bytes.length, sha256, catalogVersion: version }];
  });
}

async function writeSnapshot(
  { env, signers }: Work,
  { version, now, facts }: Numbered,
  catalog: TrustRole,
) {
  const { targets } = facts.roles;
  if (targets === undefined) throw new RbsmError("internal", "There are no targets yet");
  const expires = inSeconds(now, HEADS_LIFETIME_MS);
  const snapshot = createSnapshot(version, expires, { targets, catalog });
  const file = await sign(snapshot, signers.snapshot);
  const isNew = await putNumbered(env, `${version}.snapshot.json`, file.bytes);
  return isNew ? file.listed : null;
}

async function writeTimestamp(
  { env, signers, keyIds }: Work,
  { version, now }: Numbered,
  snapshot: Listed,
): Promise<TrustRole> {
  const expires = inSeconds(now, HEADS_LIFETIME_MS);
  const file = await sign(createTimestamp(version, expires, snapshot), signers.timestamp);
  const object = { ...jsonObject(TIMESTAMP_KEY, file.bytes, "pointer"), order: version };
  await putPointer(env.BUNDLES, object, settings(env).POINTER_INTERVAL_MS);
  return {
    role: "timestamp",
    ...file.listed,
    expiresAt: expires.getTime(),
    keyIds: { snapshot: [keyIds.snapshot], timestamp: [keyIds.timestamp] },
  };
}

type Listed = Pick<TrustRole, "version" | "length" | "sha256">;

async function sign(
  signed: Root | Targets | Snapshot | Timestamp,
  key: SigningKey,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; listed: Listed }> {
  const bytes = await signMetadata(signed, [key]);
  const { version } = signed;
  return { bytes, listed: { version, length: bytes.length, sha256: await sha256Hex(bytes) } };
}

/** False when the bucket has another file under the number. */
async function putNumbered(
  { BUNDLES }: Bindings,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    await putOnce(BUNDLES, jsonObject(`tuf/${name}`, bytes, "immutable"));
    return true;
  } catch (error) {
    if (error instanceof RbsmError && error.code === "conflict_exists") return false;
    throw error;
  }
}

/** TUF's times have no fractions of a second. */
function inSeconds(now: Date, lifetimeMs: number): Date {
  return new Date(Math.floor((now.getTime() + lifetimeMs) / 1_000) * 1_000);
}
