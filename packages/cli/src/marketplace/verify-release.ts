import { resolve } from "node:path";
import { type CheckedRelease, openMarketplaceReader } from "@rising-bsm/host-sdk";
import { localText, RbsmError, sha256Hex } from "@rising-bsm/protocol";
import type { VerifiedBundle } from "../build/verify-bundle.ts";
import type { Cli } from "../command.ts";
import { logStateDir } from "../log/log-access.ts";
import { marketplaceAddress } from "./address.ts";
import { readRootFile } from "./root-file.ts";

/** Which marketplace has to vouch for a bundle. */
export interface MarketplaceTrust {
  readonly root: string;
  readonly url?: string;
  readonly acceptStale?: boolean;
}

/** What the marketplace says of a bundle, all of it verified. */
export interface VerifiedRelease {
  readonly url: string;
  readonly publisher: string;
  readonly publishedAt: string;
  /** Null: in another log than the one that places are counted in. */
  readonly logIndex: number | null;
  /** Ids, actions and reasons of advisories that warn. */
  readonly warnings: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Holds a bundle whose own signature verifies against the marketplace: who publishes the plugin, the
 * release statement, the log and revocations. Throws as an installation does.
 */
export async function verifyRelease(
  cli: Cli,
  bundle: VerifiedBundle,
  trust: MarketplaceTrust,
): Promise<VerifiedRelease> {
  const url = await marketplaceAddress(cli, trust.url);
  const root = await readRootFile(resolve(cli.cwd, trust.root));
  const dataDir = await logStateDir(cli, await sha256Hex(root), url);
  const reader = await openMarketplaceReader({ url, root, dataDir, signal: cli.signal });
  const { acceptStale } = trust;
  const catalogue = await reader.refresh({ acceptStale });
  const { plugin: name, version } = bundle;
  const document = await catalogue.document(name);
  if (!document.versions.some((entry) => entry.version === version)) {
    throw new RbsmError("plugin_not_found", `${url} has no ${name} ${version}`, { plugin: name });
  }
  const checked = await reader.check(catalogue, { name, version, document });
  requireSame(bundle, checked);
  const { publishedAt } = checked.statement;
  return {
    url,
    publisher: document.publisher.name,
    publishedAt,
    logIndex: checked.logIndex,
    warnings: checked.warnings.map(({ id, reason }) => ({ id, reason: localText(reason, "en") })),
  };
}

/** The statement speaks of one file, signed by one key. */
function requireSame(bundle: VerifiedBundle, { statement }: CheckedRelease): void {
  if (statement.bundleSha256 !== bundle.sha256) {
    const message = `The marketplace released ${bundle.plugin} ${bundle.version} with other bytes`;
    throw new RbsmError("bundle_digest_mismatch", message, {
      expected: statement.bundleSha256,
      found: bundle.sha256,
      fix: "do not install this file; take the one of the marketplace",
    });
  }
  if (statement.publisherKeyId !== bundle.publisherKeyId) {
    throw new RbsmError("signature_untrusted_key", "The marketplace names another publisher's key");
  }
}
