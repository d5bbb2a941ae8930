import { access, readdir, rename, rm } from "node:fs/promises";
import { constants } from "node:fs";
import { join } from "node:path";
import {
  POLICY_TARGET,
  REVOCATIONS_TARGET,
  RbsmError,
  SERVICE_KEYS_TARGET,
  equalBytes,
} from "@rising-bsm/protocol";
import type { Metadata, Root, Targets } from "@tufjs/models";
import type { OfflineFiles } from "../../workers/trust/ceremony-metadata.ts";
import { readMetadata } from "../../workers/trust/check-trust.ts";
import { encodeJson, readIfThere, writeNew } from "./files.ts";

/** Bytes of the targets that the offline role signs. */
export type TrustTargets = Record<keyof OfflineFiles, Uint8Array<ArrayBuffer>>;

/** Where a trust folder, or the draft in it, keeps each of them. */
export const TARGET_FILES: readonly (readonly [keyof OfflineFiles, string])[] = [
  ["serviceKeys", SERVICE_KEYS_TARGET],
  ["policy", POLICY_TARGET],
  ["revocations", REVOCATIONS_TARGET],
];

/** What is signed and in force: every root so far, the newest last, and the targets. */
export interface InForce {
  readonly roots: readonly Metadata<Root>[];
  readonly root: Metadata<Root>;
  readonly targets: Metadata<Targets>;
  readonly files: TrustTargets;
}

/** What waits for signatures; `root` is null when the ceremony leaves the root as it is. */
export interface Draft {
  readonly root: Metadata<Root> | null;
  readonly targets: Metadata<Targets>;
  readonly files: TrustTargets;
}

/** What is in force in the folder; null before the first ceremony is signed. */
export async function readInForce(dir: string): Promise<InForce | null> {
  const roots = await readRoots(dir);
  const signed = await readTargets(dir);
  const root = roots.at(-1);
  if (root === undefined || signed === null) return null;
  return { roots, root, ...signed };
}

/** Same, for a command that changes what is in force. */
export async function requireInForce(dir: string): Promise<InForce> {
  const inForce = await readInForce(dir);
  if (inForce !== null) return inForce;
  throw new RbsmError("usage", `"${dir}" holds no signed root and targets`, {
    fix: "name the trust folder, or begin one: node scripts/root.ts create",
  });
}

/** The roots by number; a gap ends the chain with an error, since hosts walk it one by one. */
async function readRoots(dir: string): Promise<Metadata<Root>[]> {
  const names = await readdir(join(dir, "roots")).catch(() => []);
  const roots: Metadata<Root>[] = [];
  for (let version = 1; version <= names.length; version++) {
    const file = rootFile(dir, version);
    const root = await readRoot(file);
    if (root?.signed.version === version) roots.push(root);
    else throw new RbsmError("trust_metadata_invalid", `"${file}" is missing or another root`);
  }
  return roots;
}

/** Path of a signed root in a trust folder. */
export function rootFile(dir: string, version: number): string {
  return join(dir, "roots", `${version}.root.json`);
}

async function readRoot(file: string): Promise<Metadata<Root> | null> {
  const bytes = await readIfThere(file);
  return bytes === null ? null : named(file, () => readMetadata(bytes, "root"));
}

async function readTargets(dir: string): Promise<Omit<Draft, "root"> | null> {
  const file = join(dir, "targets.json");
  const bytes = await readIfThere(file);
  if (bytes === null) return null;
  const targets = named(file, () => readMetadata(bytes, "targets"));
  const read = async (key: keyof OfflineFiles) => {
    const name = TARGET_FILES.find(([of]) => of === key)?.[1] ?? key;
    const content = await readIfThere(join(dir, name));
    if (content !== null) return content;
    throw new RbsmError("trust_metadata_invalid", `"${join(dir, name)}" is missing`, {
      fix: "copy the whole trust folder from whoever keeps it",
    });
  };
  const [serviceKeys, policy, revocations] = [
    await read("serviceKeys"),
    await read("policy"),
    await read("revocations"),
  ];
  return { targets, files: { serviceKeys, policy, revocations } };
}

/** Errors of the metadata reader name no file. */
function named<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new RbsmError("trust_metadata_invalid", `"${file}": ${message}`, {}, cause);
  }
}

const draftDir = (dir: string) => join(dir, "draft");

/** The draft of the folder, or null. */
export async function readDraft(dir: string): Promise<Draft | null> {
  const signed = await readTargets(draftDir(dir));
  if (signed === null) return null;
  return { root: await readRoot(join(draftDir(dir), "root.json")), ...signed };
}

/** Refuses a second draft: two would be two next versions of one file. */
export async function requireNoDraft(dir: string): Promise<void> {
  const isThere = await access(draftDir(dir), constants.F_OK).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  throw new RbsmError("conflict_exists", `"${draftDir(dir)}" waits for signatures`, {
    fix: "sign it (node scripts/root.ts sign), or delete that folder to drop it",
  });
}

/** Writes a new draft; its targets.json, without which it is none, comes last. */
export async function writeDraft(dir: string, draft: Draft): Promise<void> {
  const to = draftDir(dir);
  for (const [key, name] of TARGET_FILES) await writeNew(join(to, name), draft.files[key]);
  if (draft.root !== null) await writeNew(join(to, "root.json"), encode(draft.root));
  await writeNew(join(to, "targets.json"), encode(draft.targets));
}

/** Stores the draft's metadata with the signatures that it has by now. */
export async function updateDraft(dir: string, { root, targets }: Draft): Promise<void> {
  const to = draftDir(dir);
  if (root !== null) await replace(join(to, "root.json"), encode(root));
  await replace(join(to, "targets.json"), encode(targets));
}

/**
 * Moves a draft that has all its signatures to where what is in force lies. The draft goes last, so
 * a repetition finishes what was interrupted.
 */
export async function putInForce(dir: string, draft: Draft): Promise<void> {
  if (draft.root !== null) await writeRoot(dir, draft.root);
  for (const [key, name] of TARGET_FILES) await replace(join(dir, name), draft.files[key]);
  await replace(join(dir, "targets.json"), encode(draft.targets));
  await rm(draftDir(dir), { recursive: true });
}

/** A root never changes once it is one; only signatures may come to an unpublished one. */
async function writeRoot(dir: string, root: Metadata<Root>): Promise<void> {
  const file = rootFile(dir, root.signed.version);
  const known = await readIfThere(file);
  if (known !== null && equalBytes(known, encode(root))) return;
  await writeNew(file, encode(root));
}

async function replace(file: string, content: Uint8Array): Promise<void> {
  const scratch = `${file}.new`;
  await rm(scratch, { force: true });
  await writeNew(scratch, content);
  await rename(scratch, file);
}

export function encode(metadata: Metadata<Root> | Metadata<Targets>): Uint8Array<ArrayBuffer> {
  return encodeJson(metadata.toJSON());
}
