import { createPluginHost } from "@rising-bsm/host-sdk";

/** One host for the process: Next.js may evaluate this module more than once. */
export function pluginHost() {
  globalThis.pluginHost ??= createPluginHost({
    dataDir: process.env.DATA_DIR,
    developerMode: { trust: [process.env.PUBLISHER_KEY] },
    logger: console,
  });
  return globalThis.pluginHost;
}
