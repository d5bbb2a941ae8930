import { join, resolve } from "node:path";
import {
  type Manifest,
  packBundle,
  publisherKeyIdOf,
  readBundle,
  type SigningKey,
  signBundle,
  splitPluginName,
} from "@rising-bsm/protocol";
import { writeFileAtomic } from "../write-file.ts";
import { findingsError, readPluginFolder } from "./plugin-folder.ts";

/** A finished bundle with what a person or script wants to know about it. */
export interface BuiltBundle {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly manifest: Manifest;
  readonly sha256: string;
  readonly treeDigest: string;
  /** Id of the key that signed it; null when it is unsigned. */
  readonly publisherKeyId: string | null;
  readonly entries: readonly BundleEntry[];
}

/** One file of a bundle. */
export interface BundleEntry {
  readonly path: string;
  readonly size: number;
}

/**
 * Builds a plugin folder into a bundle, in memory. The bytes depend on the folder's content and the
 * key alone. Throws an RbsmError with all findings when the folder is not a valid plugin.
 */
export async function buildPlugin(
  folder: string,
  options: { readonly key?: SigningKey | null } = {},
): Promise<BuiltBundle> {
  const { files, findings } = await readPluginFolder(resolve(folder));
  if (findings.length > 0) throw findingsError(findings);
  const key = options.key ?? null;
  const bytes = packBundle(key === null ? files : await signBundle(files, key));
  // Read back with the reader that everyone else uses: what we would refuse never leaves here.
  return await describeBundle(bytes);
}

/** Reads a bundle strictly and describes it. Throws when it breaks the format. */
export async function describeBundle(bytes: Uint8Array<ArrayBuffer>): Promise<BuiltBundle> {
  const { files, manifest, sha256, treeDigest } = await readBundle(bytes);
  const entries = [...files].map(([path, content]) => ({ path, size: content.length }));
  return { bytes, manifest, sha256, treeDigest, publisherKeyId: publisherKeyIdOf(files), entries };
}

/** Writes a bundle to `out`, or to `dist/` in the plugin folder; answers the path. */
export async function writeBundle(
  bundle: BuiltBundle,
  { folder, out }: { folder: string; out?: string | undefined },
): Promise<string> {
  const file = resolve(out ?? join(folder, "dist", bundleFileName(bundle.manifest)));
  await writeFileAtomic(file, bundle.bytes);
  return file;
}

function bundleFileName({ name, version }: Manifest): string {
  const parts = splitPluginName(name);
  return `${parts.scope.slice(1)}-${parts.name}-${version}.rbsm`;
}
