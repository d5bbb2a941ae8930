import {
  CATALOG_PATHS,
  CATALOG_ROLE,
  POLICY_TARGET,
  REVOCATIONS_TARGET,
  SERVICE_KEYS_TARGET,
  fromHex,
  sha256Hex,
} from "@rising-bsm/protocol";
import { Root, Targets } from "@tufjs/models";
import { commonFields, tufKey } from "./tuf-metadata.ts";

/**
 * Public keys of each role; root and targets have the same signers. An online role has one key, and two
 * while one takes the place of the other: each of them signs alone.
 */
export interface RootKeys {
  readonly threshold: number;
  readonly offline: readonly Uint8Array[];
  readonly snapshot: readonly Uint8Array[];
  readonly timestamp: readonly Uint8Array[];
}

/** Contents of the targets that the offline role signs itself. */
export interface OfflineFiles {
  readonly serviceKeys: Uint8Array;
  readonly policy: Uint8Array;
  readonly revocations: Uint8Array;
}

const TARGET_NAMES: Record<keyof OfflineFiles, string> = {
  serviceKeys: SERVICE_KEYS_TARGET,
  policy: POLICY_TARGET,
  revocations: REVOCATIONS_TARGET,
};

type JsonObject = ReturnType<Root["toJSON"]>;

/** The first root, not signed yet. */
export function createRoot(options: RootKeys & { readonly expires: Date }): Promise<Root> {
  return buildRoot(1, options);
}

/** The root after this one, not signed yet; keys that are not given stay. */
export function nextRoot(
  previous: Root,
  changes: Partial<RootKeys> & { readonly expires: Date },
): Promise<Root> {
  return buildRoot(previous.version + 1, { ...rootKeys(previous), ...changes });
}

/** The keys that a root names. */
export function rootKeys({ keys, roles }: Root): RootKeys {
  const publicKeys = (role: string) =>
    (roles[role]?.keyIDs ?? []).map((id) => fromHex(keys[id]?.keyVal["public"] ?? ""));
  return {
    threshold: roles["root"]?.threshold ?? 1,
    offline: publicKeys("root"),
    snapshot: publicKeys("snapshot"),
    timestamp: publicKeys("timestamp"),
  };
}

async function buildRoot(
  number: number,
  options: RootKeys & { readonly expires: Date },
): Promise<Root> {
  const { version, specVersion, expires } = commonFields(number, options.expires);
  const [offline, snapshot, timestamp] = await Promise.all([
    tufKeys(options.offline),
    tufKeys(options.snapshot),
    tufKeys(options.timestamp),
  ]);
  const role = (keys: JsonObject, threshold: number) => ({ keyids: Object.keys(keys), threshold });
  return Root.fromJSON({
    version,
    spec_version: specVersion,
    expires,
    consistent_snapshot: true,
    keys: { ...offline, ...snapshot, ...timestamp },
    roles: {
      root: role(offline, options.threshold),
      targets: role(offline, options.threshold),
      snapshot: role(snapshot, 1),
      timestamp: role(timestamp, 1),
    },
  });
}

/** The first targets, not signed yet: three files, and the role `catalog` for the rest. */
export async function createTargets(options: {
  readonly expires: Date;
  readonly files: OfflineFiles;
  /** Keys of the role `catalog`: one, or two during a change. */
  readonly catalog: readonly Uint8Array[];
}): Promise<Targets> {
  const { expires, files, catalog } = options;
  return buildTargets(1, {
    expires,
    targets: await listFiles(files),
    delegations: await delegateCatalog(catalog),
  });
}

/** The targets after these, not signed yet; files and keys that are not given stay. */
export async function nextTargets(
  previous: Targets,
  changes: {
    readonly expires: Date;
    readonly files?: Partial<OfflineFiles>;
    readonly catalog?: readonly Uint8Array[];
  },
): Promise<Targets> {
  const { expires, files = {}, catalog } = changes;
  const before = Object.entries(previous.targets).map(([name, file]) => [name, file.toJSON()]);
  const delegations =
    catalog === undefined ? previous.delegations?.toJSON() : await delegateCatalog(catalog);
  return buildTargets(previous.version + 1, {
    expires,
    targets: { ...Object.fromEntries(before), ...(await listFiles(files)) },
    delegations,
  });
}

function buildTargets(
  number: number,
  parts: { expires: Date; targets: JsonObject; delegations: JsonObject | undefined },
): Targets {
  const { version, specVersion, expires } = commonFields(number, parts.expires);
  const { targets, delegations } = parts;
  const common = { version, spec_version: specVersion, expires, targets };
  return Targets.fromJSON(delegations === undefined ? common : { ...common, delegations });
}

async function listFiles(files: Partial<OfflineFiles>): Promise<JsonObject> {
  const targets: JsonObject = {};
  for (const name of ["serviceKeys", "policy", "revocations"] as const) {
    const bytes = files[name];
    if (bytes === undefined) continue;
    const hashes = { sha256: await sha256Hex(bytes) };
    targets[TARGET_NAMES[name]] = { length: bytes.length, hashes };
  }
  return targets;
}

async function delegateCatalog(catalog: readonly Uint8Array[]): Promise<JsonObject> {
  const keys = await tufKeys(catalog);
  const role = {
    name: CATALOG_ROLE,
    keyids: Object.keys(keys),
    threshold: 1,
    terminating: true,
    paths: [...CATALOG_PATHS],
  };
  return { keys, roles: [role] };
}

async function tufKeys(publicKeys: readonly Uint8Array[]): Promise<JsonObject> {
  const keys = await Promise.all(publicKeys.map(tufKey));
  return Object.fromEntries(keys.map((key) => [key.keyID, key.toJSON()]));
}
