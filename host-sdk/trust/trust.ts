import { join } from "node:path";
import {
  CATALOG_ROLE,
  CLIENT_LIMITS,
  fromBase64url,
  parseJson,
  RbsmError,
  type ServiceKeys,
  sha256Hex,
  utf8,
} from "@rising-bsm/protocol";
import type { TrustedMetadataStore } from "tuf-js/dist/store.js";
import { z } from "zod";
import type { Marketplace } from "../client/marketplace.ts";
import { readFileIfPresent, writeFileDurably } from "../disk/durable-file.ts";
import { type Catalogue, listedDigests, readListing } from "./catalogue.ts";
import { metadataVersion, openMetadataFolder, type Reach } from "./metadata-folder.ts";
import { HEADS_LIFETIME_MS } from "./stale.ts";
import { openTargetFolder, type TargetFolder } from "./target-folder.ts";
import { createStoredTrustReader, type StoredTrust, type VerifiedTrust } from "./verified.ts";
import { rootInvalid, walkMetadata } from "./walk-metadata.ts";

export type { Catalogue } from "./catalogue.ts";
export type { VerifiedTrust } from "./verified.ts";

/** The host's view of the marketplace. Expiry gates installing and updating, never running. */
export interface Trust {
  /**
   * Everything that is new, for an installation. With `acceptStale` what has expired is accepted when
   * all else verifies, and without a marketplace what is on disk. Throws `trust_*` and `network_*`.
   */
  refresh(options?: { acceptStale?: boolean | undefined }): Promise<Catalogue>;
  /**
   * The update check: one conditional request when nothing was signed since. `changed` says whether
   * other files are listed than at the last refresh. Throws `trust_*` and `network_*`.
   */
  check(): Promise<{ changed: boolean; catalogue: Catalogue }>;
  /** The last verified copy without asking anybody; null before the first refresh. */
  verified(): Promise<VerifiedTrust | null>;
  /**
   * The same trust for files that were carried here: `refresh` reads them and keeps what it verifies.
   * Older metadata than is known counts as no news.
   */
  over(carried: Marketplace): Pick<Trust, "refresh">;
}

/** Where the trust state lives, what it starts from, and the clock. */
export interface TrustOptions {
  readonly dataDir: string;
  /** Bytes of the TUF root.json this host was given. */
  readonly root: Uint8Array;
  readonly marketplace: Marketplace;
  readonly now: () => Date;
}

/** A newer root is looked for at least this often. */
const ROOTS_EVERY_MS = 86_400_000;

const rootVersionSchema = z.object({
  signed: z.object({ _type: z.literal("root"), version: z.int().positive() }),
});

/** Opens the trust state under `dataDir`; throws `trust_root_invalid` when it does not descend from `root`. */
export async function openTrust(options: TrustOptions): Promise<Trust> {
  const { dataDir, marketplace } = options;
  const anchor = Buffer.from(options.root);
  const version = readVersion(anchor);
  const metadata = await openMetadataFolder(dataDir);
  const known = await metadata.stored(`${version}.root`);
  if (known !== null && (await sha256Hex(known)) !== (await sha256Hex(anchor))) {
    throw rootInvalid("The data directory was set up with another trust root of the same version");
  }
  if (known === null) await metadata.keep(`${version}.root`, anchor);
  const targets = await openTargetFolder(dataDir, marketplace);
  const file = join(dataDir, "trust", "verified.json");
  const read = createStoredTrustReader();
  const parts: Parts = { ...options, anchor, metadata, targets, file, read };
  let last: Promise<unknown> = Promise.resolve();
  // One at a time: each holds what it finds against what the one before has stored.
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work).catch((error: unknown) => {
      throw refusalOf(error, dataDir);
    });
    last = done.catch(() => undefined);
    return done;
  };
  const refresh = (from: Parts, { acceptStale = false } = {}) =>
    acceptStale ? refreshStale(from) : readAll(from);
  return {
    verified: () => readVerified(parts, alone),
    refresh: (options) => alone(() => refresh(parts, options)),
    check: () => alone(() => checkOnce(parts)),
    over: (carried) => ({
      refresh: (options) => alone(async () => refresh(await partsOver(parts, carried), options)),
    }),
  };
}

async function partsOver(parts: Parts, carried: Marketplace): Promise<Parts> {
  const known = metadataVersion(await parts.metadata.stored("timestamp"));
  const marketplace: Marketplace = {
    ...carried,
    async getIfChanged(order) {
      const answer = await carried.getIfChanged(order);
      const isOlder = metadataVersion(answer?.bytes ?? null) < known;
      return isOlder ? null : answer;
    },
  };
  return { ...parts, marketplace, targets: await openTargetFolder(parts.dataDir, marketplace) };
}

function refusalOf(error: unknown, dataDir: string): RbsmError {
  if (error instanceof RbsmError) return error;
  const fix = `Check that this process may read and write ${dataDir}.`;
  return new RbsmError(
    "internal",
    `The trust state cannot be used: ${String(error)}`,
    { fix },
    error,
  );
}

interface Parts extends TrustOptions {
  readonly anchor: Buffer;
  readonly metadata: Awaited<ReturnType<typeof openMetadataFolder>>;
  readonly targets: TargetFolder;
  readonly file: string;
  readonly read: ReturnType<typeof createStoredTrustReader>;
}

function readVersion(bytes: Uint8Array): number {
  const value = parseJson(bytes, { maxBytes: CLIENT_LIMITS.rootBytes, code: "trust_root_invalid" });
  const parsed = rootVersionSchema.safeParse(value);
  if (parsed.success) return parsed.data.signed.version;
  throw rootInvalid("The trust root is not TUF root metadata");
}

