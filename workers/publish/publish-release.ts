import {
  BUNDLE_LIMITS,
  RbsmError,
  TRUST_LIMITS,
  checkMedia,
  publisherKeyIdOf,
  readBundle,
  splitPluginName,
  versionSortKey,
} from "@rising-bsm/protocol";
import type { Bundle, Finding } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { assertActsFor } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { settings } from "../env.ts";
import { readBody } from "../http.ts";
import type { AppContext } from "../http.ts";
import { advance } from "../log/advance.ts";
import { judgePluginName } from "../names/judge-name.ts";
import { findPluginAlike, listProminent } from "../names/queries.ts";
import { needsStaged, stageBundle } from "../release/bundle-object.ts";
import type { Version } from "../schema.ts";
import { storedManifest } from "../stored-manifest.ts";
import { admitRelease } from "./admit-release.ts";
import type { Admission } from "./admit-release.ts";
import { signatureProblem, throwRefusal } from "./check-signature.ts";
import { claimVersion, loadPublishFacts } from "./queries.ts";
import type { NewVersion, Target } from "./queries.ts";
import { removedPlugin } from "./remove-plugin.ts";
import { scanUpload } from "./scan-upload.ts";

export interface Publication {
  readonly created: boolean;
  readonly row: Version;
  readonly findings: readonly Finding[];
}

/**
 * From an upload to a listed release: read, check, store, claim, finish. Each step can be repeated;
 * sending the same bytes again continues where an interrupted upload stopped.
 */
export async function publishRelease(c: AppContext, target: Target): Promise<Publication> {
  const facts = await loadOwnedFacts(c, target);
  const bytes = await readUpload(c.req.raw);
  const bundle = await readBundle(bytes);
  if (facts.existing === undefined) assertRoom(facts.sizes);
  else assertSameBytes(facts.existing, bundle.sha256);
  const admission = admitRelease(
    {
      bundle,
      target,
      isAdmin: c.get("principal").kind === "admin",
      signatureProblem: await signatureProblem(bundle, {
        keys: facts.keys,
        isNew: facts.existing === undefined,
      }),
      scanned: scanUpload(bundle),
      // What is stored already was let in, maybe before this was looked at.
      media: facts.existing === undefined ? await checkMedia(bundle.manifest, bundle.files) : [],
    },
    {
      approvedAt: facts.owner.approvedAt,
      previous: facts.previous === undefined ? null : storedManifest(facts.previous),
      nameProblem: facts.isNameAdmitted ? null : await nameProblem(c, target, facts.owner),
    },
    settings(c.env).REVIEW_POLICY,
  );
  const { existing } = facts;
  const staged = { ...target, sha256: bundle.sha256, paid: admission.paid };
  const stage = () => stageBundle(c.env.PRIVATE, staged, bytes);
  if (existing === undefined || needsStaged(existing)) await stage();
  const publication = await claimRelease(c, { target, bundle, admission });
  // Bytes that had lain here for a day may have been swept away just before the claim.
  if (needsStaged(publication.row)) await stage();
  await advance(c.env, new Date(), target.plugin);
  return publication;
}

/** Facts about the plugin's scope, for somebody who may publish there. */
async function loadOwnedFacts(c: AppContext, target: Target) {
  const { scope } = splitPluginName(target.plugin);
  const { owner, ...facts } = await loadPublishFacts(writeDatabase(c.env), { ...target, scope });
  if (owner === undefined) throw new RbsmError("auth_scope", `Nobody owns the scope ${scope}`);
  assertActsFor(c.get("principal"), owner.publisher, scope);
  if (facts.removedAt !== null) throw removedPlugin(target.plugin);
  return { owner, ...facts };
}

/** The administrator is the person who decides on doubtful names. */
async function nameProblem(
  c: AppContext,
  { plugin }: Target,
  { publisher }: { publisher: string },
): Promise<Finding | null> {
  if (c.get("principal").kind === "admin") return null;
  const lookAlike = await findPluginAlike(writeDatabase(c.env), { plugin, publisher });
  const prominent = await listProminent(c.env.SEARCH, publisher);
  return judgePluginName(plugin, { lookAlike, prominent });
}

async function readUpload(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  if (!request.headers.has("content-length")) throw new RbsmError("request_length");
  return readBody(request, { maxBytes: BUNDLE_LIMITS.fileBytes, tooLarge: "bundle_too_large" });
}

/** Hosts read documents up to a length: one more version must not end all of them. */
function assertRoom({ listed, manifests }: { listed: number; manifests: number }): void {
  const { pluginVersionsBytes, pluginManifestsBytes } = TRUST_LIMITS;
  if (listed < pluginVersionsBytes && manifests < pluginManifestsBytes) return;
  throw new RbsmError("conflict_state", "The plugin's releases fill its document", {
    fix: "Publish under another name, and deprecate this one in favour of it",
  });
}

function assertSameBytes(existing: Version, sha256: string): void {
  if (existing.sha256 !== sha256) {
    const fix = "A version never changes: publish the next one";
    throw new RbsmError("conflict_version_exists", undefined, { fix });
  }
  if (existing.status === "rejected") {
    throw new RbsmError("conflict_state", `The review refused it: ${existing.statusReason ?? ""}`);
  }
}

async function claimRelease(
  c: AppContext,
  { target, bundle, admission }: { target: Target; bundle: Bundle; admission: Admission },
): Promise<Publication> {
  const { scope } = splitPluginName(target.plugin);
  const row = newVersion(target, bundle, admission);
  const subject = `${target.plugin}@${target.version}`;
  const detail = { sha256: bundle.sha256, status: admission.status };
  const entry = auditEntry(c, { action: "release.publish", subject, at: row.createdAt, detail });
  const claimed = await claimVersion(writeDatabase(c.env), { row, scope }, entry).catch(
    throwRefusal,
  );
  if (claimed.row === undefined) throw new RbsmError("internal", "The claimed version is gone");
  assertSameBytes(claimed.row, bundle.sha256);
  const { created, row: stored } = claimed;
  return {
    created,
    row: stored,
    findings: stored.status === "in_review" ? admission.findings : [],
  };
}

function newVersion(
  target: Target,
  bundle: Bundle,
  { status, paid, findings }: Admission,
): NewVersion {
  return {
    ...target,
    sortKey: versionSortKey(target.version),
    status,
    statusReason: findings[0]?.message ?? null,
    sha256: bundle.sha256,
    size: bundle.size,
    treeDigest: bundle.treeDigest,
    publisherKeyId: publisherKeyIdOf(bundle.files) ?? "",
    manifest: JSON.stringify(bundle.manifest),
    paid,
    createdAt: Date.now(),
  };
}
