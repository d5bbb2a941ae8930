import {
  type Bundle,
  LOG_LIMITS,
  needsLicense,
  proofPath,
  RbsmError,
  utf8Decode,
  type VerifiedPublisher,
} from "@rising-bsm/protocol";
import type { Marketplace } from "../client/marketplace.ts";
import type { HostStore } from "../store/host-store.ts";
import type { LogClient } from "../trust/log.ts";
import type { VerifiedTrust } from "../trust/trust.ts";
import { acquireBundle } from "./acquire.ts";
import type { BundleFolder } from "./bundle-folder.ts";
import { type AcceptedRelease, checkRelease } from "./check-release.ts";
import type { Plan, PlannedPlugin, PluginRequest } from "./plan.ts";
import type { OnProgress } from "./progress.ts";
import { type PluginRow, type PublisherPin, readPin, type ReleaseRow } from "./rows.ts";

/** What paid plugins need during an installation. */
export interface InstallLicenses {
  /** Makes sure that a license for the plugin is active here; throws `license_*`. */
  ensure(plugin: string, licenseKey: string | undefined): Promise<void>;
  /** A path, or a same-origin URL, that may fetch the paid bundle. */
  downloadUrl(planned: Pick<PlannedPlugin, "name" | "version" | "entry">): Promise<string>;
  /** Returns the seat of a plugin that was uninstalled; nothing when it has none. */
  giveBack(plugin: string): Promise<void>;
}

/** The parts of the host that staging works with. */
export interface StageParts {
  readonly store: HostStore;
  readonly bundles: BundleFolder;
  readonly marketplace: Marketplace;
  readonly log: LogClient;
  readonly licenses: InstallLicenses;
}

/** A plugin of the set with its bundle verified and on disk; nothing names it yet. */
export interface Staged {
  readonly name: string;
  readonly bundle: Bundle;
  readonly release: Omit<ReleaseRow, "grants" | "approvedBy" | "approvedAt">;
  readonly source: PluginRow["source"];
  /** Null: sideloaded, nothing is pinned. */
  readonly pin: PublisherPin | null;
}

/** What the administrator said about this installation. */
export interface StageOrder {
  readonly licenseKeys: Readonly<Record<string, string>>;
  readonly onProgress: OnProgress;
}

/** What the releases are checked by. */
export interface CheckOrder extends Pick<StageOrder, "onProgress"> {
  readonly trust: () => Promise<VerifiedTrust>;
  readonly requests: readonly PluginRequest[];
  /** Holds for what is asked for by name: about what it needs nobody was asked. */
  readonly acceptPublisher: boolean;
}

/** Checks every release of the plan before anything is downloaded; no side effects. */
export async function checkReleases(
  parts: StageParts,
  plan: Plan,
  order: CheckOrder,
): Promise<Map<PlannedPlugin, AcceptedRelease>> {
  const accepted = new Map<PlannedPlugin, AcceptedRelease>();
  if (plan.changes.length > 0) await parts.log.refresh();
  for (const planned of plan.changes) {
    const { name: plugin, version } = planned;
    const detail = "release statement, publisher, log and revocations";
    order.onProgress({ step: "check", plugin, version, detail });
    const trust = await order.trust();
    const isAsked = order.requests.some(({ name }) => name === plugin);
    const acceptPublisher = order.acceptPublisher && isAsked;
    accepted.set(planned, await checkOffer(parts, planned, { trust, acceptPublisher }));
  }
  return accepted;
}

