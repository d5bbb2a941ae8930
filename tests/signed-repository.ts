import { randomBytes } from "node:crypto";
import {
  ADVISORIES_TARGET,
  base64url,
  sha256Hex,
  signingKeyFromSeed,
  targetPath,
  utf8,
} from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { Root } from "@tufjs/models";
import type { Snapshot, Targets, Timestamp } from "@tufjs/models";
import {
  createRoot,
  createTargets,
  nextRoot,
  nextTargets,
} from "../workers/trust/ceremony-metadata.ts";
import type { RootKeys } from "../workers/trust/ceremony-metadata.ts";
import {
  createCatalog,
  createSnapshot,
  createTimestamp,
  signMetadata,
} from "../workers/trust/tuf-metadata.ts";

type Bytes = Uint8Array<ArrayBuffer>;
export type Role = "targets" | "catalog" | "snapshot" | "timestamp";

const DAY_MS = 86_400_000;

/**
 * A TUF repository of static files, made by the functions of the Worker and of the ceremonies. Tests
 * change its state and write single files, as no Worker would.
 */
export interface SignedRepository {
  readonly files: Map<string, Bytes>;
  readonly anchor: Bytes;
  readonly versions: Record<Role, number>;
  readonly expires: Record<Role, Date>;
  /** Who signs; the keys that root and targets name are another matter. */
  readonly signers: Record<Role | "root", readonly SigningKey[]>;
  /** Writes the role's file as the state has it, also over one of the same version. */
  write(role: Role): Promise<void>;
  /** The next version of every role but the root. */
  publish(): Promise<void>;
  /** The next root. */
  rotate(changes: Partial<RootKeys>, options?: RotateOptions): Promise<void>;
  /** The key that the targets delegate the catalogue to. */
  delegateTo(key: SigningKey): void;
  /** What the catalog lists beside the advisories. */
  readonly extraTargets: Map<string, Bytes>;
}

interface RotateOptions {
  readonly signers?: readonly SigningKey[];
  readonly expires?: Date;
  /** Instead of the one after the last. */
  readonly version?: number;
}

export function newKey(): Promise<SigningKey> {
  return signingKeyFromSeed(new Uint8Array(randomBytes(32)));
}

export const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);

interface State {
  readonly repository: SignedRepository;
  readonly offlineFiles: Awaited<ReturnType<typeof offlineFiles>>;
  root: Root;
  catalogKey: SigningKey;
}

export async function createRepository(): Promise<SignedRepository> {
  const offline = await Promise.all([newKey(), newKey(), newKey()]);
  const [catalog, snapshot, timestamp] = await Promise.all([newKey(), newKey(), newKey()]);
  const root = await createRoot({
    expires: inDays(365),
    threshold: 2,
    offline: offline.map((key) => key.publicKey),
    snapshot: [snapshot.publicKey],
    timestamp: [timestamp.publicKey],
  });
  const files = new Map<string, Bytes>();
  const anchor = await signMetadata(root, offline);
  files.set("/tuf/1.root.json", anchor);
  const repository: SignedRepository = {
    files,
    anchor,
    versions: { targets: 0, catalog: 0, snapshot: 0, timestamp: 0 },
    expires: {
      targets: inDays(365),
      catalog: inDays(90),
      snapshot: inDays(7),
      timestamp: inDays(7),
    },
    signers: {
      root: offline,
      targets: offline,
      catalog: [catalog],
      snapshot: [snapshot],
      timestamp: [timestamp],
    },
    extraTargets: new Map(),
    write: (role) => writeRole(state, role),
    publish: () => publish(state),
    rotate: (changes, options) => rotate(state, changes, options),
    delegateTo: (key) => void (state.catalogKey = key),
  };
  const state: State = {
    repository,
    root,
    catalogKey: catalog,
    offlineFiles: await offlineFiles(),
  };
  await repository.publish();
  return repository;
}

