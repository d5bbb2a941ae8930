import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  CLIENT_LIMITS,
  fromBase64url,
  parseJson,
  RbsmError,
  type ServiceKeys,
  serviceKeysSchema,
  sha256Hex,
  utf8,
} from "@rising-bsm/protocol";
import { type TargetFile, Updater } from "tuf-js";
import { z } from "zod";
import type { Marketplace } from "../client/marketplace.ts";
import { readFileIfPresent, writeFileDurably } from "../disk/durable-file.ts";
import { createTufFetcher } from "./tuf-fetcher.ts";

const SERVICE_KEYS = "service-keys.json";

/** What the last successful refresh proved. Run-time decisions read only this copy. */
export interface VerifiedTrust {
  readonly serviceKeys: ServiceKeys;
  /** ISO time of the refresh. */
  readonly refreshedAt: string;
}

/** The host's view of the marketplace's keys. Expiry gates installing and updating, never running. */
export interface Trust {
  /** Walks root → timestamp → snapshot → targets; with `acceptStale` the last verified copy is good enough. */
  refresh(options?: { acceptStale?: boolean | undefined }): Promise<VerifiedTrust>;
  /** The last verified copy without asking anybody; null before the first refresh. */
  verified(): Promise<VerifiedTrust | null>;
}

/** Where the trust state lives, what it starts from, and the clock. */
export interface TrustOptions {
  readonly dataDir: string;
  /** Bytes of the TUF root.json this host was given. */
  readonly root: Uint8Array;
  readonly marketplace: Marketplace;
  readonly now: () => Date;
}

const verifiedSchema = z.object({ serviceKeys: serviceKeysSchema, refreshedAt: z.iso.datetime() });
const rootVersionSchema = z.object({
  signed: z.object({ _type: z.literal("root"), version: z.int().positive() }),
});

/** Opens the trust state under `dataDir`; throws `trust_root_invalid` when it does not descend from `root`. */
export async function openTrust(options: TrustOptions): Promise<Trust> {
  const anchor = readAnchor(options.root);
  const folders = {
    tuf: join(options.dataDir, "tuf"),
    roots: join(options.dataDir, "tuf", "roots"),
  };
  await mkdir(folders.roots, { recursive: true, mode: 0o700 });
  const known = await readFileIfPresent(join(folders.roots, anchor.name));
  if (
    known !== null &&
    (await sha256Hex(known)) !== (await sha256Hex(new Uint8Array(options.root)))
  ) {
    throw rootInvalid("The data directory was set up with another trust root of the same version");
  }
  const verifiedFile = join(options.dataDir, "trust", "verified.json");
  const readVerified = async () => parseVerified(await readFileIfPresent(verifiedFile));
  const refreshOnce = async () => {
    const serviceKeys = await refreshChain(options, { anchor, folders });
    const trust = { serviceKeys, refreshedAt: options.now().toISOString() };
    await writeFileDurably(verifiedFile, utf8(JSON.stringify(trust)));
    return trust;
  };
  let last: Promise<unknown> = Promise.resolve();
  // tuf-js writes its files in place: two refreshes at once would read each other's halves.
  const refreshAfter = () => {
    const refreshed = last.then(refreshOnce);
    last = refreshed.catch(() => undefined);
    return refreshed;
  };
  return {
    verified: readVerified,
    async refresh({ acceptStale = false } = {}) {
      try {
        return await refreshAfter();
      } catch (error) {
        const stale = acceptStale && isStale(error) ? await readVerified() : null;
        if (stale === null) throw error;
        return stale;
      }
    },
  };
}

