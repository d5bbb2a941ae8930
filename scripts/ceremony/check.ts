import { equalBytes, fromBase64url, fromHex, keyId, policySchema } from "@rising-bsm/protocol";
import { Root, Targets } from "@tufjs/models";
import type { Metadata } from "@tufjs/models";
import { createRoot, createTargets, rootKeys } from "../../workers/trust/ceremony-metadata.ts";
import { canonicalBytes } from "../../workers/trust/tuf-metadata.ts";
import { nameSigners, signersOf } from "./draft.ts";

import { parseAs } from "./files.ts";
import { readServiceKeys } from "./online-keys.ts";
import { inForceSignatures } from "./signatures.ts";
import type { Draft, InForce, TrustTargets } from "./trust-folder.ts";

/** A month before the end is when the ceremony is due. */
const DUE_MS = 31 * 86_400_000;

/**
 * What is wrong with a draft, so that nobody signs it. The metadata is built again from what its
 * description speaks of: a member, role or file that the words would not show makes another one.
 */
export async function draftProblems(draft: Draft, inForce: InForce | null): Promise<string[]> {
  const problems: string[] = [];
  if (draft.root === null && inForce === null) problems.push(`"draft/root.json" is missing`);
  if (draft.root !== null) {
    if (!(await isPlainRoot(draft.root))) problems.push(more("draft/root.json"));
    problems.push(...followsProblem("draft/root.json", draft.root, inForce?.root));
  }
  if (!(await isPlainTargets(draft.targets, draft.files)))
    problems.push(more("draft/targets.json"));
  problems.push(...(await keyIdProblems(draft.files)));
  return [...problems, ...followsProblem("draft/targets.json", draft.targets, inForce?.targets)];
}

/** The description shows keys; an id of another key would make hosts take them for that one. */
async function keyIdProblems({ serviceKeys, policy }: TrustTargets): Promise<string[]> {
  const { release, lease } = readServiceKeys(serviceKeys);
  const { publisherKeys } = parseAs(policy, policySchema, "policy.json is not a policy");
  const named = [...release, ...publisherKeys, ...lease.map((key) => ({ ...key, keyId: key.kid }))];
  const wrong: string[] = [];
  for (const { keyId: id, publicKey } of named) {
    if ((await keyId(fromBase64url(publicKey))) !== id) wrong.push(`"${id}" is another key's id`);
  }
  return wrong;
}

/** What is wrong with the folder's signed files, and what is due soon. */
export async function inForceProblems(
  inForce: InForce,
  now: Date,
): Promise<{ problems: string[]; warnings: string[] }> {
  const states = await inForceSignatures(inForce);
  const problems = states
    .filter(({ isEnough }) => !isEnough)
    .map(
      ({ file, demandedBy, threshold, signed }) =>
        `"${file}" has ${signed.length} of ${threshold} signatures that ${demandedBy} demands`,
    );
  const { root, targets, files } = inForce;
  if (!(await isPlainTargets(targets, files))) {
    problems.push(`"targets.json" does not list the files beside it`);
  }
  const warnings: string[] = [];
  for (const [file, { signed }] of [["root", root] as const, ["targets", targets] as const]) {
    if (signed.isExpired(now)) problems.push(`The ${file} expired on ${signed.expires}`);
    else if (signed.isExpired(new Date(now.getTime() + DUE_MS))) {
      warnings.push(`The ${file} expires on ${signed.expires}: renew it (root.ts rotate)`);
    }
  }
  return { problems, warnings };
}

function more(file: string): string {
  return `"${file}" says more, or less, than the files beside it and the description`;
}

async function isPlainRoot(root: Metadata<Root>): Promise<boolean> {
  const { signers } = await signersOf(root);
  const expires = new Date(root.signed.expires);
  const first = await createRoot({ ...rootKeys(root.signed), expires });
  const built = Root.fromJSON({ ...first.toJSON(), version: root.signed.version });
  return equalBytes(canonicalBytes(nameSigners(built, signers)), canonicalBytes(root.signed));
}

async function isPlainTargets(
  { signed }: Metadata<Targets>,
  files: TrustTargets,
): Promise<boolean> {
  const keys = Object.values(signed.delegations?.keys ?? {});
  const catalog = keys.map(({ keyVal }) => fromHex(keyVal["public"] ?? ""));
  const first = await createTargets({ expires: new Date(signed.expires), files, catalog });
  const built = Targets.fromJSON({ ...first.toJSON(), version: signed.version });
  return equalBytes(canonicalBytes(built), canonicalBytes(signed));
}

/** A repetition after a crash finds the draft in force already. */
function followsProblem<T extends Root | Targets>(
  file: string,
  draft: Metadata<T>,
  before: Metadata<T> | undefined,
): string[] {
  const last = before?.signed.version ?? 0;
  const isNext = draft.signed.version === last + 1;
  const isSame =
    before !== undefined && equalBytes(canonicalBytes(before.signed), canonicalBytes(draft.signed));
  if (isNext || isSame) return [];
  return [`"${file}" is version ${draft.signed.version}, and ${last + 1} is next`];
}
