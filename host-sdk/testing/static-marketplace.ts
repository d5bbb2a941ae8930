/**
 * A marketplace of files on a real HTTP server, signed like a real one, for tests of what a host
 * accepts. It can lie in every way a hostile server can: tests replace files and the handler.
 */
import {
  type Advisories,
  ADVISORIES_TARGET,
  base64url,
  bundlePath,
  compareVersions,
  documentPath,
  encodeLogEntry,
  indexPath,
  type Json,
  packBundle,
  type PluginDocument,
  type Policy,
  POLICY_TARGET,
  proofPath,
  readBundle,
  releasePath,
  type ReleaseStatement,
  type Revocations,
  REVOCATIONS_TARGET,
  SERVICE_KEYS_TARGET,
  type ServiceKeys,
  signBundle,
  signingKeyFromSeed,
  type SigningKey,
  signRelease,
  statementDigest,
  utf8,
} from "@rising-bsm/protocol";
import { type FileServer, serveFiles } from "./serve-files.ts";
import { createTestLog, type TestLog } from "./test-log.ts";
import { createTufRepository, sha256Of, type TufRepository } from "./tuf-repository.ts";

export { answerFile } from "./serve-files.ts";

/** Name of the log. */
export const LOG_ORIGIN = "rising-bsm.com/log";

const FROM = "2026-01-01T00:00:00.000Z";

/** What a test publishes: a manifest's members beside the required ones, and the code of `main`. */
export interface TestRelease {
  readonly name: string;
  readonly version: string;
  readonly code?: string;
  readonly manifest?: Readonly<Record<string, Json>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly permissions?: readonly Json[];
  readonly publisher?: SigningKey;
  readonly paid?: boolean;
  /** Members of the statement to set otherwise than truth would have it. */
  readonly statement?: Partial<ReleaseStatement>;
}

/** A running marketplace. Everything a test changes is signed at once, unless it changes `files` itself. */
export interface StaticMarketplace extends FileServer {
  /** Root version 1. */
  readonly root: Uint8Array;
  readonly files: Map<string, Uint8Array>;
  readonly publisher: SigningKey;
  /** Signs releases: in a test that steals it, another's statements too. */
  readonly release: SigningKey;
  /** Signs leases; which ones is for a license server behind {@link intercept}. */
  readonly lease: SigningKey;
  readonly log: TestLog;
  /** Signs, forges and rotates below what this interface has words for. */
  readonly tuf: TufRepository;
  publish(release: TestRelease): Promise<{ sha256: string; bundle: Uint8Array }>;
  /** The document as it is served; undefined when there is none. */
  document(name: string): PluginDocument | undefined;
  editDocument(name: string, edit: (document: PluginDocument) => PluginDocument): void;
  removeDocument(name: string): void;
  /** Sets members of the document's publisher: keys, recovery, statements. */
  setPublisherKeys(name: string, publisher: Partial<PluginDocument["publisher"]>): void;
  /** Adds an entry to the offline list of revocations. */
  revoke(entry: Revocations["entries"][number]): void;
  /** Adds an entry to the online list of advisories. */
  advise(entry: Advisories["entries"][number]): void;
  /** Adds keys to the offline policy. */
  vouch(entry: Policy["publisherKeys"][number]): void;
  editServiceKeys(edit: (keys: ServiceKeys) => ServiceKeys): void;
  /** Publishes the next root, signed by a threshold of the first one's signers, or by strangers. */
  rotateRoot(by: "signers" | "strangers"): Promise<Uint8Array>;
  rotateOnline(role: "catalog" | "snapshot" | "timestamp"): void;
  /** Signs timestamp and snapshot again, as the daily cron does, or to expire at `expires`. */
  resign(expires?: Date): Promise<void>;
  /** Lifetimes of what is signed from now on count from what this returns. */
  setClock(now: () => Date): void;
}

