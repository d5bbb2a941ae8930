/**
 * A marketplace of files on a real HTTP server, signed like a real one, for tests of what a host
 * accepts. It can lie in every way a hostile server can: tests replace files and the handler.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  base64url,
  bundlePath,
  compareVersions,
  hex,
  indexPath,
  type Json,
  packBundle,
  type PluginDocument,
  readBundle,
  releasePath,
  type ReleaseStatement,
  sha256Hex,
  signBundle,
  signingKeyFromSeed,
  type SigningKey,
  signRelease,
  utf8,
} from "@rising-bsm/protocol";

const YEAR_MS = 365 * 86_400_000;

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

/** Answers a request itself and says so, or leaves it to the files. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A running marketplace. */
export interface StaticMarketplace {
  readonly url: string;
  readonly root: Uint8Array;
  readonly files: Map<string, Uint8Array>;
  readonly publisher: SigningKey;
  /** Signs leases; which ones is for a license server behind {@link intercept}. */
  readonly lease: SigningKey;
  /** Paths asked for, in order. */
  readonly requests: string[];
  publish(release: TestRelease): Promise<{ sha256: string; bundle: Uint8Array }>;
  editDocument(name: string, edit: (document: PluginDocument) => PluginDocument): void;
  intercept(handler: Intercept | null): void;
  /** Publishes root version 2, signed by a threshold of the first one's signers, or by strangers. */
  rotateRoot(by: "signers" | "strangers"): Promise<Uint8Array>;
  /** Signs timestamp and snapshot again, to expire at `expires`. */
  resign(expires: Date): Promise<void>;
  close(): Promise<void>;
}

/** Starts one with fresh keys on a free port. */
export async function startStaticMarketplace(): Promise<StaticMarketplace> {
  const files = new Map<string, Uint8Array>();
  const keys = await createKeys();
  const far = new Date(Date.now() + YEAR_MS);
  const root = await writeTrust(files, keys, far);
  const served = await serve(files);
  const sequence = new Map<string, number>();
  return {
    ...served,
    root,
    files,
    publisher: keys.publisher,
    lease: keys.lease,
    publish: (release) => publish({ files, keys, sequence }, release),
    editDocument(name, edit) {
      files.set(indexPath(name), json(edit(documentOf(files, name, keys.publisher))));
    },
    async rotateRoot(by) {
      const strangers = [await randomKey(), await randomKey()];
      const signers = by === "signers" ? keys.offline.slice(1) : strangers;
      const next = await signRoot(keys, 2, signers);
      files.set("/tuf/2.root.json", next);
      return next;
    },
    resign: (expires) => writeOnline(files, keys, { version: 2, expires }),
  };
}

/** A fresh key. */
export function randomKey(): Promise<SigningKey> {
  return signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
}

interface Keys {
  readonly offline: readonly SigningKey[];
  readonly snapshot: SigningKey;
  readonly timestamp: SigningKey;
  readonly release: SigningKey;
  readonly lease: SigningKey;
  readonly publisher: SigningKey;
}

async function createKeys(): Promise<Keys> {
  const [a, b, c, snapshot, timestamp, release, lease, publisher] = await Promise.all([
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
  ]);
  return { offline: [a, b, c], snapshot, timestamp, release, lease, publisher };
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(value));
}

