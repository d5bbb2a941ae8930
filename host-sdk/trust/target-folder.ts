import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { RbsmError, sha256Hex } from "@rising-bsm/protocol";
import type { Marketplace } from "../client/marketplace.ts";
import { readFileIfPresent, writeFileDurably } from "../disk/durable-file.ts";
import { withheld } from "./metadata-folder.ts";

/** A file that signed metadata lists. */
export interface ListedFile {
  readonly what: string;
  readonly path: string;
  readonly sha256: string;
  readonly maxBytes: number;
}

/** Files that signed metadata lists, on disk by their digest. */
export interface TargetFolder {
  /** The file, from the disk or the marketplace; `trust_metadata_invalid` for other bytes than listed. */
  read(file: ListedFile): Promise<Uint8Array<ArrayBuffer>>;
  /** The file when it is on disk unharmed. */
  stored(sha256: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Removes every file whose digest is not among these, but none that is being downloaded. */
  keepOnly(digests: ReadonlySet<string>): Promise<void>;
}

const NAME = /^([0-9a-f]{64})\.json(?:\.\d+\.tmp)?$/;

/** Opens the cache in `dataDir/trust`. */
export async function openTargetFolder(
  dataDir: string,
  marketplace: Marketplace,
): Promise<TargetFolder> {
  const folder = join(dataDir, "trust");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const fileOf = (sha256: string) => join(folder, `${sha256}.json`);
  async function stored(sha256: string) {
    const bytes = await readFileIfPresent(fileOf(sha256));
    return bytes !== null && (await sha256Hex(bytes)) === sha256 ? bytes : null;
  }
  const fetching = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  async function fetchOnce(file: ListedFile) {
    const bytes = await download(marketplace, file);
    await writeFileDurably(fileOf(file.sha256), bytes);
    return bytes;
  }
  return {
    stored,
    async read(file) {
      const known = await stored(file.sha256);
      if (known !== null) return known;
      // Several who want the same file wait for one download.
      const fetched = fetching.get(file.sha256) ?? fetchOnce(file);
      fetching.set(file.sha256, fetched);
      return fetched.finally(() => fetching.delete(file.sha256));
    },
    async keepOnly(digests) {
      for (const name of await readdir(folder)) {
        const digest = NAME.exec(name)?.[1];
        if (digest === undefined || digests.has(digest) || fetching.has(digest)) continue;
        await rm(join(folder, name), { force: true });
      }
    },
  };
}

async function download(marketplace: Marketplace, file: ListedFile) {
  const bytes = await marketplace.getBytes(file.path, file.maxBytes).catch((error: unknown) => {
    if (error instanceof RbsmError && error.code === "not_found") throw withheld(file.what);
    throw error;
  });
  if ((await sha256Hex(bytes)) === file.sha256) return bytes;
  throw new RbsmError(
    "trust_metadata_invalid",
    `${file.what} is not the file that the trust metadata lists`,
    { url: file.path },
  );
}
