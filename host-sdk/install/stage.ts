import {
  type Bundle,
  needsLicense,
  RbsmError,
  type ServiceKeys,
  type VerifiedPublisher,
} from "@rising-bsm/protocol";
import type { Marketplace } from "../client/marketplace.ts";
import type { HostStore } from "../store/host-store.ts";
import { acquireBundle } from "./acquire.ts";
import type { BundleFolder } from "./bundle-folder.ts";
import { type AcceptedRelease, checkRelease } from "./check-release.ts";
import type { Plan, PlannedPlugin } from "./plan.ts";
import type { OnProgress } from "./progress.ts";
import { type PluginRow, type PublisherPin, readPin, type ReleaseRow } from "./rows.ts";

/** What paid plugins need during an installation. */
export interface InstallLicenses {
  /** Makes sure that a license for the plugin is active here; throws `license_*`. */
  ensure(plugin: string, licenseKey: string | undefined): Promise<void>;
  /** A same-origin URL that may fetch the paid bundle. */
  downloadUrl(plugin: string, version: string): Promise<string>;
  /** Returns the seat of a plugin that was uninstalled; nothing when it has none. */
  giveBack(plugin: string): Promise<void>;
}

/** The parts of the host that staging works with. */
export interface StageParts {
  readonly store: HostStore;
  readonly bundles: BundleFolder;
  readonly marketplace: Marketplace;
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
  readonly acceptPublisher: boolean;
  readonly onProgress: OnProgress;
}

/** Checks release statement, order and publisher of every plugin of the plan; no side effects. */
export async function checkReleases(
  parts: StageParts,
  plan: Plan,
  order: StageOrder & { readonly serviceKeys: () => Promise<ServiceKeys> },
): Promise<Map<PlannedPlugin, AcceptedRelease>> {
  const accepted = new Map<PlannedPlugin, AcceptedRelease>();
  for (const planned of plan.changes) {
    const { name, version, document } = planned;
    order.onProgress({
      step: "check",
      plugin: name,
      version,
      detail: "release statement and publisher",
    });
    const release = await checkRelease({
      name,
      version,
      document,
      envelope: await readEnvelope(parts.marketplace, planned),
      serviceKeys: await order.serviceKeys(),
      pin: await readPin(parts.store, name),
      acceptPublisher: order.acceptPublisher,
    });
    accepted.set(planned, release);
  }
  return accepted;
}

/** A release without a statement is one that nobody vouches for. */
async function readEnvelope(
  marketplace: Marketplace,
  { name, version }: PlannedPlugin,
): Promise<Uint8Array> {
  return marketplace.releaseEnvelope(name, version).catch((error: unknown) => {
    if (!(error instanceof RbsmError) || error.code !== "not_found") throw error;
    throw new RbsmError(
      "trust_release_invalid",
      `There is no release statement for ${name} ${version}`,
      { plugin: name },
      error,
    );
  });
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
  const { name, version, entry } = planned;
  const { statement, pin } = release;
  const path =
    entry.paid && !(await bundles.has(statement.bundleSha256))
      ? await licenses.downloadUrl(name, version)
      : entry.bundle;
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
    release: releaseOf(bundle, { seq, publishedAt, publisherKeyId }),
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
  origin: Pick<ReleaseRow, "seq" | "publishedAt" | "publisherKeyId">,
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
