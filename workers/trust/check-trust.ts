import {
  POLICY_TARGET,
  REVOCATIONS_TARGET,
  RbsmError,
  SERVICE_KEYS_TARGET,
  TRUST_LIMITS,
  equalBytes,
  parseJson,
  policySchema,
  revocationsSchema,
  sha256Hex,
} from "@rising-bsm/protocol";
import { Metadata, MetadataKind } from "@tufjs/models";
import type { Root, Targets } from "@tufjs/models";
import { z } from "zod";
import { assertDelegation, assertOnlineRoles, assertServiceKeys } from "./check-keys.ts";
import type { OnlineKeys } from "./check-keys.ts";
import { isSignedBy } from "./tuf-metadata.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface TrustFiles {
  /** Roots from the one after the root in force to the newest, which is last. */
  readonly roots: readonly Bytes[];
  readonly targets: Bytes;
  readonly serviceKeys: Bytes;
  readonly policy: Bytes;
  readonly revocations: Bytes;
}

/** What is in force when files arrive. */
export interface TrustInForce {
  /** Bytes of the roots that were accepted before, by version. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  readonly targets: Uint8Array | null;
}

export interface CheckedTrust {
  readonly root: Metadata<Root>;
  readonly targets: Metadata<Targets>;
  /** The roots that were not in force before, oldest first. */
  readonly newRoots: readonly { readonly version: number; readonly bytes: Bytes }[];
  readonly areTargetsNew: boolean;
  readonly areRevocationsNew: boolean;
}

/**
 * Checks what a ceremony made before any host sees it: roots that follow each other, signed by enough of
 * their own and the previous root's keys; targets that never go back; nothing expired; made for the
 * keys that this Worker holds.
 */
export async function checkTrust(
  files: TrustFiles,
  { keys, inForce, now }: { keys: OnlineKeys; inForce: TrustInForce; now: Date },
): Promise<CheckedTrust> {
  const { root, newRoots } = await checkRoots(files.roots, inForce.roots);
  const targets = readMetadata(files.targets, "targets");
  await assertSigned(root, "targets", targets);
  const previous = checkTargetsVersion(files.targets, targets, inForce.targets);
  assertCurrent(root, now);
  assertCurrent(targets, now);
  await assertOnlineRoles(root.signed, keys);
  await assertDelegation(targets.signed, keys.catalog);
  await assertListed(targets.signed, files);
  assertServiceKeys(files.serviceKeys, keys, now);
  assertFits(POLICY_TARGET, policySchema, files.policy);
  assertFits(REVOCATIONS_TARGET, revocationsSchema, files.revocations);
  return {
    root,
    targets,
    newRoots,
    areTargetsNew: previous === null || previous.signed.version < targets.signed.version,
    areRevocationsNew: revocationsHash(previous) !== revocationsHash(targets),
  };
}

/** The newest root, reached from the one in force over one version at a time. */
async function checkRoots(
  roots: readonly Bytes[],
  known: ReadonlyMap<number, Uint8Array>,
): Promise<{ root: Metadata<Root>; newRoots: { version: number; bytes: Bytes }[] }> {
  const inForce = known.get(Math.max(0, ...known.keys()));
  let previous = inForce === undefined ? null : readMetadata(inForce, "root");
  const newRoots: { version: number; bytes: Bytes }[] = [];
  for (const bytes of roots) {
    const root = readMetadata(bytes, "root");
    const { version } = root.signed;
    if (previous !== null && version <= previous.signed.version) {
      assertSame(`root ${version}`, bytes, known.get(version));
      continue;
    }
    await assertSigned(root, "root", root);
    if (previous !== null) await assertSucceeds(previous, root);
    newRoots.push({ version, bytes });
    previous = root;
  }
  const newest = readMetadata(roots.at(-1) ?? new Uint8Array(), "root");
  if (previous === null || newest.signed.version !== previous.signed.version) {
    throw invalid(`Root ${previous?.signed.version} is in force: an older one cannot come back`);
  }
  return { root: newest, newRoots };
}