async function offlineFiles() {
  const [release, lease, log] = await Promise.all([newKey(), newKey(), newKey()]);
  const from = inDays(-1).toISOString();
  const publicKey = (key: SigningKey) => base64url(key.publicKey);
  const json = (value: unknown) => utf8(JSON.stringify(value));
  return {
    serviceKeys: json({
      release: [{ keyId: release.keyId, publicKey: publicKey(release), from }],
      lease: [{ kid: "1", publicKey: publicKey(lease), from }],
      log: [{ origin: "example.com/log", publicKey: publicKey(log), from }],
    }),
    policy: json({ type: "https://rising-bsm.com/policy/v1", publisherKeys: [] }),
    revocations: json({ type: "https://rising-bsm.com/revocations/v1", entries: [] }),
  };
}

async function publish({ repository }: State): Promise<void> {
  for (const role of ["targets", "catalog", "snapshot", "timestamp"] as const) {
    repository.versions[role] += 1;
    await repository.write(role);
  }
}

async function rotate(state: State, changes: Partial<RootKeys>, options: RotateOptions = {}) {
  const { signers = state.repository.signers.root, expires = inDays(365), version } = options;
  const next = await nextRoot(state.root, { expires, ...changes });
  state.root = next;
  const root = Root.fromJSON({ ...next.toJSON(), version: version ?? next.version });
  state.repository.files.set(`/tuf/${next.version}.root.json`, await signMetadata(root, signers));
}

const pathOf = (role: Role, version: number) =>
  role === "timestamp" ? "/tuf/timestamp.json" : `/tuf/${version}.${role}.json`;

async function writeRole(state: State, role: Role): Promise<void> {
  const { files, versions, signers } = state.repository;
  const bytes = await signMetadata(await build(state, role), signers[role]);
  files.set(pathOf(role, versions[role]), bytes);
}

async function build(state: State, role: Role): Promise<Targets | Snapshot | Timestamp> {
  const { versions, expires } = state.repository;
  const version = versions[role];
  if (role === "targets") return buildTargets(state, version);
  if (role === "catalog") {
    return createCatalog(version, expires.catalog, await catalogTargets(state));
  }
  if (role === "timestamp") {
    return createTimestamp(version, expires.timestamp, await listed(state, "snapshot"));
  }
  const [targets, catalog] = [await listed(state, "targets"), await listed(state, "catalog")];
  return createSnapshot(version, expires.snapshot, { targets, catalog });
}

async function buildTargets(
  { repository, offlineFiles: contents, catalogKey }: State,
  version: number,
): Promise<Targets> {
  const options = { expires: repository.expires.targets, catalog: [catalogKey.publicKey] };
  let targets = await createTargets({ ...options, files: contents });
  while (targets.version < version) targets = await nextTargets(targets, options);
  await storeOffline(repository, contents);
  return targets;
}

async function storeOffline(
  { files }: SignedRepository,
  contents: State["offlineFiles"],
): Promise<void> {
  const named = [
    ["service-keys.json", contents.serviceKeys],
    ["policy.json", contents.policy],
    ["revocations.json", contents.revocations],
  ] as const;
  for (const [name, bytes] of named) files.set(targetPath(name, await sha256Hex(bytes)), bytes);
}

async function catalogTargets({ repository }: State) {
  const list = { type: "https://rising-bsm.com/advisories/v1", entries: [] };
  const contents = new Map([[ADVISORIES_TARGET, utf8(JSON.stringify(list))]]);
  for (const [target, bytes] of repository.extraTargets) contents.set(target, bytes);
  return Promise.all(
    [...contents].map(async ([target, bytes]) => {
      const sha256 = await sha256Hex(bytes);
      repository.files.set(targetPath(target, sha256), bytes);
      return { target, length: bytes.length, sha256 };
    }),
  );
}

async function listed({ repository }: State, role: Exclude<Role, "timestamp">) {
  const version = repository.versions[role];
  const bytes = repository.files.get(pathOf(role, version));
  if (bytes === undefined) throw new Error(`There is no ${role} ${version}`);
  return { version, length: bytes.length, sha256: await sha256Hex(bytes) };
}
