import { Root, TargetFile, Targets } from "@tufjs/models";
import { SERVICE_KEYS_TARGET } from "./check-trust.ts";
import { commonFields, tufKey } from "./tuf-metadata.ts";

/** Public keys of each role; root and targets have the same signers. */
export interface RootKeys {
  readonly expires: Date;
  readonly threshold: number;
  readonly offline: readonly Uint8Array[];
  readonly snapshot: Uint8Array;
  readonly timestamp: Uint8Array;
}

/** The first root, not signed yet. */
export async function createRoot(keys: RootKeys): Promise<Root> {
  const { version, specVersion, expires } = commonFields(1, keys.expires);
  const offline = await Promise.all(keys.offline.map(tufKey));
  const snapshot = await tufKey(keys.snapshot);
  const timestamp = await tufKey(keys.timestamp);
  const signers = { keyids: offline.map((key) => key.keyID), threshold: keys.threshold };
  return Root.fromJSON({
    version,
    spec_version: specVersion,
    expires,
    consistent_snapshot: true,
    keys: Object.fromEntries(
      [...offline, snapshot, timestamp].map((key) => [key.keyID, key.toJSON()]),
    ),
    roles: {
      root: signers,
      targets: signers,
      snapshot: { keyids: [snapshot.keyID], threshold: 1 },
      timestamp: { keyids: [timestamp.keyID], threshold: 1 },
    },
  });
}

/** The first targets, not signed yet: the list of the service's keys. */
export function createTargets(options: {
  readonly expires: Date;
  readonly serviceKeys: { readonly length: number; readonly sha256: string };
}): Targets {
  const { length, sha256 } = options.serviceKeys;
  return new Targets({
    ...commonFields(1, options.expires),
    targets: {
      [SERVICE_KEYS_TARGET]: new TargetFile({
        path: SERVICE_KEYS_TARGET,
        length,
        hashes: { sha256 },
      }),
    },
  });
}
