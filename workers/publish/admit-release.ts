import { RbsmError, isErrorCode, needsLicense } from "@rising-bsm/protocol";
import type { Bundle, Finding, Manifest } from "@rising-bsm/protocol";
import type { Settings } from "../env.ts";
import type { StoredManifest } from "../stored-manifest.ts";

export interface Upload {
  readonly bundle: Bundle;
  /** What the URL says the bundle is. */
  readonly target: { readonly plugin: string; readonly version: string };
  readonly isAdmin: boolean;
  /** Why the publisher's signature does not count; null when it does. */
  readonly signatureProblem: RbsmError | null;
  /** What is wrong with the images and texts that its page shows. */
  readonly media: readonly Finding[];
  /** What the scan of the files found. */
  readonly scanned: readonly Finding[];
}

export interface PublishFacts {
  /** When the publisher's first release was approved. */
  readonly approvedAt: number | null;
  /** Manifest of the newest published version. */
  readonly previous: StoredManifest | null;
  /** Why a person has to look at a name that is new. */
  readonly nameProblem: Finding | null;
}

export interface Admission {
  readonly status: "publishing" | "in_review";
  readonly paid: boolean;
  /** What a person has to decide on, whatever the policy says. */
  readonly findings: readonly Finding[];
}

/** Whether the release may enter, and whether a person looks at it first. Throws all findings at once. */
export function admitRelease(
  upload: Upload,
  facts: PublishFacts,
  policy: Settings["REVIEW_POLICY"],
): Admission {
  const findings = findingsOf(upload);
  const [first] = findings;
  if (first !== undefined) {
    const code = isErrorCode(first.rule) ? first.rule : "manifest_invalid";
    const fix = findings.length > 1 || first.fix === undefined ? {} : { fix: first.fix };
    throw new RbsmError(code, first.message, { findings, ...fix });
  }
  const { manifest } = upload.bundle;
  const doubts = [...(facts.nameProblem === null ? [] : [facts.nameProblem]), ...upload.scanned];
  const isReviewed = policy === "first-release" && needsReview(manifest, facts);
  return {
    status: isReviewed || doubts.length > 0 ? "in_review" : "publishing",
    paid: needsLicense(manifest),
    findings: doubts,
  };
}

function findingsOf({ bundle, target, isAdmin, signatureProblem, media }: Upload): Finding[] {
  const { manifest } = bundle;
  const findings: Finding[] = [];
  if (manifest.name !== target.plugin) {
    findings.push(mismatch("name", { found: manifest.name, expected: target.plugin }));
  }
  if (manifest.version !== target.version) {
    findings.push(mismatch("version", { found: manifest.version, expected: target.version }));
  }
  if (manifest.type === "system" && !isAdmin) {
    const message = 'Only the administrator publishes plugins of type "system"';
    findings.push({ rule: "manifest_system_type", path: "type", message, fix: "Remove the key" });
  }
  if (signatureProblem !== null) {
    const { code, message, detail } = signatureProblem;
    const fix = detail.fix === undefined ? {} : { fix: detail.fix };
    findings.push({ rule: code, path: "signatures", message, ...fix });
  }
  return [...findings, ...media];
}

function mismatch(path: string, { found, expected }: { found: string; expected: string }): Finding {
  return {
    rule: "manifest_mismatch",
    path,
    message: `The manifest says "${found}", the address "${expected}"`,
    fix: `Publish to the address of the manifest, or build with ${path} "${expected}"`,
  };
}

/** A new publisher's releases wait, and any that asks for more than the one before. */
function needsReview(manifest: Manifest, { approvedAt, previous }: PublishFacts): boolean {
  if (approvedAt === null || previous === null) return approvedAt === null;
  const granted = new Set(grantsOf(previous));
  return grantsOf(manifest).some((grant) => !granted.has(grant));
}

function grantsOf({ permissions, network }: StoredManifest): string[] {
  return [...permissions.map(({ code }) => code), ...network.map((host) => `network:${host}`)];
}
