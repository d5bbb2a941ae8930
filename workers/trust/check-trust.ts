import {
  RbsmError,
  SERVICE_KEYS_TARGET,
  TRUST_LIMITS,
  base64url,
  parseJson,
  serviceKeysSchema,
  sha256Hex,
} from "@rising-bsm/protocol";
import type { ServiceKeys } from "@rising-bsm/protocol";
import { Metadata, MetadataKind } from "@tufjs/models";
import type { Root, Targets } from "@tufjs/models";
import { z } from "zod";
import { isSignedBy, tufKeyId } from "./tuf-metadata.ts";

export interface TrustFiles {
  readonly root: Uint8Array<ArrayBuffer>;
  readonly targets: Uint8Array<ArrayBuffer>;
  readonly serviceKeys: Uint8Array<ArrayBuffer>;
}

/** Public halves of the Worker's own keys. */
export interface OnlineKeys {
  readonly release: Uint8Array;
  readonly lease: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly timestamp: Uint8Array;
}

export interface CheckedTrust {
  readonly rootVersion: number;
  readonly targetsVersion: number;
  readonly serviceKeysSha256: string;
}

/**
 * Checks what a ceremony made before any host sees it: signed by enough of its own and the previous
 * root's keys, not expired, and made for the keys that this Worker holds.
 */
export async function checkTrust(
  files: TrustFiles,
  { keys, previousRoot, now }: { keys: OnlineKeys; previousRoot: Uint8Array | null; now: Date },
): Promise<CheckedTrust> {
  const root = readMetadata(files.root, "root");
  const targets = readMetadata(files.targets, "targets");
  await verifyDelegation(root, "root", root);
  await verifyDelegation(root, "targets", targets);
  if (previousRoot !== null) await assertSucceeds(readMetadata(previousRoot, "root"), root);
  assertCurrent(root, now);
  assertCurrent(targets, now);
  const serviceKeysSha256 = await assertListed(targets, files.serviceKeys);
  await assertOnlineRoles(root, keys);
  assertServiceKeys(readServiceKeys(files.serviceKeys), keys);
  return {
    rootVersion: root.signed.version,
    targetsVersion: targets.signed.version,
    serviceKeysSha256,
  };
}

const jsonObject = z.record(z.string(), z.json());

export function readMetadata(bytes: Uint8Array, kind: "root"): Metadata<Root>;
export function readMetadata(bytes: Uint8Array, kind: "targets"): Metadata<Targets>;
export function readMetadata(bytes: Uint8Array, kind: "root" | "targets") {
  const limits = { maxBytes: TRUST_LIMITS.envelopeBytes, code: "trust_metadata_invalid" as const };
  const json = jsonObject.parse(parseJson(bytes, limits));
  return describeFailure(`The ${kind} metadata is not valid`, () =>
    kind === "root"
      ? Metadata.fromJSON(MetadataKind.Root, json)
      : Metadata.fromJSON(MetadataKind.Targets, json),
  );
}

async function verifyDelegation(
  root: Metadata<Root>,
  role: string,
  by: Metadata<Root | Targets>,
): Promise<void> {
  if (await isSignedBy(root, role, by)) return;
  throw invalid(`The ${role} metadata is not signed by enough of its keys`);
}

async function assertSucceeds(previous: Metadata<Root>, root: Metadata<Root>): Promise<void> {
  if (root.signed.version === previous.signed.version && root.signed.equals(previous.signed))
    return;
  if (root.signed.version !== previous.signed.version + 1) {
    throw invalid(`The next root has to be version ${previous.signed.version + 1}`);
  }
  await verifyDelegation(previous, "root", root);
}

function assertCurrent({ signed }: Metadata<Root | Targets>, now: Date): void {
  if (signed.isExpired(now)) throw new RbsmError("trust_metadata_expired");
}

async function assertListed(targets: Metadata<Targets>, serviceKeys: Uint8Array): Promise<string> {
  const target = targets.signed.targets[SERVICE_KEYS_TARGET];
  const digest = await sha256Hex(serviceKeys);
  if (target?.length !== serviceKeys.length || target.hashes["sha256"] !== digest) {
    throw invalid(`The targets metadata does not list these bytes as "${SERVICE_KEYS_TARGET}"`);
  }
  return digest;
}

async function assertOnlineRoles({ signed }: Metadata<Root>, keys: OnlineKeys): Promise<void> {
  for (const role of ["snapshot", "timestamp"] as const) {
    const allowed = signed.roles[role]?.keyIDs ?? [];
    if (!allowed.includes(await tufKeyId(keys[role]))) {
      throw invalid(`The root does not name this Worker's ${role} key`);
    }
  }
}

function readServiceKeys(bytes: Uint8Array): ServiceKeys {
  const limits = { maxBytes: TRUST_LIMITS.envelopeBytes, code: "trust_metadata_invalid" as const };
  const parsed = serviceKeysSchema.safeParse(parseJson(bytes, limits));
  if (!parsed.success) throw invalid(`"${SERVICE_KEYS_TARGET}" is not a list of service keys`);
  return parsed.data;
}

function assertServiceKeys(serviceKeys: ServiceKeys, keys: OnlineKeys): void {
  for (const use of ["release", "lease"] as const) {
    const own = base64url(keys[use]);
    if (!serviceKeys[use].some(({ publicKey }) => publicKey === own)) {
      throw invalid(`"${SERVICE_KEYS_TARGET}" does not list this Worker's ${use} key`);
    }
  }
}

/** The TUF library throws errors of its own; a caller gets ours. */
function describeFailure<T>(message: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new RbsmError("trust_metadata_invalid", message, {}, cause);
  }
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_metadata_invalid", message);
}