/** Starts one with fresh keys on a free port. */
export async function startStaticMarketplace(): Promise<StaticMarketplace> {
  const files = new Map<string, Uint8Array>();
  const [release, lease, publisher, logKey] = await Promise.all([
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
  ]);
  let clock = () => new Date();
  const tuf = createTufRepository(files, () => clock());
  const log = await createTestLog(LOG_ORIGIN, logKey);
  const documents = new Map<string, PluginDocument>();
  const market = { files, tuf, log, release, publisher, documents, now: () => clock() };
  const lists = createLists(tuf, { release, lease, log });
  tuf.sign();
  await writeLog(market);
  return {
    ...(await serveFiles(files)),
    ...lists,
    root: tuf.anchor,
    files,
    tuf,
    log,
    release,
    publisher,
    lease,
    publish: (order) => publish(market, order),
    document: (name) => market.documents.get(name),
    editDocument: (name, edit) => writeDocument(market, edit(documentOf(market, name)), name),
    removeDocument: (name) => removeDocument(market, name),
    setPublisherKeys(name, keys) {
      const document = documentOf(market, name);
      writeDocument(market, { ...document, publisher: { ...document.publisher, ...keys } });
    },
    rotateRoot: async (by) => tuf.rotateRoot(by),
    rotateOnline: (role) => tuf.rotateOnline(role),
    resign: async (expires) => tuf.sign(expires),
    setClock: (now) => void (clock = now),
  };
}

type Lists = Pick<StaticMarketplace, "revoke" | "advise" | "vouch" | "editServiceKeys">;

/** The lists beside the catalogue, and the ways to change them. */
function createLists(
  tuf: TufRepository,
  { release, lease, log }: { release: SigningKey; lease: SigningKey; log: TestLog },
): Lists {
  let serviceKeys: ServiceKeys = {
    release: [{ keyId: release.keyId, publicKey: base64url(release.publicKey), from: FROM }],
    lease: [{ kid: lease.keyId, publicKey: base64url(lease.publicKey), from: FROM }],
    log: [{ origin: log.origin, publicKey: base64url(log.key.publicKey), from: FROM }],
  };
  const revocations: Revocations["entries"] = [];
  const advisories: Advisories["entries"] = [];
  const publisherKeys: Policy["publisherKeys"] = [];
  const list = (target: string, value: unknown) => {
    tuf.set(target, json(value));
    tuf.sign();
  };
  const type = (name: string) => `https://rising-bsm.com/${name}/v1`;
  const writeRevocations = () =>
    list(REVOCATIONS_TARGET, { type: type("revocations"), entries: revocations });
  const writeAdvisories = () =>
    list(ADVISORIES_TARGET, { type: type("advisories"), entries: advisories });
  const writePolicy = () => list(POLICY_TARGET, { type: type("policy"), publisherKeys });
  tuf.set(SERVICE_KEYS_TARGET, json(serviceKeys));
  tuf.set(REVOCATIONS_TARGET, json({ type: type("revocations"), entries: [] }));
  tuf.set(ADVISORIES_TARGET, json({ type: type("advisories"), entries: [] }));
  tuf.set(POLICY_TARGET, json({ type: type("policy"), publisherKeys }));
  return {
    revoke: (entry) => (revocations.push(entry), writeRevocations()),
    advise: (entry) => (advisories.push(entry), writeAdvisories()),
    vouch: (entry) => (publisherKeys.push(entry), writePolicy()),
    editServiceKeys: (edit) => list(SERVICE_KEYS_TARGET, (serviceKeys = edit(serviceKeys))),
  };
}

/** A fresh key. */
export function randomKey(): Promise<SigningKey> {
  return signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
}

interface Catalogue {
  readonly files: Map<string, Uint8Array>;
  readonly tuf: TufRepository;
  readonly log: TestLog;
  readonly release: SigningKey;
  readonly publisher: SigningKey;
  readonly documents: Map<string, PluginDocument>;
  readonly now: () => Date;
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(value));
}

async function writeLog({ files, log }: Catalogue): Promise<void> {
  for (const [path, bytes] of await log.files()) files.set(path, bytes);
}

