import { env } from "cloudflare:workers";
import { base64, base64url, sha256Hex, signingKeyFromSeed, utf8 } from "@rising-bsm/protocol";
import type { Revocation, SigningKey, TrustRequest } from "@rising-bsm/protocol";
import { signingKey } from "../env.ts";
import { send } from "../testing.ts";
import { createRoot, createTargets, nextRoot, nextTargets } from "./ceremony-metadata.ts";
import type { RootKeys } from "./ceremony-metadata.ts";
import { signMetadata } from "./tuf-metadata.ts";

const YEAR_MS = 365 * 86_400_000;

export const offlineSigners: readonly SigningKey[] = await Promise.all(
  [101, 102, 103, 104].map((byte) => signingKeyFromSeed(new Uint8Array(32).fill(byte))),
);
const publicKeys = (keys: readonly SigningKey[]) => keys.map((key) => key.publicKey);

type KeyName = Parameters<typeof signingKey>[1];
const own = async (name: KeyName) => (await signingKey(env, name)).publicKey;

export interface CeremonyOptions {
  readonly expires?: Date;
  readonly rootVersion?: number;
  readonly targetsVersion?: number;
  /** Who signs; all three when absent. */
  readonly signers?: readonly SigningKey[];
  readonly root?: Partial<RootKeys>;
  readonly catalog?: readonly Uint8Array[];
  readonly revocations?: readonly Revocation[];
  /** Members of the service keys instead of the Worker's own. */
  readonly serviceKeys?: Readonly<Record<string, unknown>>;
}

/** What a ceremony makes for the secrets of the tests; each root is signed by the three first signers. */
export async function sampleCeremony(options: CeremonyOptions = {}): Promise<TrustRequest> {
  const { expires = new Date(Date.now() + YEAR_MS), rootVersion = 1, targetsVersion = 1 } = options;
  const signers = options.signers ?? offlineSigners.slice(0, 3);
  const keys = {
    expires,
    threshold: 2,
    offline: publicKeys(offlineSigners.slice(0, 3)),
    snapshot: [await own("SNAPSHOT_KEY")],
    timestamp: [await own("TIMESTAMP_KEY")],
    ...options.root,
  };
  let root = await createRoot(keys);
  while (root.version < rootVersion) root = await nextRoot(root, { expires });
  const files = {
    serviceKeys: await serviceKeys(options.serviceKeys),
    policy: json({ type: "https://rising-bsm.com/policy/v1", publisherKeys: [] }),
    revocations: json({
      type: "https://rising-bsm.com/revocations/v1",
      entries: options.revocations ?? [],
    }),
  };
  const catalog = options.catalog ?? [await own("CATALOG_KEY")];
  let targets = await createTargets({ expires, files, catalog });
  while (targets.version < targetsVersion) targets = await nextTargets(targets, { expires });
  return {
    root: base64(await signMetadata(root, signers)),
    targets: base64(await signMetadata(targets, signers)),
    serviceKeys: base64(files.serviceKeys),
    policy: base64(files.policy),
    revocations: base64(files.revocations),
  };
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(value));
}

async function serviceKeys(changes: CeremonyOptions["serviceKeys"]) {
  const from = "2026-01-01T00:00:00Z";
  const release = await own("RELEASE_KEY");
  const lease = base64url(await own("LEASE_KEY"));
  const log = base64url(await own("LOG_KEY"));
  return json({
    release: [{ keyId: await sha256Hex(release), publicKey: base64url(release), from }],
    lease: [{ kid: "1", publicKey: lease, from }],
    log: [{ origin: env.LOG_ORIGIN, publicKey: log, from }],
    ...changes,
  });
}

/** Sends the files of a ceremony as the administrator does. */
export function uploadTrust(body: object, bindings = env): Promise<Response> {
  return send("PUT", "/v1/trust", { body, bindings });
}
