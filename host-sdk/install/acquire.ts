import {
  type Bundle,
  type Manifest,
  RbsmError,
  readBundle,
  verifyPublisher,
} from "@rising-bsm/protocol";
import { downloadBundle } from "../client/download-bundle.ts";
import type { Marketplace } from "../client/marketplace.ts";
import type { AcceptedRelease } from "./check-release.ts";
import type { BundleFolder } from "./bundle-folder.ts";
import type { PlannedPlugin } from "./plan.ts";
import type { OnProgress } from "./progress.ts";

/** A release that was checked, and where to get and keep its bytes. */
export interface Acquisition {
  readonly planned: PlannedPlugin;
  readonly accepted: AcceptedRelease;
  readonly marketplace: Marketplace;
  readonly bundles: BundleFolder;
  /** Path of the bundle, or what asks for an authorised URL of it. */
  readonly path: string | (() => Promise<string>);
  readonly onProgress: OnProgress;
}

/** Downloads a bundle unless it is on disk already, and verifies it down to the publisher's signature. */
export async function acquireBundle(acquisition: Acquisition): Promise<Bundle> {
  const { planned, accepted, bundles, onProgress } = acquisition;
  const { statement } = accepted;
  const report = { plugin: planned.name, version: planned.version };
  onProgress({ step: "download", ...report, done: 0, total: statement.size });
  if (!(await bundles.has(statement.bundleSha256))) {
    await downloadBundle(acquisition.marketplace.send, {
      path: acquisition.path,
      mirrors: acquisition.marketplace.mirrors,
      signal: acquisition.marketplace.signal,
      sha256: statement.bundleSha256,
      size: statement.size,
      file: bundles.fileOf(statement.bundleSha256),
      onProgress: (done) =>
        onProgress({ step: "download", ...report, done, total: statement.size }),
    });
  }
  onProgress({ step: "verify", ...report });
  const bundle = await bundles.open({
    sha256: statement.bundleSha256,
    treeDigest: statement.treeDigest,
  });
  await verifySignature(bundle, accepted);
  checkAnnounced(bundle.manifest, planned);
  refuseSystem(bundle.manifest);
  return bundle;
}

/** System permissions belong to the plugin that ships with the host; a marketplace cannot give them. */
function refuseSystem(manifest: Manifest): void {
  if (manifest.type !== "system") return;
  throw new RbsmError("permission_denied", `${manifest.name} wants to be a system plugin`, {
    plugin: manifest.name,
  });
}

/** The publisher statement inside the bundle, made with the very key the release statement names. */
async function verifySignature(
  bundle: Bundle,
  { statement, publisherKey }: AcceptedRelease,
): Promise<void> {
  const trusted = (keyId: string) =>
    keyId === statement.publisherKeyId ? publisherKey : undefined;
  const { statement: published } = await verifyPublisher(bundle.files, trusted, bundle);
  if (published.plugin !== statement.plugin || published.version !== statement.version) {
    throw new RbsmError(
      "manifest_mismatch",
      `The bundle is ${published.plugin} ${published.version}`,
      {
        expected: { plugin: statement.plugin, version: statement.version },
      },
    );
  }
}

/** The set was chosen by the catalogue's dependencies, so the signed manifest must say the same. */
function checkAnnounced(manifest: Manifest, { name, entry }: PlannedPlugin): void {
  const announced = canonical(entry.dependencies);
  if (canonical(manifest.dependencies) === announced) return;
  throw new RbsmError(
    "manifest_mismatch",
    `The catalogue lists other dependencies of ${name} than its manifest`,
    {
      plugin: name,
      fix: "Tell the marketplace: its catalogue does not match the signed release.",
    },
  );
}

function canonical(dependencies: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Verifies bytes that came past the marketplace against keys a developer trusts. */
export async function openSideloaded(
  bytes: Uint8Array,
  trusted: (keyId: string) => Uint8Array | undefined,
): Promise<Bundle & { readonly publisherKeyId: string }> {
  const bundle = await readBundle(bytes);
  const { statement } = await verifyPublisher(bundle.files, trusted, bundle);
  refuseSystem(bundle.manifest);
  return { ...bundle, publisherKeyId: statement.publisherKeyId };
}
