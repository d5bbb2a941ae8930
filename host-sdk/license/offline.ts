import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { compareVersions, type OfflineRequestFile, RbsmError } from "@rising-bsm/protocol";
import { createMarketplace, type Marketplace } from "../client/marketplace.ts";
import type { Grant } from "../install/grant.ts";
import type { InstallSource } from "../install/installer.ts";
import { assertPluginName } from "../install/plugin-name.ts";
import type { Administration, InstallOptions } from "../lifecycle/administer.ts";
import type { AdministerParts } from "../lifecycle/administer-parts.ts";
import { applyRevocations } from "../lifecycle/revocations.ts";
import { readKnownLogs } from "../trust/log-store.ts";
import { readKnownVersions } from "../trust/metadata-folder.ts";
import type { Catalogue } from "../trust/trust.ts";
import type { LicenseDescription } from "./describe-license.ts";
import type { Licenses } from "./licenses.ts";
import { unpackAnswer, type UnpackedAnswer } from "./unpack-answer.ts";

/** What a request for a host without a network says beside the plugin's name. */
export interface OfflineRequestOptions {
  /** To claim a license; left out, the lease that is held is renewed. */
  readonly licenseKey?: string | undefined;
  /** An exact version, a range or a channel; the newest that the license covers when left out. */
  readonly version?: string | undefined;
}

/** What an administrator may say about an answer that was carried in. */
export interface ImportOptions extends Pick<
  InstallOptions,
  "onProgress" | "acceptStale" | "acceptPublisher" | "actor"
> {
  /** What a plugin that is new here may do, or an update may do beyond what it may now. */
  readonly grant?: Grant | undefined;
  /** Take the lease and leave what is installed as it is. */
  readonly leaseOnly?: boolean | undefined;
}

/** What came of an answer. */
export interface ImportedLicense {
  readonly plugin: string;
  readonly license: LicenseDescription;
  /** `unchanged`: the lease is all that was new. */
  readonly release: "installed" | "updated" | "unchanged";
  /** What is installed now; null when nothing is. */
  readonly version: string | null;
}

/** Licensing a host without a network, by files that people carry. */
export interface OfflineLicenses {
  /**
   * The request file for a plugin's license; the same request again until an answer was imported. It
   * holds the license key as it was typed. Throws `license_required` without a key and a lease.
   */
  licenseRequest(name: string, options?: OfflineRequestOptions): Promise<OfflineRequestFile>;
  /**
   * Takes an answer in: its trust metadata, the lease, and the release when that is newer than what
   * is installed. Asks nobody over the network. Throws `license_file_invalid`, `license_invalid` and
   * `trust_*`, and nothing has changed; once the lease is in force, what `install` throws.
   */
  importLicense(
    archive: Uint8Array | AsyncIterable<Uint8Array>,
    options?: ImportOptions,
  ): Promise<ImportedLicense>;
}

/** What the exchange works with. */
export interface OfflineParts {
  readonly dataDir: string;
  readonly licenses: Licenses;
  readonly administer: AdministerParts;
  readonly administration: Administration;
  readonly describe: (name: string) => LicenseDescription;
}

/** Files are unpacked below `dataDir/offline`, one answer at a time. */
export function createOfflineLicenses(parts: OfflineParts): OfflineLicenses {
  let last: Promise<unknown> = Promise.resolve();
  return {
    licenseRequest: (name, options = {}) => makeRequest(parts, name, options),
    async importLicense(archive, options = {}) {
      const chunks = chunksOf(archive);
      const done = last.then(() => importAnswer(parts, chunks, options));
      last = done.catch(() => undefined);
      return done;
    },
  };
}

/** Throws `usage` for what an application without types may pass. */
function chunksOf(archive: Uint8Array | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (archive instanceof Uint8Array) return one(archive);
  if (isStream(archive)) return archive;
  throw new RbsmError("usage", "An answer is bytes, or a stream of them");
}

