import {
  base64url,
  fromBase64url,
  serviceKeysSchema,
  signingKeyFromSeed,
} from "@rising-bsm/protocol";
import type { ServiceKeys, SigningKey } from "@rising-bsm/protocol";
import { encodeJson, parseAs } from "./files.ts";

/** Fills an array with randomness; the platform's except in tests. */
export type Random = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

export const platformRandom: Random = (bytes) => crypto.getRandomValues(bytes);

/** Online keys that a ceremony vouches for, and the secret that each of them is in the Worker. */
export const ONLINE_KEYS = {
  snapshot: "SNAPSHOT_KEY",
  timestamp: "TIMESTAMP_KEY",
  catalog: "CATALOG_KEY",
  release: "RELEASE_KEY",
  lease: "LEASE_KEY",
  log: "LOG_KEY",
} as const;

export type OnlineKey = keyof typeof ONLINE_KEYS;

/** Names of the Worker's secrets, as `wrangler secret bulk` takes them. */
export type SecretName =
  | (typeof ONLINE_KEYS)[OnlineKey]
  | "ADMIN_TOKEN"
  | "DOWNLOAD_KEY"
  | "CURSOR_KEY"
  | "ISSUE_KEY";

export type WorkerSecrets = Record<SecretName, string>;

/** Every secret of a new Worker. */
export function createSecrets(random: Random): WorkerSecrets {
  return {
    ADMIN_TOKEN: createSeed(random),
    RELEASE_KEY: createSeed(random),
    LEASE_KEY: createSeed(random),
    SNAPSHOT_KEY: createSeed(random),
    TIMESTAMP_KEY: createSeed(random),
    CATALOG_KEY: createSeed(random),
    LOG_KEY: createSeed(random),
    DOWNLOAD_KEY: createSeed(random),
    CURSOR_KEY: createSeed(random),
    ISSUE_KEY: createSeed(random),
  };
}

export function createSeed(random: Random): string {
  return base64url(random(new Uint8Array(32)));
}

export function keyOfSeed(seed: string): Promise<SigningKey> {
  return signingKeyFromSeed(fromBase64url(seed));
}

/** Keys count from a day ago: the clock of a machine without a network may be ahead. */
function startOf(now: Date): string {
  return new Date(now.getTime() - DAY_MS).toISOString();
}

const DAY_MS = 86_400_000;
/** A key that is replaced in peace counts beside the new one for this long. */
const OVERLAP_MS = 30 * DAY_MS;

/** service-keys.json of a new marketplace. */
export async function firstServiceKeys(
  secrets: WorkerSecrets,
  { origin, now }: { readonly origin: string; readonly now: Date },
): Promise<Uint8Array<ArrayBuffer>> {
  const keys = new Map<OnlineKey, SigningKey>();
  for (const name of ["release", "lease", "log"] as const) {
    keys.set(name, await keyOfSeed(secrets[ONLINE_KEYS[name]]));
  }
  const none = { release: [], lease: [], log: [] };
  const rotation = { now, isPlanned: true, untilIndex: null, origin };
  return encodeServiceKeys(nextServiceKeys(none, keys, rotation));
}

/** How an online key takes the place of another. */
export interface Rotation {
  readonly now: Date;
  /** The old key was not stolen. */
  readonly isPlanned: boolean;
  /** First place in the log that a stolen release key did not rightly sign. */
  readonly untilIndex: number | null;
  /** Name of the new log; a log key is not replaced without one. */
  readonly origin: string | null;
}

/** The service keys with these new ones; each ends the older ones of its kind. */
export function nextServiceKeys(
  before: ServiceKeys,
  keys: ReadonlyMap<OnlineKey, SigningKey>,
  rotation: Rotation,
): ServiceKeys {
  const from = startOf(rotation.now);
  const [release, lease, log] = [keys.get("release"), keys.get("lease"), keys.get("log")];
  const next = { ...before };
  if (release !== undefined) {
    const ended = before.release.map((key) => endRelease(key, rotation));
    next.release = [...ended, { keyId: release.keyId, ...window(release, from) }];
  }
  if (lease !== undefined) {
    // Leases say themselves when they were issued: a stolen key's cannot be told from honest ones.
    const ended = rotation.isPlanned ? before.lease.map((key) => endPlanned(key, rotation)) : [];
    next.lease = [...ended, { kid: lease.keyId, ...window(lease, from) }];
  }
  if (log !== undefined && rotation.origin !== null) {
    next.log = [...before.log, { origin: rotation.origin, ...window(log, from) }];
  }
  return next;
}

function window({ publicKey }: SigningKey, from: string) {
  return { publicKey: base64url(publicKey), from };
}

/** A thief chooses the date in a statement, but not its place in the log. */
function endRelease(
  key: ServiceKeys["release"][number],
  rotation: Rotation,
): ServiceKeys["release"][number] {
  if (rotation.untilIndex === null) return endPlanned(key, rotation);
  return { ...key, untilIndex: Math.min(key.untilIndex ?? Infinity, rotation.untilIndex) };
}

function endPlanned<T extends { readonly until?: string | undefined }>(
  key: T,
  { now }: Rotation,
): T {
  const until = new Date(now.getTime() + OVERLAP_MS).toISOString();
  return { ...key, until: key.until ?? until };
}

export function readServiceKeys(bytes: Uint8Array): ServiceKeys {
  return parseAs(bytes, serviceKeysSchema, "service-keys.json is not a list of service keys");
}

export function encodeServiceKeys(keys: ServiceKeys): Uint8Array<ArrayBuffer> {
  return encodeJson(serviceKeysSchema.parse(keys));
}
