import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { EqualVersionError, ExpiredMetadataError } from "tuf-js/dist/error.js";
import { TrustedMetadataStore } from "tuf-js/dist/store.js";
import { z } from "zod";

/** The two heads as somebody stored them together. */
export interface StoredHeads {
  readonly timestamp: Buffer;
  readonly snapshot: Buffer | null;
}

/** Where a walk finds metadata, and who keeps what it has verified. */
export interface MetadataSource {
  /** A root this host has verified before; null when it has none of this version. */
  storedRoot(version: number): Promise<Buffer | null>;
  /** The marketplace's root of this version; null when there is none, or nobody is asked. */
  root(version: number): Promise<Buffer | null>;
  /** Heads verified before, newest first. */
  storedHeads(): Promise<readonly StoredHeads[]>;
  /** The marketplace's timestamp; null when it is the stored one, or nobody is asked. */
  timestamp(): Promise<Buffer | null>;
  /** A role's copy on disk, not verified; null when there is none. */
  stored(role: string): Promise<Buffer | null>;
  /** The marketplace's file of the role. */
  file(role: string, version: number, maxBytes: number): Promise<Buffer>;
  /** Keeps a file that was verified: `1.root`, `timestamp`, `snapshot`, `targets`, `catalog`. */
  keep(name: string, bytes: Buffer): Promise<void>;
}

/** What a walk starts from, and the time at which nothing may be expired. */
export interface Walk {
  readonly anchor: Buffer;
  readonly source: MetadataSource;
  readonly at: Date;
  /** The delegated role. */
  readonly role: string;
}

/**
 * Root → timestamp → snapshot → targets → the delegated role, in the order of the TUF specification
 * (§5.3 to §5.6). tuf-js checks each step: signatures, thresholds, versions, digests, expiry; here is
 * only where files come from and that they are kept. Its own `Updater` is not used because it writes in
 * place and tells causes apart by text. Throws `trust_root_invalid`, `trust_metadata_expired`,
 * `trust_metadata_invalid` and what the source throws.
 */
export async function walkMetadata(walk: Walk): Promise<TrustedMetadataStore> {
  const store = openStore(walk.anchor, walk.at);
  await walkRoots(store, walk);
  const snapshots = await walkTimestamp(store, walk);
  await walkListed(store, walk, { role: "snapshot", stored: snapshots });
  for (const role of ["targets", walk.role]) {
    const stored = await walk.source.stored(role);
    await walkListed(store, walk, { role, stored: stored === null ? [] : [stored] });
  }
  return store;
}

function openStore(root: Buffer, at: Date): TrustedMetadataStore {
  try {
    const store = new TrustedMetadataStore(root);
    // The library takes the machine's time; the host has its own clock, and an administrator's leave
    // to accept what has expired is a time at which nothing had.
    if (!Reflect.has(store, "referenceTime")) throw new Error("tuf-js keeps its time elsewhere");
    Reflect.set(store, "referenceTime", at);
    return store;
  } catch (error) {
    throw rootInvalid("The trust root does not verify", error);
  }
}

/** The refusal of a root, with what to do. */
export function rootInvalid(message: string, cause?: unknown): RbsmError {
  const fix = "Give the host the root.json of this marketplace, or use a fresh data directory.";
  return new RbsmError("trust_root_invalid", message, { fix }, cause);
}

async function walkRoots(store: TrustedMetadataStore, walk: Walk): Promise<void> {
  const { source } = walk;
  for (let steps = 0; ; steps++) {
    const version = store.root.signed.version + 1;
    const stored = await source.storedRoot(version);
    if (stored !== null && passes(() => store.updateRoot(stored))) continue;
    const bytes = await source.root(version);
    if (bytes === null && stored === null) return;
    if (bytes === null) {
      throw rootInvalid("The stored trust roots do not descend from the given root");
    }
    if (steps > CLIENT_LIMITS.roots) throw invalid(`more than ${CLIENT_LIMITS.roots} roots`);
    verify(store, walk, { role: "root", bytes });
    await source.keep(`${version}.root`, bytes);
  }
}

