import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";
import type { Fetcher } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import type { Marketplace } from "../client/marketplace.ts";

const NEVER_FILES = "Targets are read as bytes";

/** What `createTufFetcher` returns; `failure` is the network's refusal that tuf-js may have wrapped. */
export interface TufFetcher extends Fetcher {
  readonly handedOut: ReadonlyMap<string, Uint8Array>;
  readonly failure: () => RbsmError | undefined;
}

/**
 * tuf-js's way to the marketplace: every read is capped, and root versions already verified on an
 * earlier run are answered from `knownRoots`, so that each refresh walks the whole chain from the
 * anchor the host was given. Records the roots it handed out.
 */
export function createTufFetcher(
  marketplace: Marketplace,
  knownRoots: ReadonlyMap<string, Uint8Array>,
): TufFetcher {
  const handedOut = new Map<string, Uint8Array>();
  let failure: RbsmError | undefined;
  return {
    handedOut,
    failure: () => failure,
    async downloadBytes(url, maxLength) {
      const path = url.slice(marketplace.url.length);
      const rootName = /\/(\d+\.root\.json)$/.exec(path)?.[1];
      const known = rootName === undefined ? undefined : knownRoots.get(rootName);
      const bytes =
        known ??
        (await readMetadata(marketplace, path, maxLength).catch((error: unknown) => {
          if (error instanceof RbsmError) failure = error;
          throw error;
        }));
      if (rootName !== undefined) handedOut.set(rootName, bytes);
      return Buffer.from(bytes);
    },
    downloadFile() {
      throw new RbsmError("internal", NEVER_FILES);
    },
  };
}

async function readMetadata(
  marketplace: Marketplace,
  path: string,
  maxLength: number,
): Promise<Uint8Array> {
  try {
    return await marketplace.getBytes(path, Math.min(maxLength, CLIENT_LIMITS.targetsBytes));
  } catch (error) {
    // tuf-js ends its search for newer roots on exactly this class and status.
    if (error instanceof RbsmError && error.code === "not_found")
      throw new DownloadHTTPError(error.message, 404);
    throw error;
  }
}