async function assertSucceeds(previous: Metadata<Root>, root: Metadata<Root>): Promise<void> {
  const next = previous.signed.version + 1;
  if (root.signed.version !== next) throw invalid(`The next root has to be version ${next}`);
  await assertSigned(previous, "root", root);
}

async function assertSigned(
  root: Metadata<Root>,
  role: "root" | "targets",
  metadata: Metadata<Root | Targets>,
): Promise<void> {
  if (await isSignedBy(root, role, metadata)) return;
  const { version } = root.signed;
  throw invalid(
    `The ${role} metadata is not signed by enough of the keys that root ${version} names`,
  );
}

/** The targets in force, when the new ones may follow them. */
function checkTargetsVersion(
  bytes: Bytes,
  targets: Metadata<Targets>,
  inForce: Uint8Array | null,
): Metadata<Targets> | null {
  if (inForce === null) return null;
  const previous = readMetadata(inForce, "targets");
  const { version } = targets.signed;
  if (version < previous.signed.version) {
    throw invalid(`Targets ${previous.signed.version} are in force: older ones cannot come back`);
  }
  if (version === previous.signed.version) assertSame(`targets ${version}`, bytes, inForce);
  return previous;
}

function assertSame(what: string, bytes: Uint8Array, known: Uint8Array | undefined): void {
  if (known !== undefined && equalBytes(bytes, known)) return;
  throw invalid(`Other bytes are in force as ${what}: what is signed anew needs a new version`);
}

const jsonObject = z.record(z.string(), z.json());

/** Metadata of a ceremony, which nobody has verified yet. Throws `trust_metadata_invalid`. */
export function readMetadata(bytes: Uint8Array, kind: "root"): Metadata<Root>;
export function readMetadata(bytes: Uint8Array, kind: "targets"): Metadata<Targets>;
export function readMetadata(bytes: Uint8Array, kind: "root" | "targets") {
  const limits = { maxBytes: TRUST_LIMITS.envelopeBytes, code: "trust_metadata_invalid" as const };
  const json = jsonObject.safeParse(parseJson(bytes, limits));
  if (!json.success) throw invalid(`The ${kind} metadata is not valid`);
  return describeFailure(`The ${kind} metadata is not valid`, () =>
    kind === "root"
      ? Metadata.fromJSON(MetadataKind.Root, json.data)
      : Metadata.fromJSON(MetadataKind.Targets, json.data),
  );
}

function assertCurrent({ signed }: Metadata<Root | Targets>, now: Date): void {
  if (signed.isExpired(now)) throw new RbsmError("trust_metadata_expired");
}

/** Exactly the three files, with these bytes. */
async function assertListed({ targets }: Targets, files: TrustFiles): Promise<void> {
  const expected = {
    [SERVICE_KEYS_TARGET]: files.serviceKeys,
    [POLICY_TARGET]: files.policy,
    [REVOCATIONS_TARGET]: files.revocations,
  };
  const other = Object.keys(targets).find((name) => !(name in expected));
  if (other !== undefined) throw invalid(`The targets metadata lists "${other}" as well`);
  for (const [name, bytes] of Object.entries(expected)) {
    const target = targets[name];
    if (target?.length !== bytes.length || target.hashes["sha256"] !== (await sha256Hex(bytes))) {
      throw invalid(`The targets metadata does not list these bytes as "${name}"`);
    }
  }
}

function assertFits(name: string, schema: z.ZodType, bytes: Uint8Array): void {
  const limits = { maxBytes: TRUST_LIMITS.uploadBytes, code: "trust_metadata_invalid" as const };
  const parsed = schema.safeParse(parseJson(bytes, limits));
  if (!parsed.success) throw invalid(`"${name}" is not valid: ${z.prettifyError(parsed.error)}`);
}

function revocationsHash(targets: Metadata<Targets> | null): string | undefined {
  return targets?.signed.targets[REVOCATIONS_TARGET]?.hashes["sha256"];
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
