/** Building and checking plugins from a script: what the commands do, as functions. */
export {
  buildPlugin,
  type BuiltBundle,
  type BundleEntry,
  describeBundle,
  writeBundle,
} from "./build/build-plugin.ts";
export { type PluginFolder, readPluginFolder } from "./build/plugin-folder.ts";
export { verifyBundle, type VerifiedBundle } from "./build/verify-bundle.ts";
export { exitCode } from "./exit-code.ts";
export { createKeyFile, readKeyFile } from "./keys/key-file.ts";
export type { LocatedFinding } from "./report.ts";
