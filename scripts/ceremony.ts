/**
 * The trust ceremony: makes the offline root and targets of a marketplace and the secrets of its
 * Worker. Run it on a machine without a network, give each signer one of the offline keys, and carry
 * the rest to where `npm run deploy` runs: `node scripts/ceremony.ts --out DIR`
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { base64url, sha256Hex, signingKeyFromSeed, utf8 } from "@rising-bsm/protocol";
import type { ServiceKeys, SigningKey } from "@rising-bsm/protocol";
import { createRoot, createTargets } from "../workers/trust/ceremony-metadata.ts";
import { signMetadata } from "../workers/trust/tuf-metadata.ts";

/** One ceremony a year, with a month to be late. */
const OFFLINE_LIFETIME_MS = 396 * 86_400_000;

/** Name of the log, as the Worker's variable `LOG_ORIGIN` has it. */
const LOG_ORIGIN = "rising-bsm.com/log";

/** One signer's key; the seed never belongs on a machine that serves anything. */
export interface OfflineKey {
  readonly keyId: string;
  readonly publicKey: string;
  readonly seed: string;
}

/** Names of the Worker's secrets, as `wrangler secret bulk` takes them. */
export type WorkerSecrets = Record<
  | "ADMIN_TOKEN"
  | "RELEASE_KEY"
  | "LEASE_KEY"
  | "SNAPSHOT_KEY"
  | "TIMESTAMP_KEY"
  | "CATALOG_KEY"
  | "LOG_KEY"
  | "DOWNLOAD_KEY"
  | "CURSOR_KEY",
  string
>;

export interface Trust {
  /** Bytes of root.json, which every host is given. */
  readonly root: Uint8Array<ArrayBuffer>;
  readonly targets: Uint8Array<ArrayBuffer>;
  readonly serviceKeys: Uint8Array<ArrayBuffer>;
  readonly offlineKeys: readonly OfflineKey[];
  readonly secrets: WorkerSecrets;
}

export interface Ceremony {
  readonly now: Date;
  readonly signers?: number;
  readonly threshold?: number;
  /** Source of randomness; the platform's when absent. */
  readonly random?: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
}

/** Makes everything in memory; nothing is written and nothing is sent. */
export async function createTrust(ceremony: Ceremony): Promise<Trust> {
  const {
    now,
    signers = 3,
    threshold = 2,
    random = (bytes) => crypto.getRandomValues(bytes),
  } = ceremony;
  const seed = () => base64url(random(new Uint8Array(32)));
  const offlineSeeds = Array.from({ length: signers }, seed);
  const secrets = {
    ADMIN_TOKEN: seed(),
    RELEASE_KEY: seed(),
    LEASE_KEY: seed(),
    SNAPSHOT_KEY: seed(),
    TIMESTAMP_KEY: seed(),
    CATALOG_KEY: seed(),
    LOG_KEY: seed(),
    DOWNLOAD_KEY: seed(),
    CURSOR_KEY: seed(),
  };
  const offline = await Promise.all(offlineSeeds.map(keyFrom));
  const expires = new Date(now.getTime() + OFFLINE_LIFETIME_MS);
  const root = await createRoot({
    expires,
    threshold,
    offline: offline.map((key) => key.publicKey),
    snapshot: (await keyFrom(secrets.SNAPSHOT_KEY)).publicKey,
    timestamp: (await keyFrom(secrets.TIMESTAMP_KEY)).publicKey,
  });
  const serviceKeys = await encodeServiceKeys(secrets, now);
  const targets = createTargets({
    expires,
    serviceKeys: { length: serviceKeys.length, sha256: await sha256Hex(serviceKeys) },
  });
  return {
    root: await signMetadata(root, offline),
    targets: await signMetadata(targets, offline),
    serviceKeys,
    offlineKeys: offline.map((key, i) => describeKey(key, offlineSeeds[i] ?? "")),
    secrets,
  };
}

function keyFrom(seed: string): Promise<SigningKey> {
  return signingKeyFromSeed(Buffer.from(seed, "base64url"));
}

function describeKey(key: SigningKey, seed: string): OfflineKey {
  return { keyId: key.keyId, publicKey: base64url(key.publicKey), seed };
}

async function encodeServiceKeys(
  secrets: WorkerSecrets,
  now: Date,
): Promise<Uint8Array<ArrayBuffer>> {
  const [release, lease, log] = await Promise.all([
    keyFrom(secrets.RELEASE_KEY),
    keyFrom(secrets.LEASE_KEY),
    keyFrom(secrets.LOG_KEY),
  ]);
  const from = now.toISOString();
  const serviceKeys: ServiceKeys = {
    release: [{ keyId: release.keyId, publicKey: base64url(release.publicKey), from }],
    lease: [{ kid: lease.keyId, publicKey: base64url(lease.publicKey), from }],
    log: [{ origin: LOG_ORIGIN, publicKey: base64url(log.publicKey), from }],
  };
  return utf8(`${JSON.stringify(serviceKeys, null, 2)}\n`);
}

/** Files that only their owner may read; an existing ceremony is never overwritten. */
async function writeTrust(dir: string, trust: Trust): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const write = (name: string, content: Uint8Array | string) =>
    writeFile(join(dir, name), content, { mode: 0o600, flag: "wx" });
  await write("root.json", trust.root);
  await write("targets.json", trust.targets);
  await write("service-keys.json", trust.serviceKeys);
  for (const [i, key] of trust.offlineKeys.entries()) {
    await write(`offline-key-${i + 1}.json`, `${JSON.stringify(key, null, 2)}\n`);
  }
  await write("secrets.json", `${JSON.stringify(trust.secrets, null, 2)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  if (values.out === undefined) {
    console.error("Usage: node scripts/ceremony.ts --out DIR");
    process.exit(2);
  }
  await writeTrust(resolve(values.out), await createTrust({ now: new Date() }));
  console.log(`Written to ${resolve(values.out)}
  root.json            give it to every host
  targets.json, service-keys.json, secrets.json
                       npm run deploy -- --trust ${values.out}
  offline-key-*.json   one for each signer, then delete them here`);
}
