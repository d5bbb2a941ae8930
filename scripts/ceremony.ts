import { base64url } from "@rising-bsm/protocol";
import { tufKeyId } from "../workers/trust/tuf-metadata.ts";
import { firstDraft } from "./ceremony/draft.ts";
import { createSecrets, createSeed, keyOfSeed, platformRandom } from "./ceremony/online-keys.ts";
import type { Random, WorkerSecrets } from "./ceremony/online-keys.ts";
import { addSignature } from "./ceremony/signatures.ts";
import type { HeldKey } from "./ceremony/signer-key.ts";
import { encode } from "./ceremony/trust-folder.ts";
import type { TrustTargets } from "./ceremony/trust-folder.ts";

/** Name of the log, as the Worker's variable `LOG_ORIGIN` has it. */
export const LOG_ORIGIN = "rising-bsm.com/log";

/** One signer's key. */
export interface OfflineKey {
  readonly keyId: string;
  readonly publicKey: string;
  readonly seed: string;
}

/** A first ceremony in one place: everything of a trust folder, and every key. */
export interface Trust extends TrustTargets {
  /** Bytes of root.json, which every host is given. */
  readonly root: Uint8Array<ArrayBuffer>;
  readonly targets: Uint8Array<ArrayBuffer>;
  readonly offlineKeys: readonly OfflineKey[];
  readonly secrets: WorkerSecrets;
}

export interface Ceremony {
  readonly now: Date;
  readonly signers?: number;
  readonly threshold?: number;
  readonly random?: Random;
}

/**
 * The first ceremony in memory, with all its signers at once: for `npm start` and tests. People hold
 * theirs with `scripts/root.ts`, so that no two keys are ever on one machine.
 */
export async function createTrust(ceremony: Ceremony): Promise<Trust> {
  const { now, signers: count = 3, threshold = 2, random = platformRandom } = ceremony;
  const seeds = Array.from({ length: count }, () => createSeed(random));
  const secrets = createSecrets(random);
  const signers = await Promise.all(seeds.map(holdKey));
  const draft = await firstDraft({ signers, threshold }, { secrets, origin: LOG_ORIGIN, now });
  const { root, targets, files } = draft;
  if (root === null) throw new Error("A first draft has a root");
  for (const signer of signers) {
    await addSignature(root, signer);
    await addSignature(targets, signer);
  }
  const offlineKeys = signers.map(({ keyId, publicKey }, i) => ({
    keyId,
    publicKey: base64url(publicKey),
    seed: seeds[i] ?? "",
  }));
  return { root: encode(root), targets: encode(targets), ...files, offlineKeys, secrets };
}

async function holdKey(seed: string, i: number): Promise<HeldKey> {
  const signingKey = await keyOfSeed(seed);
  const { publicKey } = signingKey;
  return { name: `signer-${i + 1}`, keyId: await tufKeyId(publicKey), publicKey, signingKey };
}
