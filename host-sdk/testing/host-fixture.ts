import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSimulatedDomain } from "../domain/simulated/simulated-domain.ts";
import { createPluginHost, type PluginHost } from "../host.ts";
import type { HostOptions } from "../host-options.ts";
import { createSqliteStore } from "../store/sqlite-store.ts";
import { startStaticMarketplace, type StaticMarketplace } from "./static-marketplace.ts";

/** A marketplace and an empty data directory; everything it opened ends with `close`. */
export interface HostFixture {
  readonly market: StaticMarketplace;
  readonly dataDir: string;
  /** Opens a host on the data directory; the one before has to be closed. */
  open(options?: Partial<HostOptions>): Promise<PluginHost>;
  close(): Promise<void>;
}

/** Starts the marketplace and makes the folder. */
export async function createHostFixture(): Promise<HostFixture> {
  const market = await startStaticMarketplace();
  const dataDir = await mkdtemp(join(tmpdir(), "rbsm-host-"));
  const hosts: PluginHost[] = [];
  return {
    market,
    dataDir,
    async open(options = {}) {
      const host = await openHost({ dataDir, url: market.url, root: market.root, ...options });
      hosts.push(host);
      return host;
    },
    async close() {
      for (const host of hosts) await host.close();
      await market.close();
      // An update check that closing has cut short may still write its last file.
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A host with an SQLite store in its data directory and the simulated domain. */
export async function openHost({
  url,
  root,
  dataDir,
  ...options
}: Partial<HostOptions> & { url: string; root: Uint8Array; dataDir: string }): Promise<PluginHost> {
  return createPluginHost({
    dataDir,
    marketplace: { url, root },
    store: createSqliteStore(join(dataDir, "host.sqlite")),
    domain: await createSimulatedDomain(),
    ...options,
  });
}