async function readAll(parts: Parts): Promise<Catalogue> {
  return (await readOnce(parts, { reach: "all" })).catalogue;
}

/** At this time nothing had expired: signatures, thresholds, versions and digests decide alone. */
const BEFORE_ALL = new Date(0);
const NEVER = BEFORE_ALL.toISOString();

async function refreshStale(parts: Parts): Promise<Catalogue> {
  try {
    return await readAll(parts);
  } catch (error) {
    const { code } = error instanceof RbsmError ? error : { code: "" };
    const isAway = code === "unavailable" || code.startsWith("network_");
    if (!isAway && code !== "trust_metadata_expired") throw error;
    const reach = isAway ? "disk" : "all";
    const stale = readOnce(parts, { reach, acceptedAt: BEFORE_ALL });
    const { catalogue } = await stale.catch((refusal: unknown) => {
      throw isAway ? error : refusal;
    });
    return catalogue;
  }
}

async function checkOnce(parts: Parts): Promise<{ changed: boolean; catalogue: Catalogue }> {
  const stored = await readStored(parts);
  const sinceRoots = parts.now().getTime() - Date.parse(stored?.rootsAskedAt ?? "");
  // A clock that was set back asks too.
  const isFresh = sinceRoots >= 0 && sinceRoots < ROOTS_EVERY_MS;
  if (!isFresh) return readOnce(parts, { reach: "all" });
  try {
    return await readOnce(parts, { reach: "changes" });
  } catch (error) {
    if (!(error instanceof RbsmError) || !error.code.startsWith("trust_")) throw error;
    // Keys may have changed since the last look at the roots, or a file on disk is damaged.
    return readOnce(parts, { reach: "all" });
  }
}

/** A damaged or lost copy is made again from what else is on disk, without asking anybody. */
async function readVerified(
  parts: Parts,
  alone: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<VerifiedTrust | null> {
  try {
    const stored = parts.read(await readFileIfPresent(parts.file));
    if (stored !== null) return stored.trust;
    if ((await parts.metadata.stored("timestamp")) === null) return null;
    return await readDisk(parts, alone).catch(() => null);
  } catch (error) {
    return readDisk(parts, alone).catch(() => {
      throw error;
    });
  }
}

async function readDisk(
  parts: Parts,
  alone: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<VerifiedTrust> {
  const again = alone(() => readOnce(parts, { reach: "disk", acceptedAt: BEFORE_ALL }));
  const { document: _document, ...trust } = (await again).catalogue;
  return trust;
}

/** Damaged is as good as none here: a refresh writes it again, and `tuf` holds the versions too. */
async function readStored({ file, read }: Parts): Promise<StoredTrust | null> {
  try {
    return read(await readFileIfPresent(file));
  } catch (error) {
    if (error instanceof RbsmError) return null;
    throw error;
  }
}

interface Read {
  readonly reach: Reach;
  /** The administrator accepts what has expired: the time to judge by instead of now. */
  readonly acceptedAt?: Date;
}

async function readOnce(parts: Parts, { reach, acceptedAt }: Read) {
  const { marketplace, targets, anchor } = parts;
  const now = parts.now();
  const stored = await readStored(parts);
  const source = parts.metadata.sourceOf({ marketplace, reach, before: stored });
  const at = acceptedAt ?? now;
  const metadata = await walkMetadata({ anchor, source, at, role: CATALOG_ROLE });
  const { document, ...lists } = await readListing(metadata, targets);
  const signedAt = signingTime(metadata);
  const refreshedAt = acceptedAt === undefined ? now.toISOString() : stored?.trust.refreshedAt;
  const trust = { ...lists, refreshedAt: refreshedAt ?? signedAt, signedAt };
  const rootsAskedAt = reach === "all" ? now.toISOString() : stored?.rootsAskedAt;
  const next: StoredTrust = {
    trust,
    etag: source.etag(),
    heads: { timestamp: textOf(metadata.timestamp), snapshot: textOf(metadata.snapshot) },
    rootsAskedAt: rootsAskedAt ?? NEVER,
    listed: versionsOf(metadata),
  };
  await writeFileDurably(parts.file, utf8(JSON.stringify(next)));
  const changed = stored?.listed !== next.listed;
  if (changed) await targets.keepOnly(await listedDigests(metadata, targets));
  return { changed, catalogue: { ...trust, document } };
}

function signingTime({ timestamp }: TrustedMetadataStore): string {
  const expires = new Date(timestamp?.signed.expires ?? 0).getTime();
  return new Date(expires - HEADS_LIFETIME_MS).toISOString();
}

/** The library keeps what it has verified, not the bytes: written again, the signatures still hold. */
function textOf(metadata: { toJSON(): unknown } | undefined): string {
  return JSON.stringify(metadata?.toJSON() ?? null);
}

function versionsOf(metadata: TrustedMetadataStore): string {
  const versionOf = (role: string) => metadata.getRole(role)?.signed.version ?? 0;
  return `targets ${versionOf("targets")}, ${CATALOG_ROLE} ${versionOf(CATALOG_ROLE)}`;
}

/** Look-up of a release-signing key by its id, as `openRelease` takes it. */
export function releaseKeyOf(serviceKeys: ServiceKeys): (keyId: string) => Uint8Array | undefined {
  return (keyId) => {
    const entry = serviceKeys.release.find((key) => key.keyId === keyId);
    return entry === undefined ? undefined : fromBase64url(entry.publicKey);
  };
}