interface Anchor {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function rootInvalid(message: string, cause?: unknown): RbsmError {
  const fix = "Give the host the root.json of this marketplace, or use a fresh data directory.";
  return new RbsmError("trust_root_invalid", message, { fix }, cause);
}

function readAnchor(bytes: Uint8Array): Anchor {
  const value = parseJson(bytes, { maxBytes: CLIENT_LIMITS.rootBytes, code: "trust_root_invalid" });
  const parsed = rootVersionSchema.safeParse(value);
  if (!parsed.success) throw rootInvalid("The trust root is not TUF root metadata");
  return { name: `${parsed.data.signed.version}.root.json`, bytes };
}

function parseVerified(bytes: Uint8Array | null): VerifiedTrust | null {
  if (bytes === null) return null;
  const value = parseJson(bytes, {
    maxBytes: CLIENT_LIMITS.jsonBytes,
    code: "trust_metadata_invalid",
  });
  const parsed = verifiedSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RbsmError("trust_metadata_invalid", "The stored trust state is damaged", {
    fix: "Delete trust/verified.json in the data directory; the next refresh writes it again.",
  });
}

function isStale(error: unknown): boolean {
  if (!(error instanceof RbsmError)) return false;
  return (
    error.code === "trust_metadata_expired" ||
    error.code === "unavailable" ||
    error.code.startsWith("network_")
  );
}

async function refreshChain(
  { marketplace }: TrustOptions,
  { anchor, folders }: { anchor: Anchor; folders: { tuf: string; roots: string } },
): Promise<ServiceKeys> {
  const knownRoots = await readKnownRoots(folders.roots);
  const fetcher = createTufFetcher(marketplace, knownRoots);
  try {
    // Starting at the anchor each time makes tuf-js prove every stored root a successor of it.
    await writeFileDurably(join(folders.tuf, "root.json"), anchor.bytes);
    const updater = new Updater({
      metadataDir: folders.tuf,
      metadataBaseUrl: `${marketplace.url}/tuf`,
      fetcher,
      config: {
        rootMaxLength: CLIENT_LIMITS.rootBytes,
        timestampMaxLength: CLIENT_LIMITS.timestampBytes,
        snapshotMaxLength: CLIENT_LIMITS.snapshotBytes,
        targetsMaxLength: CLIENT_LIMITS.targetsBytes,
      },
    });
    await updater.refresh();
    await keepRoots(folders.roots, new Map([[anchor.name, anchor.bytes], ...fetcher.handedOut]));
    return await readServiceKeys(marketplace, await updater.getTargetInfo(SERVICE_KEYS));
  } catch (error) {
    throw fetcher.failure() ?? trustError(error, knownRoots.size > 0 && isRootProblem(error));
  }
}

async function readKnownRoots(folder: string): Promise<Map<string, Uint8Array>> {
  const known = new Map<string, Uint8Array>();
  for (const name of await readdir(folder)) {
    const bytes = /^\d+\.root\.json$/.test(name)
      ? await readFileIfPresent(join(folder, name))
      : null;
    if (bytes !== null) known.set(name, bytes);
  }
  return known;
}

async function keepRoots(folder: string, roots: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of roots) {
    if ((await readFileIfPresent(join(folder, name))) === null)
      await writeFileDurably(join(folder, name), bytes);
  }
}

async function readServiceKeys(
  marketplace: Marketplace,
  target: TargetFile | undefined,
): Promise<ServiceKeys> {
  const digest = target?.hashes["sha256"];
  if (target === undefined || digest === undefined) {
    throw new RbsmError(
      "trust_metadata_invalid",
      `The trust metadata does not list ${SERVICE_KEYS}`,
    );
  }
  const maxBytes = Math.min(target.length, CLIENT_LIMITS.serviceKeysBytes);
  const bytes = await marketplace.getBytes(`/tuf/targets/${digest}.${SERVICE_KEYS}`, maxBytes);
  if (bytes.byteLength !== target.length || (await sha256Hex(bytes)) !== digest) {
    throw new RbsmError(
      "trust_metadata_invalid",
      `${SERVICE_KEYS} is not the file that the trust metadata lists`,
    );
  }
  const parsed = serviceKeysSchema.safeParse(
    parseJson(bytes, { maxBytes, code: "trust_metadata_invalid" }),
  );
  if (parsed.success) return parsed.data;
  throw new RbsmError(
    "trust_metadata_invalid",
    `${SERVICE_KEYS} has not the shape this host knows`,
  );
}

function isRootProblem(error: unknown): boolean {
  return error instanceof Error && /\broot was signed by\b/.test(error.message);
}

/** tuf-js wraps what happened below snapshot and targets into its message text, so the text has to decide. */
function trustError(error: unknown, storedRootRefused: boolean): unknown {
  if (error instanceof RbsmError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (storedRootRefused)
    return rootInvalid("The stored trust roots do not descend from the given root", error);
  if (/expired/i.test(message)) {
    const fix =
      "Wait until the marketplace signs again, or pass acceptStale to go on with the last verified state.";
    return new RbsmError("trust_metadata_expired", undefined, { fix, reason: message }, error);
  }
  return new RbsmError(
    "trust_metadata_invalid",
    `The trust metadata does not verify: ${message}`,
    {},
    error,
  );
}

/** Look-up of a release-signing key by its id, as `openRelease` takes it. */
export function releaseKeyOf(serviceKeys: ServiceKeys): (keyId: string) => Uint8Array | undefined {
  return (keyId) => {
    const entry = serviceKeys.release.find((key) => key.keyId === keyId);
    return entry === undefined ? undefined : fromBase64url(entry.publicKey);
  };
}
