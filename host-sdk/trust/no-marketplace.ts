import { join } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import type { Marketplace } from "../client/marketplace.ts";
import { readFileIfPresent } from "../disk/durable-file.ts";
import type { Trust } from "./trust.ts";
import { parseStoredTrust, type VerifiedTrust } from "./verified.ts";

/** What a host without a marketplace goes by. */
const NOTHING_VERIFIED: VerifiedTrust = {
  serviceKeys: { release: [], lease: [], log: [] },
  policy: { type: "https://rising-bsm.com/policy/v1", publisherKeys: [] },
  revocations: { type: "https://rising-bsm.com/revocations/v1", entries: [] },
  advisories: { type: "https://rising-bsm.com/advisories/v1", entries: [] },
  refreshedAt: new Date(0).toISOString(),
  signedAt: new Date(0).toISOString(),
};

async function refuseMarketplace(): Promise<never> {
  throw new RbsmError("plugin_not_found", "This host has no marketplace", {
    fix: "Give createPluginHost a marketplace.",
  });
}

/** A marketplace of which everything is refused. */
export function noMarketplace(): Marketplace {
  const refuse = refuseMarketplace;
  return {
    url: "http://localhost",
    send: refuse,
    mirrors: [],
    getBytes: refuse,
    getIfChanged: refuse,
    releaseEnvelope: refuse,
    sendJson: refuse,
  };
}

/** What an earlier run has verified counts for a host that asks nobody too. */
export function storedTrust(dataDir: string): Trust {
  const catalogue = { ...NOTHING_VERIFIED, document: refuseMarketplace };
  const file = join(dataDir, "trust", "verified.json");
  return {
    refresh: async () => catalogue,
    over: () => ({ refresh: refuseMarketplace }),
    check: async () => ({ changed: false, catalogue }),
    verified: async () => parseStoredTrust(await readFileIfPresent(file))?.trust ?? null,
  };
}
