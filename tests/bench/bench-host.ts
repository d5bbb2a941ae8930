import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPluginHost, type HostOptions, type PluginHost } from "@rising-bsm/host-sdk";
import { packBundle, signBundle, type SigningKey } from "@rising-bsm/protocol";
import { filesOf, randomKey, type TestRelease } from "../../host-sdk/testing/static-marketplace.ts";

/** A host as an application opens it, on a data directory of its own, that takes our own bundles. */
export interface BenchHost extends PluginHost {
  /** Signs a plugin and sideloads it with all that it asks for. */
  add(release: TestRelease): Promise<void>;
  /** Signs and sideloads bundled code of more than one file. */
  addFiles(files: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Closes the host; what it gives back opens another one on the same data directory. */
  closeForReopening(): Promise<() => Promise<BenchHost>>;
}

/** Opens a host on an empty data directory, which goes when the host is closed. */
export async function openBenchHost(options: Partial<HostOptions> = {}): Promise<BenchHost> {
  const dataDir = await mkdtemp(join(tmpdir(), "rising-bsm-bench-"));
  return openOn(dataDir, await randomKey(), options);
}

async function openOn(
  dataDir: string,
  key: SigningKey,
  options: Partial<HostOptions>,
): Promise<BenchHost> {
  const developerMode = { trust: [key.publicKey] };
  const host = await createPluginHost({ dataDir, developerMode, ...options });
  const addFiles = async (files: ReadonlyMap<string, Uint8Array>) => {
    const bundle = packBundle(await signBundle(files, key));
    await host.sideload(bundle, { grant: "requested" });
  };
  return {
    ...host,
    addFiles,
    add: (release) => addFiles(filesOf(release)),
    async closeForReopening() {
      await host.close();
      return () => openOn(dataDir, key, options);
    },
    async close() {
      await host.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
