import {
  CATALOG_ROLE,
  POLICY_TARGET,
  REVOCATIONS_TARGET,
  RbsmError,
  SERVICE_KEYS_TARGET,
  base64,
  fromBase64,
  sha256Hex,
  targetPath,
} from "@rising-bsm/protocol";
import type { LogEntry } from "@rising-bsm/protocol";
import { isRefusedBy } from "../database.ts";
import type { Database } from "../database.ts";
import { settings, signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import { storedSha256 } from "../objects.ts";
import type { AuditEntry, TrustRole } from "../schema.ts";
import type { OnlineKeys } from "./check-keys.ts";
import { checkTrust } from "./check-trust.ts";
import type { CheckedTrust, TrustFiles, TrustInForce } from "./check-trust.ts";
import { onlineSigners } from "./online-keys.ts";
import { loadInForce, storeTrust } from "./queries.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface AcceptedVersions {
  readonly rootVersion: number;
  readonly targetsVersion: number;
}

/**
 * Puts the files of a ceremony in force in the database, in one batch; hosts see them when the heads
 * have been advanced. The same files again change nothing.
 */
export async function acceptTrust(
  env: Bindings,
  db: Database,
  upload: {
    readonly files: TrustFiles;
    readonly now: Date;
    readonly audit: (versions: AcceptedVersions) => AuditEntry;
  },
): Promise<AcceptedVersions> {
  const { files, now } = upload;
  const inForce = readInForce(await loadInForce(db));
  const checked = await checkTrust(files, { keys: await onlineKeys(env), inForce, now });
  const versions = {
    rootVersion: checked.root.signed.version,
    targetsVersion: checked.targets.signed.version,
  };
  if (checked.newRoots.length === 0 && !checked.areTargetsNew) return versions;
  const stored = await nameFiles(files, checked);
  await assertFree(env.BUNDLES, stored);
  await storeTrust(db, {
    files: stored.map(({ key, bytes }) => ({ key, content: base64(bytes) })),
    roles: await rolesOf(files, checked),
    entries: await logEntries(files, checked, now),
    audit: upload.audit(versions),
  }).catch(throwConflict);
  return versions;
}

/** A newer upload has come between reading and writing: the trigger of the migration says so. */
function throwConflict(error: unknown): never {
  if (!isRefusedBy("trust_moved", error)) throw error;
  throw new RbsmError("conflict_state", "Newer files of a ceremony came into force meanwhile");
}

function readInForce(files: ReadonlyMap<string, string>): TrustInForce {
  const roots = new Map<number, Uint8Array>();
  let targets: Uint8Array | null = null;
  for (const [key, content] of files) {
    const root = /^tuf\/(\d+)\.root\.json$/.exec(key)?.[1];
    if (root === undefined) targets = fromBase64(content);
    else roots.set(Number(root), fromBase64(content));
  }
  return { roots, targets };
}

interface NamedFile {
  readonly key: string;
  readonly bytes: Bytes;
}

/** Everything that is new, under its key in the bucket. */
async function nameFiles(files: TrustFiles, checked: CheckedTrust): Promise<NamedFile[]> {
  const roots = checked.newRoots.map(({ version, bytes }) => ({
    key: `tuf/${version}.root.json`,
    bytes,
  }));
  if (!checked.areTargetsNew) return roots;
  const named = [
    [SERVICE_KEYS_TARGET, files.serviceKeys],
    [POLICY_TARGET, files.policy],
    [REVOCATIONS_TARGET, files.revocations],
  ] as const;
  const targets = await Promise.all(
    named.map(async ([name, bytes]) => ({
      key: targetPath(name, await sha256Hex(bytes)).slice(1),
      bytes,
    })),
  );
  const list = { key: `tuf/${checked.targets.signed.version}.targets.json`, bytes: files.targets };
  return [...roots, ...targets, list];
}

/** A restored database does not know what it has published: no number is given other bytes. */
async function assertFree(bucket: R2Bucket, files: readonly NamedFile[]): Promise<void> {
  for (const { key, bytes } of files) {
    const existing = await bucket.head(key);
    if (existing !== null && storedSha256(existing) !== (await sha256Hex(bytes))) {
      throw new RbsmError("conflict_exists", `"${key}" is published already with other bytes`);
    }
  }
}

/** Versions and online keys of root and targets; of one that is in force already, the same again. */
async function rolesOf(files: TrustFiles, checked: CheckedTrust): Promise<TrustRole[]> {
  const { root, targets } = checked;
  const idsIn = (roles: Readonly<Record<string, { readonly keyIDs: string[] }>>, role: string) =>
    roles[role]?.keyIDs ?? [];
  const { roles } = root.signed;
  const keyIds = {
    root: { snapshot: idsIn(roles, "snapshot"), timestamp: idsIn(roles, "timestamp") },
    targets: { catalog: idsIn(targets.signed.delegations?.roles ?? {}, CATALOG_ROLE) },
  };
  const rootBytes = files.roots.at(-1) ?? new Uint8Array();
  return [
    { role: "root", ...(await listed(rootBytes, root.signed)), keyIds: keyIds.root },
    { role: "targets", ...(await listed(files.targets, targets.signed)), keyIds: keyIds.targets },
  ];
}

async function listed(
  bytes: Bytes,
  { version, expires }: { readonly version: number; readonly expires: string },
): Promise<Omit<TrustRole, "role" | "keyIds">> {
  const sha256 = await sha256Hex(bytes);
  return { version, length: bytes.length, sha256, expiresAt: Date.parse(expires) };
}

async function logEntries(
  files: TrustFiles,
  { newRoots, areRevocationsNew }: CheckedTrust,
  now: Date,
): Promise<LogEntry[]> {
  const at = now.toISOString();
  const roots = await Promise.all(
    newRoots.map(async ({ version, bytes }) => {
      return { type: "root" as const, version, sha256: await sha256Hex(bytes), at };
    }),
  );
  const sha256 = await sha256Hex(files.revocations);
  return areRevocationsNew ? [...roots, { type: "revocations", sha256, at }] : roots;
}

async function onlineKeys(env: Bindings): Promise<OnlineKeys> {
  const { catalog, snapshot, timestamp } = await onlineSigners(env);
  const publicKey = async (name: Parameters<typeof signingKey>[1]) =>
    (await signingKey(env, name)).publicKey;
  return {
    release: await publicKey("RELEASE_KEY"),
    lease: await publicKey("LEASE_KEY"),
    log: await publicKey("LOG_KEY"),
    logOrigin: settings(env).LOG_ORIGIN,
    catalog: catalog.publicKey,
    snapshot: snapshot.publicKey,
    timestamp: timestamp.publicKey,
  };
}
