import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Bundle, BUNDLE_LIMITS, readBundle, RbsmError, sha256Hex } from "@rising-bsm/protocol";
import { partialFileOf } from "../client/download-bundle.ts";
import { readFileIfPresent, writeFileDurably } from "../disk/durable-file.ts";
import type { ReleaseRow } from "./rows.ts";

/** How long the partial file of a failed download waits for its next try, in ms. */
const PARTIAL_KEPT_MS = 7 * 24 * 3_600_000;

const FETCH_AGAIN =
  "Enable the plugin or install it again: the same release is fetched and verified. What was sideloaded has to be sideloaded again.";

/** `dataDir/bundles`: one immutable file a release, named by its SHA-256. */
export interface BundleFolder {
  fileOf(sha256: string): string;
  /** Whether the bundle is there with every byte as it was. */
  has(sha256: string): Promise<boolean>;
  write(sha256: string, bytes: Uint8Array): Promise<void>;
  /** Reads a bundle and proves again that it is the release's: file digest, profile, tree. */
  open(release: Pick<ReleaseRow, "sha256" | "treeDigest">): Promise<Bundle>;
  /** Removes every bundle outside `keep` and old partial downloads. */
  sweep(keep: ReadonlySet<string>, now: Date): Promise<void>;
}

/** The bundle folder below a data directory. Bundles count for nothing until a stored row names them. */
export function createBundleFolder(dataDir: string): BundleFolder {
  const folder = join(dataDir, "bundles");
  const fileOf = (sha256: string) => join(folder, `${sha256}.rbsm`);
  return {
    fileOf,
    has: async (sha256) => isWhole(fileOf(sha256), sha256),
    write: (sha256, bytes) => writeFileDurably(fileOf(sha256), bytes),
    open: async (release) => openStored(fileOf(release.sha256), release),
    sweep: (keep, now) => sweepFolder(folder, { keep, now, fileOf }),
  };
}

async function isWhole(file: string, sha256: string): Promise<boolean> {
  const bytes = await readBundleFile(file).catch(() => null);
  return bytes !== null && (await sha256Hex(bytes)) === sha256;
}

/** No more of a file than a bundle may have; null when there is none. */
async function readBundleFile(file: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const size = (await stat(file).catch(() => null))?.size ?? 0;
  if (size > BUNDLE_LIMITS.fileBytes) throw altered(file);
  return readFileIfPresent(file);
}

async function openStored(
  file: string,
  { sha256, treeDigest }: Pick<ReleaseRow, "sha256" | "treeDigest">,
): Promise<Bundle> {
  const bytes = await readBundleFile(file);
  if (bytes === null) {
    throw new RbsmError(
      "bundle_missing_entry",
      "The plugin's bundle is gone from the data directory",
      {
        file,
        fix: FETCH_AGAIN,
      },
    );
  }
  // Before it is opened: altered bytes are rarely a bundle, and what to do is the same.
  if ((await sha256Hex(bytes)) !== sha256) throw altered(file);
  const bundle = await readBundle(bytes);
  if (bundle.treeDigest !== treeDigest) throw altered(file);
  return bundle;
}

function altered(file: string): RbsmError {
  return new RbsmError(
    "bundle_digest_mismatch",
    "The plugin's bundle was changed on disk after its installation",
    {
      file,
      fix: `Find out who changed it. ${FETCH_AGAIN}`,
    },
  );
}

async function sweepFolder(
  folder: string,
  {
    keep,
    now,
    fileOf,
  }: { keep: ReadonlySet<string>; now: Date; fileOf: (sha256: string) => string },
): Promise<void> {
  const kept = new Set([...keep].map((sha256) => fileOf(sha256)));
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const file = join(folder, name);
    const isPartial = file.endsWith(partialFileOf(""));
    const modified = (await stat(file).catch(() => null))?.mtimeMs ?? 0;
    const resumable = isPartial && now.getTime() - modified < PARTIAL_KEPT_MS;
    if (!kept.has(file) && !resumable) await rm(file, { force: true });
  }
}
