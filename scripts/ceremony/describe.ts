import { policySchema, revocationsSchema, sha256Hex } from "@rising-bsm/protocol";
import type { Revocation, ServiceKeys } from "@rising-bsm/protocol";
import type { Metadata, Root, Targets } from "@tufjs/models";
import { rootKeys } from "../../workers/trust/ceremony-metadata.ts";
import { canonicalBytes, tufKeyId } from "../../workers/trust/tuf-metadata.ts";
import { signersOf } from "./draft.ts";
import { parseAs } from "./files.ts";
import { readServiceKeys } from "./online-keys.ts";
import type { Draft, InForce, TrustTargets } from "./trust-folder.ts";

/** SHA-256 of what is signed. Signatures are not part of it, so every signer reads the same one aloud. */
export function fingerprint({ signed }: Metadata<Root> | Metadata<Targets>): Promise<string> {
  return sha256Hex(canonicalBytes(signed));
}

/** What a signature on the draft says, in words: everything that differs from what is in force. */
export async function describeDraft(draft: Draft, inForce: InForce | null): Promise<string[]> {
  const lines: string[] = [];
  if (draft.root !== null) lines.push(...(await describeRoot(draft.root, inForce?.root ?? null)));
  lines.push(...(await describeTargets(draft, inForce)));
  return lines;
}

async function describeRoot(
  root: Metadata<Root>,
  before: Metadata<Root> | null,
): Promise<string[]> {
  const [now, was] = [await signersOf(root), before === null ? null : await signersOf(before)];
  const signers = now.signers.map(({ name, keyId }) => `${name} ${keyId}`);
  const online = [];
  for (const role of ["snapshot", "timestamp"] as const) {
    const ids = async (of: Metadata<Root> | null) =>
      of === null ? [] : Promise.all(rootKeys(of.signed)[role].map(tufKeyId));
    online.push(...difference(`${role} key`, await ids(root), await ids(before)));
  }
  return [
    `root ${versions(root, before)}, valid until ${root.signed.expires}`,
    `  ${now.threshold} of ${now.signers.length} signers${was === null ? "" : `, ${was.threshold} of ${was.signers.length} before`}`,
    ...difference(
      "signer",
      signers,
      was?.signers.map(({ name, keyId }) => `${name} ${keyId}`) ?? [],
    ),
    ...online,
    `  fingerprint ${await fingerprint(root)}`,
  ];
}

async function describeTargets(draft: Draft, inForce: InForce | null): Promise<string[]> {
  const { targets, files } = draft;
  const before = inForce?.targets ?? null;
  return [
    `targets ${versions(targets, before)}, valid until ${targets.signed.expires}`,
    ...difference("catalog key", catalogKeys(targets), before === null ? [] : catalogKeys(before)),
    ...difference("", contentLines(files), inForce === null ? [] : contentLines(inForce.files)),
    `  fingerprint ${await fingerprint(targets)}`,
  ];
}

function versions(now: Metadata<Root> | Metadata<Targets>, before: typeof now | null): string {
  const { version } = now.signed;
  return before === null ? `${version} (the first)` : `${before.signed.version} → ${version}`;
}

function catalogKeys({ signed }: Metadata<Targets>): string[] {
  return Object.keys(signed.delegations?.keys ?? {});
}

/** Everything that the three files say, one line a fact. */
function contentLines(files: TrustTargets): string[] {
  const { publisherKeys } = parseAs(files.policy, policySchema, "policy.json is not a policy");
  const { entries } = parseAs(files.revocations, revocationsSchema, "revocations.json is no list");
  return [
    ...serviceKeyLines(readServiceKeys(files.serviceKeys)),
    ...publisherKeys.map(
      ({ publisher, publicKey, reason }) => `key of ${publisher}: ${publicKey} (${reason})`,
    ),
    ...entries.map(describeRevocation),
  ];
}

function serviceKeyLines({ release, lease, log }: ServiceKeys): string[] {
  const window = (key: { readonly from: string; readonly until?: string | undefined }) =>
    `from ${key.from}${key.until === undefined ? "" : ` until ${key.until}`}`;
  const end = ({ untilIndex }: ServiceKeys["release"][number]) =>
    untilIndex === undefined ? "" : `, not for log entries from ${untilIndex} on`;
  return [
    ...release.map((key) => `release key ${key.publicKey} ${window(key)}${end(key)}`),
    ...lease.map((key) => `lease key ${key.publicKey} ${window(key)}`),
    ...log.map((key) => `key of the log ${key.origin}: ${key.publicKey} ${window(key)}`),
  ];
}

/** What the entry does to which releases, and why. */
function describeRevocation(entry: Revocation): string {
  const { id, match, action, reason, advisory, issuedAt } = entry;
  const text = typeof reason === "string" ? reason : `${reason.en} / ${reason.de}`;
  const more = advisory === undefined ? "" : ` ${advisory}`;
  return `revocation ${id} of ${issuedAt}: ${action} ${describeMatch(match)}: ${text}${more}`;
}

function describeMatch(match: Revocation["match"]): string {
  if ("sha256" in match) return `the bundle ${match.sha256}`;
  if ("plugin" in match) return `${match.plugin} ${match.versions}`;
  return `releases by key ${match.publisherKeyId} from log entry ${match.fromIndex} on`;
}

function difference(what: string, now: readonly string[], before: readonly string[]): string[] {
  const name = what === "" ? "" : `${what} `;
  return [
    ...now.filter((one) => !before.includes(one)).map((one) => `  + ${name}${one}`),
    ...before.filter((one) => !now.includes(one)).map((one) => `  - ${name}${one}`),
  ];
}
