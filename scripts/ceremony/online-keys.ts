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
  | "CURSOR_KEY";

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
  };
}

export function createSeed(random: Random): string {
  return base64url(random(new Uint8Array(32)));
}

export function keyOfSeed(seed: string): Promise<SigningKey> {
  return signingKeyFromSeed(fromBase64url(seed));
}

/** service-keys.json of a new marketplace. */
export async function firstServiceKeys(
  secrets: WorkerSecrets,
  { origin, from }: { readonly origin: string; readonly from: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const [release, lease, log] = await Promise.all(
    [secrets.RELEASE_KEY, secrets.LEASE_KEY, secrets.LOG_KEY].map(keyOfSeed),
  );
  return encodeServiceKeys({
    release: release === undefined ? [] : [releaseEntry(release, from)],
    lease: lease === undefined ? [] : [leaseEntry(lease, from)],
    log: log === undefined ? [] : [{ origin, publicKey: base64url(log.publicKey), from }],
  });
}

export function readServiceKeys(bytes: Uint8Array): ServiceKeys {
  return parseAs(bytes, serviceKeysSchema, "service-keys.json is not a list of service keys");
}

export function encodeServiceKeys(keys: ServiceKeys): Uint8Array<ArrayBuffer> {
  return encodeJson(serviceKeysSchema.parse(keys));
}

export function releaseEntry(key: SigningKey, from: string): ServiceKeys["release"][number] {
  return { keyId: key.keyId, publicKey: base64url(key.publicKey), from };
}

export function leaseEntry(key: SigningKey, from: string): ServiceKeys["lease"][number] {
  return { kid: key.keyId, publicKey: base64url(key.publicKey), from };
}
