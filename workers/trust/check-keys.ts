import {
  CATALOG_PATHS,
  CATALOG_ROLE,
  RbsmError,
  SERVICE_KEYS_TARGET,
  TRUST_LIMITS,
  base64url,
  hex,
  parseJson,
  serviceKeysSchema,
} from "@rising-bsm/protocol";
import type { ServiceKeys } from "@rising-bsm/protocol";
import type { Root, Targets } from "@tufjs/models";
import { tufKeyId } from "./tuf-metadata.ts";

/** Public halves of the Worker's own keys. */
export interface OnlineKeys {
  readonly release: Uint8Array;
  readonly lease: Uint8Array;
  readonly log: Uint8Array;
  readonly logOrigin: string;
  readonly snapshot: Uint8Array;
  readonly timestamp: Uint8Array;
  readonly catalog: Uint8Array;
}

/** The Worker signs alone, and during a change of its key beside one other. */
const KEYS_OF_AN_ONLINE_ROLE = 2;

interface OnlineRoleEntry {
  readonly name: string;
  readonly keyIds: readonly string[];
  readonly threshold: number;
  readonly keys: Root["keys"];
}

/** Root names this Worker's snapshot and timestamp keys, under consistent snapshots. */
export async function assertOnlineRoles(root: Root, keys: OnlineKeys): Promise<void> {
  if (!root.consistentSnapshot) throw invalid("The root does not ask for consistent snapshots");
  for (const name of ["snapshot", "timestamp"] as const) {
    const { keyIDs: keyIds = [], threshold = 0 } = root.roles[name] ?? {};
    await assertOwnKey({ name, keyIds, threshold, keys: root.keys }, keys[name]);
  }
}

/** Targets delegate the catalogue, and nothing else, to this Worker's key. */
export async function assertDelegation(targets: Targets, catalogKey: Uint8Array): Promise<void> {
  const { keys = {}, roles = {} } = targets.delegations ?? {};
  const role = roles[CATALOG_ROLE];
  const paths = role?.paths ?? [];
  const isOnlyOne = Object.keys(roles).length === 1 && role?.terminating === true;
  if (!isOnlyOne || JSON.stringify(paths) !== JSON.stringify(CATALOG_PATHS)) {
    throw invalid(
      `The targets metadata has to delegate ${CATALOG_PATHS.join()} to "${CATALOG_ROLE}" alone`,
    );
  }
  const { keyIDs: keyIds, threshold } = role;
  await assertOwnKey({ name: CATALOG_ROLE, keyIds, threshold, keys }, catalogKey);
}

async function assertOwnKey(role: OnlineRoleEntry, publicKey: Uint8Array): Promise<void> {
  const { name, keyIds, threshold, keys } = role;
  const id = await tufKeyId(publicKey);
  const isNamed = keyIds.includes(id) && keys[id]?.keyVal["public"] === hex(publicKey);
  if (!isNamed) throw invalid(`The ceremony does not name this Worker's ${name} key`);
  if (threshold !== 1 || keyIds.length > KEYS_OF_AN_ONLINE_ROLE) {
    throw invalid(`The role ${name} has to be signed by one key, of at most two`);
  }
}

/** The list has this Worker's release, lease and log key, each still good. */
export function assertServiceKeys(bytes: Uint8Array, keys: OnlineKeys, now: Date): void {
  const { release, lease, log } = readServiceKeys(bytes);
  const lists = {
    release: release.filter(({ untilIndex }) => untilIndex === undefined),
    lease,
    log: log.filter(({ origin }) => origin === keys.logOrigin),
  };
  for (const use of ["release", "lease", "log"] as const) {
    const own = base64url(keys[use]);
    const isListed = lists[use].some(
      ({ publicKey, until }) =>
        publicKey === own && (until === undefined || Date.parse(until) > now.getTime()),
    );
    if (!isListed) throw invalid(`"${SERVICE_KEYS_TARGET}" does not list this Worker's ${use} key`);
  }
}

function readServiceKeys(bytes: Uint8Array): ServiceKeys {
  const limits = { maxBytes: TRUST_LIMITS.envelopeBytes, code: "trust_metadata_invalid" as const };
  const parsed = serviceKeysSchema.safeParse(parseJson(bytes, limits));
  if (!parsed.success) throw invalid(`"${SERVICE_KEYS_TARGET}" is not a list of service keys`);
  return parsed.data;
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_metadata_invalid", message);
}
