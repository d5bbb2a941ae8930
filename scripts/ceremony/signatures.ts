import { RbsmError, fromHex, hex, verifySignature } from "@rising-bsm/protocol";
import { Signature } from "@tufjs/models";
import type { Metadata, Root, Targets } from "@tufjs/models";
import { canonicalBytes, isSignedBy } from "../../workers/trust/tuf-metadata.ts";
import { signersOf } from "./draft.ts";
import type { HeldKey, Signer } from "./signer-key.ts";
import type { Draft, InForce } from "./trust-folder.ts";

type Signed = Metadata<Root> | Metadata<Targets>;

/** What a file's signatures are for, whose it has, and whether they are enough. */
export interface SignatureState {
  readonly file: string;
  /** A new root needs enough of its own signers, and of those of the root before it. */
  readonly demandedBy: string;
  readonly threshold: number;
  readonly signed: readonly string[];
  readonly missing: readonly string[];
  readonly isEnough: boolean;
}

/** Signs every file of the draft for which this key counts; refuses a key that counts for none. */
export async function signDraft(
  draft: Draft,
  inForce: InForce | null,
  key: HeldKey,
): Promise<void> {
  const demands = signatureDemands(draft, inForce);
  const counting = await Promise.all(
    demands.map(async ({ by, metadata }) => ({ metadata, counts: await names(by, key) })),
  );
  if (!counting.some(({ counts }) => counts)) {
    throw new RbsmError("usage", `${key.name}'s key ${key.keyId} is no signer's of this draft`, {
      fix: "sign with a key that the root names: node scripts/root.ts verify",
    });
  }
  for (const { metadata, counts } of counting) if (counts) await addSignature(metadata, key);
}

async function names(root: Metadata<Root>, { keyId }: Pick<Signer, "keyId">): Promise<boolean> {
  const { signers } = await signersOf(root);
  return signers.some((signer) => signer.keyId === keyId);
}

/** Adds the key's signature; the same key again gives the same one. */
export async function addSignature(
  metadata: Signed,
  { keyId, signingKey }: Pick<HeldKey, "keyId" | "signingKey">,
): Promise<void> {
  const sig = hex(await signingKey.sign(canonicalBytes(metadata.signed)));
  metadata.signatures[keyId] = new Signature({ keyID: keyId, sig });
}

/** A file, and the root whose signers it has to have enough of. */
interface Demand {
  readonly file: string;
  readonly demandedBy: string;
  readonly by: Metadata<Root>;
  readonly metadata: Signed;
}

function signatureDemands(draft: Draft, inForce: InForce | null): Demand[] {
  const root = draft.root ?? inForce?.root;
  if (root === undefined) {
    throw new RbsmError("trust_metadata_invalid", `"draft/root.json" is missing`, {
      fix: "copy the whole trust folder from whoever keeps it",
    });
  }
  const targets = { file: "draft/targets.json", demandedBy: "the root", by: root } as const;
  const demands: Demand[] = [{ ...targets, metadata: draft.targets }];
  if (draft.root === null) return demands;
  const file = "draft/root.json";
  demands.unshift({ file, demandedBy: "the new root", by: draft.root, metadata: draft.root });
  const version = draft.root.signed.version - 1;
  const before = inForce?.roots.find(({ signed }) => signed.version === version);
  if (before === undefined) return demands;
  return [{ file, demandedBy: `root ${version}`, by: before, metadata: draft.root }, ...demands];
}

/** The signatures of the draft's files; it can come into force when each line is enough. */
export function draftSignatures(draft: Draft, inForce: InForce | null): Promise<SignatureState[]> {
  return Promise.all(signatureDemands(draft, inForce).map(stateOf));
}

/** The signatures of what is in force: each root by itself and the one before it, and targets. */
export function inForceSignatures({ roots, root, targets }: InForce): Promise<SignatureState[]> {
  const demands = roots.flatMap((metadata, i): Demand[] => {
    const { version } = metadata.signed;
    const file = `roots/${version}.root.json`;
    const before = roots[i - 1];
    const own = { file, demandedBy: `root ${version}`, by: metadata, metadata };
    if (before === undefined) return [own];
    return [{ file, demandedBy: `root ${version - 1}`, by: before, metadata }, own];
  });
  const last = `root ${root.signed.version}`;
  demands.push({ file: "targets.json", demandedBy: last, by: root, metadata: targets });
  return Promise.all(demands.map(stateOf));
}

async function stateOf({ file, demandedBy, by, metadata }: Demand): Promise<SignatureState> {
  const { signers, threshold } = await signersOf(by);
  const valid = await Promise.all(signers.map((signer) => hasSigned(metadata, signer)));
  return {
    file,
    demandedBy,
    threshold,
    signed: signers.filter((_, i) => valid[i]).map(({ name }) => name),
    missing: signers.filter((_, i) => !valid[i]).map(({ name }) => name),
    // The Worker's own check; root and targets have the same signers.
    isEnough: await isSignedBy(by, "root", metadata),
  };
}

async function hasSigned(metadata: Signed, { keyId, publicKey }: Signer): Promise<boolean> {
  const signature = metadata.signatures[keyId]?.sig;
  if (signature === undefined || !/^([0-9a-f]{2})+$/.test(signature)) return false;
  return verifySignature(publicKey, fromHex(signature), canonicalBytes(metadata.signed));
}