/** Canonical JSON of ASCII data: sorted keys and no white space, as TUF signs it. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`);
  return `{${members.join(",")}}`;
}

async function signedBy(
  signed: Json,
  signers: readonly SigningKey[],
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = utf8(canonical(signed));
  const signatures = signers.map(async (key) => ({
    keyid: key.keyId,
    sig: hex(await key.sign(bytes)),
  }));
  return json({ signatures: await Promise.all(signatures), signed });
}

function tufTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

async function writeTrust(
  files: Map<string, Uint8Array>,
  keys: Keys,
  expires: Date,
): Promise<Uint8Array> {
  const { release, lease } = keys;
  const from = "2026-01-01T00:00:00.000Z";
  const serviceKeys = json({
    release: [{ keyId: release.keyId, publicKey: base64url(release.publicKey), from }],
    lease: [{ kid: lease.keyId, publicKey: base64url(lease.publicKey), from }],
  });
  const sha256 = await sha256Hex(serviceKeys);
  files.set(`/tuf/targets/${sha256}.service-keys.json`, serviceKeys);
  const targets = {
    _type: "targets",
    spec_version: "1.0.31",
    version: 1,
    expires: tufTime(expires),
    targets: { "service-keys.json": { length: serviceKeys.length, hashes: { sha256 } } },
  };
  files.set("/tuf/1.targets.json", await signedBy(targets, keys.offline.slice(0, 2)));
  const root = await signRoot(keys, 1, keys.offline.slice(0, 2));
  files.set("/tuf/1.root.json", root);
  await writeOnline(files, keys, { version: 1, expires });
  return root;
}

async function signRoot(
  keys: Keys,
  version: number,
  signers: readonly SigningKey[],
): Promise<Uint8Array> {
  const all = [...keys.offline, keys.snapshot, keys.timestamp];
  const offline = { keyids: keys.offline.map(({ keyId }) => keyId), threshold: 2 };
  const root = {
    _type: "root",
    spec_version: "1.0.31",
    version,
    expires: tufTime(new Date(Date.now() + YEAR_MS)),
    consistent_snapshot: true,
    keys: Object.fromEntries(
      all.map((key) => [
        key.keyId,
        { keytype: "ed25519", scheme: "ed25519", keyval: { public: hex(key.publicKey) } },
      ]),
    ),
    roles: {
      root: offline,
      targets: offline,
      snapshot: { keyids: [keys.snapshot.keyId], threshold: 1 },
      timestamp: { keyids: [keys.timestamp.keyId], threshold: 1 },
    },
  };
  return signedBy(root, signers);
}

async function writeOnline(
  files: Map<string, Uint8Array>,
  keys: Keys,
  { version, expires }: { version: number; expires: Date },
): Promise<void> {
  const common = { spec_version: "1.0.31", version, expires: tufTime(expires) };
  const snapshot = { _type: "snapshot", ...common, meta: { "targets.json": { version: 1 } } };
  files.set(`/tuf/${version}.snapshot.json`, await signedBy(snapshot, [keys.snapshot]));
  const timestamp = { _type: "timestamp", ...common, meta: { "snapshot.json": { version } } };
  files.set("/tuf/timestamp.json", await signedBy(timestamp, [keys.timestamp]));
}

interface Catalogue {
  readonly files: Map<string, Uint8Array>;
  readonly keys: Keys;
  readonly sequence: Map<string, number>;
}

async function publish({ files, keys, sequence }: Catalogue, release: TestRelease) {
  const key = release.publisher ?? keys.publisher;
  const bytes = packBundle(await signBundle(filesOf(release), key));
  const bundle = await readBundle(bytes);
  const seq = (sequence.get(release.name) ?? 0) + 1;
  sequence.set(release.name, seq);
  const publishedAt = new Date().toISOString();
  const statement: ReleaseStatement = {
    type: "https://rising-bsm.com/release/v1",
    plugin: release.name,
    version: release.version,
    bundleSha256: bundle.sha256,
    size: bundle.size,
    treeDigest: bundle.treeDigest,
    publisherKeyId: key.keyId,
    seq,
    publishedAt,
    review: { verdict: "passed", policy: "test" },
    ...release.statement,
  };
  files.set(bundlePath(bundle.sha256), bytes);
  files.set(
    releasePath(release.name, release.version),
    json(await signRelease(statement, keys.release)),
  );
  const document = documentOf(files, release.name, key);
  const { manifest } = bundle;
  const entry = {
    version: release.version,
    sha256: bundle.sha256,
    size: bundle.size,
    treeDigest: bundle.treeDigest,
    publishedAt,
    status: "published",
    yanked: false,
    deprecated: false,
    permissions: manifest.permissions.map(({ code }) => code),
    network: manifest.network,
    dependencies: manifest.dependencies,
    engines: manifest.engines,
    paid: release.paid ?? false,
    bundle: bundlePath(bundle.sha256),
  } as const;
  const versions = [
    ...document.versions.filter(({ version }) => version !== release.version),
    entry,
  ];
  const latest =
    versions
      .map(({ version }) => version)
      .sort(compareVersions)
      .at(-1) ?? release.version;
  files.set(indexPath(release.name), json({ ...document, versions, channels: { latest } }));
  return { sha256: bundle.sha256, bundle: bytes };
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
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  key: SigningKey,
): PluginDocument {
  const stored = files.get(indexPath(name));
  const entry = { keyId: key.keyId, publicKey: base64url(key.publicKey) };
  if (stored === undefined) {
    return {
      type: "https://rising-bsm.com/plugin/v1",
      name,
      displayName: name,
      publisher: { name: "Acme", keys: [entry], recovery: null, statements: [] },
      channels: {},
      versions: [],
    };
  }
  const document: PluginDocument = JSON.parse(new TextDecoder().decode(stored));
  const others = document.publisher.keys.filter(({ keyId }) => keyId !== key.keyId);
  return { ...document, publisher: { ...document.publisher, keys: [...others, entry] } };
}

async function serve(files: ReadonlyMap<string, Uint8Array>) {
  let intercept: Intercept | null = null;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    requests.push(pathname);
    if (intercept?.(request, response) === true) return;
    answerFile(request, response, files.get(decodeURIComponent(pathname)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: urlOf(server),
    requests,
    intercept: (handler: Intercept | null) => void (intercept = handler),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function urlOf(server: Server): string {
  const address = server.address();
  if (typeof address !== "object" || address === null)
    throw new Error("The server does not listen");
  return `http://127.0.0.1:${address.port}`;
}

/** One file with Range and If-Range, as the Worker serves bundles. */
export function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array | undefined,
): void {
  if (bytes === undefined) {
    response.writeHead(404, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ code: "not_found", detail: "There is nothing here" }));
    return;
  }
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (from === 0) {
    response.writeHead(200, { "content-length": bytes.length });
    response.end(bytes);
    return;
  }
  response.writeHead(206, {
    "content-length": bytes.length - from,
    "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
  });
  response.end(bytes.subarray(from));
}