async function publish(market: Catalogue, release: TestRelease) {
  const { files, log } = market;
  const { name, version } = release;
  const key = release.publisher ?? market.publisher;
  const bytes = packBundle(await signBundle(filesOf(release), key));
  const { sha256, size, treeDigest, manifest } = await readBundle(bytes);
  const before = documentOf(market, name, key);
  const publishedAt = market.now().toISOString();
  const statement: ReleaseStatement = {
    type: "https://rising-bsm.com/release/v1",
    plugin: name,
    version,
    bundleSha256: sha256,
    size,
    treeDigest,
    publisherKeyId: key.keyId,
    seq: log.size() + 1,
    publishedAt,
    review: { verdict: "passed", policy: "test" },
    ...release.statement,
  };
  const envelope = await signRelease(statement, market.release);
  const digest = await statementDigest(envelope);
  const entry = { type: "release", plugin: name, version, statement: digest } as const;
  const logIndex = await log.append(encodeLogEntry(entry));
  files.set(bundlePath(sha256), bytes);
  files.set(releasePath(name, version), json(envelope));
  files.set(proofPath(name, version), utf8(await log.proof(logIndex)));
  await writeLog(market);
  const listed: PluginDocument["versions"][number] = {
    version,
    sha256,
    size,
    treeDigest,
    publishedAt,
    logIndex,
    status: "published",
    yanked: false,
    deprecated: false,
    permissions: manifest.permissions.map(({ code }) => code),
    network: manifest.network,
    dependencies: manifest.dependencies,
    engines: manifest.engines,
    paid: release.paid ?? false,
    bundle: bundlePath(sha256),
  };
  const versions = [...before.versions.filter((one) => one.version !== version), listed];
  const latest = versions.map((one) => one.version).toSorted(compareVersions);
  const channels = { latest: latest.at(-1) ?? version };
  writeDocument(market, { ...before, versions, channels });
  return { sha256, bundle: bytes };
}

/** Under the name `as`, which is a lie when it is not the document's own. */
function writeDocument(market: Catalogue, document: PluginDocument, as = document.name): void {
  const bytes = json(document);
  market.documents.set(as, document);
  market.files.set(indexPath(as), bytes);
  market.files.set(documentPath(as, sha256Of(bytes)), bytes);
  listDocuments(market, as);
}

function removeDocument(market: Catalogue, name: string): void {
  market.documents.delete(name);
  market.files.delete(indexPath(name));
  listDocuments(market, name);
}

/** Signs the shard that the name belongs to. */
function listDocuments({ documents, tuf }: Catalogue, name: string): void {
  const shardOf = (one: string) => `catalog/${sha256Of(one).slice(0, 2)}.json`;
  const shard = shardOf(name);
  const listed = [...documents].filter(([one]) => shardOf(one) === shard);
  const plugins = Object.fromEntries(listed.map(([one, doc]) => [one, sha256Of(json(doc))]));
  const type = "https://rising-bsm.com/catalog-shard/v1";
  tuf.set(shard, listed.length === 0 ? null : json({ type, plugins }));
  tuf.sign();
}

/** The files of a release, not signed. */
export function filesOf(release: TestRelease): Map<string, Uint8Array> {
  const manifest = {
    name: release.name,
    version: release.version,
    main: "index.js",
    permissions: release.permissions ?? [],
    dependencies: release.dependencies ?? {},
    ...release.manifest,
  };
  const code =
    release.code ?? `export default { methods: { version() { return "${release.version}"; } } };`;
  return new Map([
    ["index.js", utf8(code)],
    ["manifest.json", json(manifest)],
  ]);
}

function documentOf(
  { documents, publisher }: Catalogue,
  name: string,
  key = publisher,
): PluginDocument {
  const entry = { keyId: key.keyId, publicKey: base64url(key.publicKey) };
  const stored = documents.get(name);
  if (stored === undefined) {
    return {
      type: "https://rising-bsm.com/plugin/v1",
      name,
      displayName: name,
      publisher: { name: "acme", keys: [entry], recovery: null, statements: [] },
      channels: {},
      versions: [],
    };
  }
  if (stored.publisher.keys.some(({ keyId }) => keyId === key.keyId)) return stored;
  const keys = [...stored.publisher.keys, entry];
  return { ...stored, publisher: { ...stored.publisher, keys } };
}
