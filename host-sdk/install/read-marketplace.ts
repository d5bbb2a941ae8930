import { fromBase64url, type Revocation } from "@rising-bsm/protocol";
import {
  createMarketplace,
  type Marketplace,
  type MarketplaceOptions,
} from "../client/marketplace.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { openLog } from "../trust/log.ts";
import { type Catalogue, openTrust } from "../trust/trust.ts";
import { acquireBundle } from "./acquire.ts";
import { createBundleFolder } from "./bundle-folder.ts";
import type { AcceptedRelease } from "./check-release.ts";
import { type PlannedPlugin, planInstall, type PluginRequest } from "./plan.ts";
import { advisoriesOn } from "./revoked.ts";
import { checkOffer } from "./stage.ts";

/** Which marketplace to read, from which trust root, and where to keep what was seen of it. */
export interface ReaderOptions extends MarketplaceOptions {
  /** Bytes of the TUF root.json that trust begins with. */
  readonly root: Uint8Array;
  /** TUF state, the log's checkpoint and bundles. A later state than there is demanded each time. */
  readonly dataDir: string;
  readonly now?: () => Date;
}

/** One version of a plugin in a document that the catalogue vouches for. */
export type ListedRelease = Pick<PlannedPlugin, "name" | "version" | "document">;

/** A release that a host would install. */
export interface CheckedRelease extends AcceptedRelease {
  /** What administrators are warned of. */
  readonly warnings: readonly Revocation[];
}

/** A marketplace or mirror read as a host reads it that has installed nothing. */
export interface MarketplaceReader {
  readonly marketplace: Marketplace;
  /**
   * The newest trust metadata and the log's checkpoint, each of which continues what was seen before.
   * Throws `trust_*` and `network_*`.
   */
  refresh(options?: { acceptStale?: boolean | undefined }): Promise<Catalogue>;
  /** What an installation of `request` takes, dependencies first. Throws as `install` does. */
  plan(catalogue: Catalogue, request: PluginRequest): Promise<readonly PlannedPlugin[]>;
  /** Statement, publisher's key, log and revocations of a release. Throws as `install` does. */
  check(catalogue: Catalogue, release: ListedRelease): Promise<CheckedRelease>;
  /** Downloads the bundle and verifies it. Throws as `install` does. */
  download(planned: PlannedPlugin, checked: AcceptedRelease): Promise<void>;
}

/** Opens a marketplace or mirror for reading. Throws `trust_root_invalid` and `usage`. */
export async function openMarketplaceReader(options: ReaderOptions): Promise<MarketplaceReader> {
  const { dataDir, root, now = () => new Date() } = options;
  const marketplace = createMarketplace(options);
  const trust = await openTrust({ dataDir, root, marketplace, now });
  const keys = async () =>
    ((await trust.verified())?.serviceKeys.log ?? []).map(({ origin, publicKey }) => ({
      name: origin,
      publicKey: fromBase64url(publicKey),
    }));
  const log = await openLog({ dataDir, marketplace, keys, now });
  const store = createMemoryStore();
  const bundles = createBundleFolder(dataDir);
  return {
    marketplace,
    async refresh(choice) {
      const catalogue = await trust.refresh(choice);
      await log.refresh();
      return catalogue;
    },
    plan: (catalogue, request) => planOf(catalogue, request),
    async check(catalogue, release) {
      const given = { trust: catalogue, acceptPublisher: false };
      const accepted = await checkOffer({ marketplace, store, log }, release, given);
      return { ...accepted, warnings: warningsOn(catalogue, accepted) };
    },
    async download(planned, accepted) {
      const path = planned.entry.bundle;
      const onProgress = () => undefined;
      await acquireBundle({ planned, accepted, marketplace, bundles, path, onProgress });
    },
  };
}

/** Which engines the host has that will install it is not known here. */
async function planOf(
  catalogue: Catalogue,
  request: PluginRequest,
): Promise<readonly PlannedPlugin[]> {
  const plan = { catalogue, requests: [request], installed: new Map(), engines: {} };
  return (await planInstall(plan)).changes;
}

/** What blocks has been refused before. */
function warningsOn(catalogue: Catalogue, { statement, logIndex }: AcceptedRelease): Revocation[] {
  const { plugin, version, bundleSha256: sha256, publisherKeyId } = statement;
  return advisoriesOn({ plugin, version, sha256, publisherKeyId, logIndex }, catalogue);
}
