import { RbsmError, equalBytes } from "@rising-bsm/protocol";
import type { Policy, Revocations } from "@rising-bsm/protocol";
import { Metadata, Root } from "@tufjs/models";
import { z } from "zod";
import {
  createRoot,
  createTargets,
  nextRoot,
  nextTargets,
  rootKeys,
} from "../../workers/trust/ceremony-metadata.ts";
import type { RootKeys } from "../../workers/trust/ceremony-metadata.ts";
import { tufKeyId } from "../../workers/trust/tuf-metadata.ts";
import { encodeJson } from "./files.ts";
import { firstServiceKeys, keyOfSeed } from "./online-keys.ts";
import type { WorkerSecrets } from "./online-keys.ts";
import type { Signer } from "./signer-key.ts";
import type { Draft, InForce, TrustTargets } from "./trust-folder.ts";

/** One ceremony a year, with a month to be late. */
const OFFLINE_LIFETIME_MS = 396 * 86_400_000;

/** Member of root.json that names the signers' keys; TUF readers pass over it, signatures cover it. */
const NAMES_FIELD = "x-rbsm-signers";

/** Who signs root and targets, and how many of them it takes. */
export interface Signers {
  readonly signers: readonly Signer[];
  readonly threshold: number;
}

const NO_POLICY: Policy = { type: "https://rising-bsm.com/policy/v1", publisherKeys: [] };
const NO_REVOCATIONS: Revocations = { type: "https://rising-bsm.com/revocations/v1", entries: [] };

/** Root and targets of a new marketplace. */
export async function firstDraft(
  { signers, threshold }: Signers,
  options: { readonly secrets: WorkerSecrets; readonly origin: string; readonly now: Date },
): Promise<Draft> {
  assertSigners({ signers, threshold });
  const { secrets, origin, now } = options;
  const online = async (name: keyof WorkerSecrets) => [(await keyOfSeed(secrets[name])).publicKey];
  const files = {
    serviceKeys: await firstServiceKeys(secrets, { origin, now }),
    policy: encodeJson(NO_POLICY),
    revocations: encodeJson(NO_REVOCATIONS),
  };
  const expires = expiryAfter(now);
  const root = await createRoot({
    expires,
    threshold,
    offline: signers.map(({ publicKey }) => publicKey),
    snapshot: await online("SNAPSHOT_KEY"),
    timestamp: await online("TIMESTAMP_KEY"),
  });
  const targets = await createTargets({ expires, files, catalog: await online("CATALOG_KEY") });
  return { root: new Metadata(nameSigners(root, signers)), targets: new Metadata(targets), files };
}

/** What a ceremony changes; what is not named stays. */
export interface Changes {
  readonly signers?: Signers;
  readonly online?: Partial<Pick<RootKeys, "snapshot" | "timestamp">>;
  readonly catalog?: readonly Uint8Array[];
  readonly files?: Partial<TrustTargets>;
}

/**
 * The versions after those in force. Targets are always signed anew and live for another year; the
 * root only when `changes` speaks of what it holds, which for a renewal is its signers as they are.
 */
export async function nextDraft(inForce: InForce, changes: Changes, now: Date): Promise<Draft> {
  const expires = expiryAfter(now);
  const files = { ...inForce.files, ...changes.files };
  const catalog = changes.catalog === undefined ? {} : { catalog: changes.catalog };
  const targets = await nextTargets(inForce.targets.signed, { expires, files, ...catalog });
  const isRootChanged = changes.signers !== undefined || changes.online !== undefined;
  const root = isRootChanged ? await draftRoot(inForce.root, changes, expires) : null;
  return { root, targets: new Metadata(targets), files };
}

async function draftRoot(
  previous: Metadata<Root>,
  changes: Changes,
  expires: Date,
): Promise<Metadata<Root>> {
  const { signers, threshold } = changes.signers ?? (await signersOf(previous));
  assertSigners({ signers, threshold });
  const offline = signers.map(({ publicKey }) => publicKey);
  const root = await nextRoot(previous.signed, {
    ...changes.online,
    offline,
    threshold,
    expires,
  });
  return new Metadata(nameSigners(root, signers));
}

/** The signers of a root, in its order. */
export async function signersOf(root: Metadata<Root>): Promise<Signers> {
  const names = z
    .record(z.string(), z.string())
    .catch({})
    .parse(root.signed.unrecognizedFields[NAMES_FIELD]);
  const { offline, threshold } = rootKeys(root.signed);
  const signers = offline.map(async (key) => {
    const [publicKey, keyId] = [new Uint8Array(key), await tufKeyId(key)];
    return { name: names[keyId] ?? "unnamed", keyId, publicKey };
  });
  return { signers: await Promise.all(signers), threshold };
}

export function nameSigners(root: Root, signers: readonly Signer[]): Root {
  const names = Object.fromEntries(signers.map(({ keyId, name }) => [keyId, name]));
  return Root.fromJSON({ ...root.toJSON(), [NAMES_FIELD]: names });
}

/** One key under two names would be one person who counts twice. */
function assertSigners({ signers, threshold }: Signers): void {
  const problem = signersProblem({ signers, threshold });
  if (problem !== null) {
    throw new RbsmError("usage", problem, {
      fix: "name every signer's own NAME.pub.json once, and a threshold that they can reach",
    });
  }
}

function signersProblem({ signers, threshold }: Signers): string | null {
  for (const [i, one] of signers.entries()) {
    const twin = signers
      .slice(0, i)
      .find(({ name, publicKey }) => name === one.name || equalBytes(publicKey, one.publicKey));
    if (twin !== undefined) return `"${one.name}" and "${twin.name}" have one name or one key`;
  }
  if (Number.isInteger(threshold) && threshold >= 1 && threshold <= signers.length) return null;
  return `${signers.length} signers cannot give ${threshold} signatures`;
}

function expiryAfter(now: Date): Date {
  return new Date(now.getTime() + OFFLINE_LIFETIME_MS);
}