/** Checks one release as `install` and `update` would before they download it. */
export async function checkOffer(
  { marketplace, store, log }: Pick<StageParts, "marketplace" | "store" | "log">,
  { name, version, document }: Pick<PlannedPlugin, "name" | "version" | "document">,
  given: { readonly trust: VerifiedTrust; readonly acceptPublisher: boolean },
): Promise<AcceptedRelease> {
  const missing = { name, version };
  const envelope = await marketplace
    .releaseEnvelope(name, version)
    .catch((error: unknown) => refuseMissing(error, { ...missing, code: "trust_release_invalid" }));
  const readProof = async () =>
    utf8Decode(await marketplace.getBytes(proofPath(name, version), LOG_LIMITS.proofBytes));
  return checkRelease({
    name,
    version,
    document,
    envelope,
    proof: () =>
      readProof().catch((error: unknown) =>
        refuseMissing(error, { ...missing, code: "trust_log_invalid" }),
      ),
    log,
    pin: await readPin(store, name),
    ...given,
  });
}

interface Missing {
  readonly name: string;
  readonly version: string;
  readonly code: "trust_release_invalid" | "trust_log_invalid";
}

/** A release that lacks its statement or its proof is one that nobody vouches for. */
function refuseMissing(error: unknown, { name, version, code }: Missing): never {
  if (!(error instanceof RbsmError) || error.code !== "not_found") throw error;
  const what = code === "trust_log_invalid" ? "log proof" : "release statement";
  const message = `There is no ${what} for ${name} ${version}`;
  throw new RbsmError(code, message, { plugin: name }, error);
}

/** License, download and verification of every plugin of the plan, one after the other. */
export async function stageAll(
  parts: StageParts,
  accepted: ReadonlyMap<PlannedPlugin, AcceptedRelease>,
  order: StageOrder,
): Promise<Staged[]> {
  const staged: Staged[] = [];
  for (const planned of accepted.keys()) {
    const keyGiven = order.licenseKeys[planned.name] !== undefined;
    if (planned.entry.paid || keyGiven) await ensureLicense(parts, planned, order);
  }
  for (const [planned, release] of accepted)
    staged.push(await stageOne(parts, { planned, release }, order));
  return staged;
}

async function ensureLicense(
  parts: StageParts,
  { name, version }: PlannedPlugin,
  order: StageOrder,
): Promise<void> {
  order.onProgress({ step: "license", plugin: name, version });
  await parts.licenses.ensure(name, order.licenseKeys[name]);
}

async function stageOne(
  { bundles, marketplace, licenses }: StageParts,
  { planned, release }: { planned: PlannedPlugin; release: AcceptedRelease },
  { onProgress }: StageOrder,
): Promise<Staged> {
  const { name, entry } = planned;
  const { statement, pin, logIndex } = release;
  const path = entry.paid ? () => licenses.downloadUrl(planned) : entry.bundle;
  const bundle = await acquireBundle({
    planned,
    accepted: release,
    marketplace,
    bundles,
    path,
    onProgress,
  });
  if (needsLicense(bundle.manifest) && !entry.paid) {
    throw new RbsmError(
      "manifest_mismatch",
      `The catalogue calls ${name} free, its manifest does not`,
      { plugin: name },
    );
  }
  const { seq, publishedAt, publisherKeyId } = statement;
  return {
    name,
    bundle,
    source: "marketplace",
    pin,
    release: releaseOf(bundle, { seq, publishedAt, publisherKeyId, logIndex }),
  };
}

/** A sideloaded bundle as a member of the set. */
export function stageSideloaded(
  bundle: Bundle,
  statement: VerifiedPublisher["statement"],
  now: Date,
): Staged {
  const origin = {
    seq: null,
    publishedAt: now.toISOString(),
    publisherKeyId: statement.publisherKeyId,
    logIndex: null,
  };
  return {
    name: bundle.manifest.name,
    bundle,
    source: "sideload",
    pin: null,
    release: releaseOf(bundle, origin),
  };
}

function releaseOf(
  bundle: Bundle,
  origin: Pick<ReleaseRow, "seq" | "publishedAt" | "publisherKeyId" | "logIndex">,
): Staged["release"] {
  return {
    version: bundle.manifest.version,
    sha256: bundle.sha256,
    size: bundle.size,
    treeDigest: bundle.treeDigest,
    ...origin,
    paid: needsLicense(bundle.manifest),
    dependencies: bundle.manifest.dependencies,
  };
}