/** The snapshots that are left to protect from a rollback, once the timestamp is the current one. */
async function walkTimestamp(store: TrustedMetadataStore, walk: Walk): Promise<Buffer[]> {
  const snapshots: Buffer[] = [];
  for (const heads of await walk.source.storedHeads()) {
    // After a change of keys neither head counts, or a stolen key's high version would last (§5.3.11).
    if (!isSigned(store, heads)) continue;
    passes(() => store.updateTimestamp(heads.timestamp));
    if (heads.snapshot !== null) snapshots.push(heads.snapshot);
  }
  const bytes = await walk.source.timestamp();
  const isNew = bytes !== null && verify(store, walk, { role: "timestamp", bytes });
  if (isNew) await walk.source.keep("timestamp", bytes);
  return snapshots;
}

/** Whether today's keys signed both, whatever their versions and times. */
function isSigned({ root }: TrustedMetadataStore, { timestamp, snapshot }: StoredHeads): boolean {
  const judge = openStore(Buffer.from(JSON.stringify(root.toJSON())), new Date(0));
  passes(() => judge.updateTimestamp(timestamp));
  if (snapshot !== null) passes(() => judge.updateSnapshot(snapshot, true));
  return judge.timestamp !== undefined && (snapshot === null || judge.snapshot !== undefined);
}

/** A role whose version the file before it lists: the stored copy when it is that one. */
async function walkListed(
  store: TrustedMetadataStore,
  walk: Walk,
  { role, stored }: { readonly role: string; readonly stored: readonly Buffer[] },
): Promise<void> {
  for (const bytes of stored) if (passes(() => update(store, { role, bytes }, true))) return;
  const isSnapshot = role === "snapshot";
  const { timestamp, snapshot } = store;
  const meta = isSnapshot ? timestamp?.signed.snapshotMeta : snapshot?.signed.meta[`${role}.json`];
  if (meta === undefined) throw invalid(`${role}.json is not listed`);
  const cap = isSnapshot ? CLIENT_LIMITS.snapshotBytes : CLIENT_LIMITS.targetsBytes;
  const bytes = await walk.source.file(role, meta.version, Math.min(meta.length ?? cap, cap));
  verify(store, walk, { role, bytes });
  await walk.source.keep(role, bytes);
}

interface RoleFile {
  readonly role: string;
  readonly bytes: Buffer;
}

function update(store: TrustedMetadataStore, { role, bytes }: RoleFile, isStored = false): void {
  if (role === "root") store.updateRoot(bytes);
  else if (role === "timestamp") store.updateTimestamp(bytes);
  else if (role === "snapshot") store.updateSnapshot(bytes, isStored);
  else store.updateDelegatedTargets(bytes, role, role === "targets" ? "root" : "targets");
}

/** Whether the file is new; the version that is known already stays as it is. */
function verify(store: TrustedMetadataStore, { at }: Walk, file: RoleFile): boolean {
  try {
    update(store, file);
    return true;
  } catch (error) {
    if (error instanceof EqualVersionError) return false;
    if (error instanceof ExpiredMetadataError) {
      refuseExpired(store, at);
      throw expired(file.role, expiringSchema.parse(read(file.bytes)).signed.expires);
    }
    throw invalid(error instanceof Error ? error.message : String(error), error);
  }
}

/** A stored file that does not pass counts as absent; tuf-js still holds it against older ones. */
function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

const expiringSchema = z.object({ signed: z.object({ expires: z.string() }) });

function read(bytes: Buffer) {
  return JSON.parse(bytes.toString("utf8"));
}

function refuseExpired({ root, timestamp }: TrustedMetadataStore, at: Date): void {
  if (root.signed.isExpired(at)) throw expired("root", root.signed.expires);
  if (timestamp?.signed.isExpired(at) === true)
    throw expired("timestamp", timestamp.signed.expires);
}

function expired(role: string, expires: string): RbsmError {
  return new RbsmError(
    "trust_metadata_expired",
    `The marketplace's ${role} metadata expired at ${expires}. Installed plugins keep running; nothing is installed or updated until it is signed again.`,
    {
      role,
      expires,
      fix: "Try again when the marketplace has signed again, check the clock of this machine, or pass acceptStale to go on with what is there.",
    },
  );
}

function invalid(message: string, cause?: unknown): RbsmError {
  const text = `The trust metadata does not verify: ${message}`;
  return new RbsmError("trust_metadata_invalid", text, {}, cause);
}