function isStream(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function makeRequest(
  { licenses, administer, dataDir }: OfflineParts,
  plugin: string,
  { licenseKey, version }: OfflineRequestOptions,
): Promise<OfflineRequestFile> {
  assertPluginName(plugin);
  const { rid, nonce, held } = await licenses.beginOffline(plugin, licenseKey);
  const license = held ?? { key: licenseKey ?? "" };
  return licenses.signOffline({
    plugin,
    ...(version === undefined ? {} : { version }),
    license,
    rid,
    nonce,
    iat: Math.floor(licenses.now() / 1000),
    engines: { ...administer.install.engines },
    tuf: await readKnownVersions(dataDir),
    logs: await readKnownLogs(dataDir),
  });
}

async function importAnswer(
  parts: OfflineParts,
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportedLicense> {
  const folder = join(resolve(parts.dataDir), "offline");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const unpacked = await unpackAnswer(archive, folder);
    const source = sourceOf(parts, unpacked, createMarketplace({ url: folder }));
    await takeLease(parts, { unpacked, source }, options);
    return await takeRelease(parts, { unpacked, source }, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An answer, and where an installation reads its files. */
interface Carried {
  readonly unpacked: UnpackedAnswer;
  readonly source: InstallSource;
}

function sourceOf(
  { administer: { install } }: OfflineParts,
  { paths }: UnpackedAnswer,
  marketplace: Marketplace,
): InstallSource {
  const trust = install.trust.over(marketplace);
  return {
    marketplace,
    log: install.log.over(marketplace),
    trust: {
      async refresh(choice) {
        const catalogue = await trust.refresh(choice);
        return { ...catalogue, document: (name) => documentIn(catalogue, name) };
      },
    },
    licenses: { ...install.licenses, downloadUrl: async ({ entry }) => entry.bundle },
    withheld: ({ sha256 }) => (paths.has(`b/${sha256}.rbsm`) ? undefined : "it is not in the file"),
  };
}

/** A plugin that the file says nothing of is taken as it is installed. */
async function documentIn(catalogue: Catalogue, name: string) {
  return catalogue.document(name).catch((error: unknown) => {
    const isAbsent = error instanceof RbsmError && error.code === "network_bad_answer";
    if (!isAbsent) throw error;
    throw new RbsmError("plugin_not_found", `The file says nothing of ${name}`, {}, error);
  });
}

/** The keys that the lease verifies with come first: a host that never had a network has none yet. */
async function takeLease(
  { licenses, administer, administration }: OfflineParts,
  { unpacked: { answer }, source }: Carried,
  { acceptStale }: ImportOptions,
): Promise<void> {
  await administration.alone(async () => {
    await source.trust.refresh({ acceptStale });
    await applyRevocations(administer);
  });
  await licenses.followKeys();
  await licenses.adoptOffline(answer.plugin, answer);
}

async function takeRelease(
  { administer: { slots }, administration, describe }: OfflineParts,
  { unpacked: { answer }, source }: Carried,
  { leaseOnly = false, ...options }: ImportOptions,
): Promise<ImportedLicense> {
  const { plugin, version } = answer;
  const installed = () => slots.find(plugin)?.row.release.version ?? null;
  const before = installed();
  const isNews = version !== null && (before === null || compareVersions(version, before) > 0);
  const told = (release: ImportedLicense["release"]): ImportedLicense => ({
    plugin,
    license: describe(plugin),
    release,
    version: installed(),
  });
  if (leaseOnly || !isNews) return told("unchanged");
  await administration.carryIn(source, plugin, { ...options, version }).catch((error: unknown) => {
    throw inForce(error);
  });
  return told(before === null ? "installed" : "updated");
}

const NOT_IN_FILE = ["trust_incompatible", "dependency_missing", "dependency_conflict"];

/** The lease is in force by then, and stays. */
function inForce(error: unknown): unknown {
  if (!(error instanceof RbsmError)) return error;
  const isMissing =
    NOT_IN_FILE.includes(error.code) ||
    /^(?:trust_log_invalid|not_found|network_)/.test(error.code);
  const fix = isMissing
    ? "The lease is in force. Bring in what the plugin needs by files of its own first, then have the same request answered again."
    : (error.detail.fix ?? "The lease is in force; import the file again when that is mended.");
  return new RbsmError(error.code, error.message, { ...error.detail, fix }, error);
}
