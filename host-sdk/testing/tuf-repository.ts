import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { fromBase64url, hex, type Json, targetPath, utf8 } from "@rising-bsm/protocol";

const DAY_MS = 86_400_000;
const LIFETIME_DAYS = { root: 365, targets: 365, catalog: 90, snapshot: 7, timestamp: 7 } as const;

/** A role of the repository. */
export type TufRole = keyof typeof LIFETIME_DAYS;

type Signed = Record<string, Json> & { readonly version: number };

/** A TUF repository in memory, laid out and signed as the marketplace's. It signs whatever a test wants. */
export interface TufRepository {
  /** Root version 1. */
  readonly anchor: Uint8Array;
  /** Lists this file, or with null no longer: below `catalog/` by the online role, else by the offline one. */
  set(target: string, bytes: Uint8Array | null): void;
  /** Signs what changed, then snapshot and timestamp, to expire at `expires`. */
  sign(expires?: Date): void;
  /** The next root, signed by a threshold of the signers or by strangers. */
  rotateRoot(by: "signers" | "strangers"): Uint8Array;
  /** Another key for an online role, by a new root or new targets; everything is signed with it. */
  rotateOnline(role: "catalog" | "snapshot" | "timestamp"): void;
  /** Writes the role's current file with other contents, signed by the first `signers` of its keys. */
  tamper(role: TufRole, edit: (signed: Signed) => Signed, signers?: number): void;
  /** Signs the heads again with versions alone, so that files below are judged by their own signatures. */
  leaveOutDigests(): void;
}

interface Key {
  readonly id: string;
  readonly entry: Json;
  readonly sign: (bytes: Uint8Array) => string;
}

interface State {
  readonly files: Map<string, Uint8Array>;
  readonly now: () => Date;
  readonly keys: Record<TufRole, readonly Key[]>;
  readonly versions: Record<TufRole, number>;
  readonly targets: Map<string, Uint8Array>;
  readonly changed: Set<"targets" | "catalog">;
}

/** Writes its files to `files`, by URL path; lifetimes count from `now`. */
export function createTufRepository(
  files: Map<string, Uint8Array>,
  now: () => Date,
): TufRepository {
  const offline = [newKey(), newKey(), newKey()];
  const state: State = {
    files,
    now,
    keys: {
      root: offline,
      targets: offline,
      catalog: [newKey()],
      snapshot: [newKey()],
      timestamp: [newKey()],
    },
    versions: { root: 0, targets: 0, catalog: 0, snapshot: 0, timestamp: 0 },
    targets: new Map(),
    changed: new Set(["targets", "catalog"]),
  };
  const anchor = writeRoot(state, offline.slice(0, 2));
  return {
    anchor,
    set: (target, bytes) => setTarget(state, target, bytes),
    sign: (expires) => signAll(state, expires),
    rotateRoot: (by) =>
      writeRoot(state, by === "signers" ? offline.slice(1) : [newKey(), newKey()]),
    rotateOnline(role) {
      state.keys[role] = [newKey()];
      if (role === "catalog") state.changed.add("targets").add("catalog");
      else writeRoot(state, offline.slice(1));
      signAll(state);
    },
    tamper: (...order) => tamper(state, ...order),
    leaveOutDigests() {
      const { snapshot, targets, catalog } = state.versions;
      const listed = { "targets.json": { version: targets }, "catalog.json": { version: catalog } };
      tamper(state, "snapshot", (signed) => ({ ...signed, meta: listed }));
      const meta = { "snapshot.json": { version: snapshot } };
      tamper(state, "timestamp", (signed) => ({ ...signed, meta }));
    },
  };
}

function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = fromBase64url(publicKey.export({ format: "jwk" }).x ?? "");
  const entry = { keytype: "ed25519", scheme: "ed25519", keyval: { public: hex(raw) } };
  return {
    id: sha256Of(utf8(canonical(entry))),
    entry,
    sign: (bytes) => sign(null, bytes, privateKey).toString("hex"),
  };
}

/** SHA-256 in hexadecimal. */
export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
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

function signedBy(signed: Json, signers: readonly Key[]): Uint8Array<ArrayBuffer> {
  const bytes = utf8(canonical(signed));
  const signatures = signers.map((key) => ({ keyid: key.id, sig: key.sign(bytes) }));
  return utf8(JSON.stringify({ signatures, signed }));
}

function pathOf(role: TufRole, version: number): string {
  return role === "timestamp" ? "/tuf/timestamp.json" : `/tuf/${version}.${role}.json`;
}

function setTarget({ targets, changed }: State, target: string, bytes: Uint8Array | null): void {
  if (bytes === null) targets.delete(target);
  else targets.set(target, bytes);
  changed.add(target.startsWith("catalog/") ? "catalog" : "targets");
}

function tamper(
  { files, keys, versions }: State,
  ...[role, edit, signers = role === "root" || role === "targets" ? 2 : 1]: Parameters<
    TufRepository["tamper"]
  >
): void {
  const bytes = files.get(pathOf(role, versions[role])) ?? new Uint8Array();
  const { signed }: { signed: Signed } = JSON.parse(new TextDecoder().decode(bytes));
  const edited = edit(signed);
  files.set(pathOf(role, edited.version), signedBy(edited, keys[role].slice(0, signers)));
}

interface Body {
  readonly role: TufRole;
  readonly members: Readonly<Record<string, Json>>;
  readonly expires?: Date | undefined;
}

/** Signs the next version of a role. */
function write(state: State, { role, members, expires }: Body, signers = state.keys[role]) {
  const version = ++state.versions[role];
  const end = expires ?? new Date(state.now().getTime() + LIFETIME_DAYS[role] * DAY_MS);
  const common = { spec_version: "1.0.31", version, expires: `${end.toISOString().slice(0, 19)}Z` };
  const type = role === "catalog" ? "targets" : role;
  const bytes = signedBy({ _type: type, ...common, ...members }, signers);
  state.files.set(pathOf(role, version), bytes);
  return bytes;
}

function writeRoot(state: State, signers: readonly Key[]): Uint8Array {
  const { root, snapshot, timestamp } = state.keys;
  const members = {
    consistent_snapshot: true,
    keys: keysOf([...root, ...snapshot, ...timestamp]),
    roles: {
      root: { keyids: idsOf(root), threshold: 2 },
      targets: { keyids: idsOf(root), threshold: 2 },
      snapshot: { keyids: idsOf(snapshot), threshold: 1 },
      timestamp: { keyids: idsOf(timestamp), threshold: 1 },
    },
  };
  return write(state, { role: "root", members }, signers);
}

function keysOf(keys: readonly Key[]): Json {
  return Object.fromEntries(keys.map(({ id, entry }) => [id, entry]));
}

function idsOf(keys: readonly Key[]): string[] {
  return keys.map(({ id }) => id);
}

function signAll(state: State, expires?: Date): void {
  const { changed, keys, versions } = state;
  if (changed.has("targets")) {
    const role = { name: "catalog", keyids: idsOf(keys.catalog), threshold: 1 };
    const delegations = {
      keys: keysOf(keys.catalog),
      roles: [{ ...role, terminating: true, paths: ["catalog/*"] }],
    };
    const targets = listed(state, (target) => !target.startsWith("catalog/"));
    write(state, { role: "targets", members: { targets, delegations } }, keys.targets.slice(0, 2));
  }
  if (changed.has("catalog")) {
    versions.catalog = Math.max(versions.catalog, versions.timestamp);
    const targets = listed(state, (target) => target.startsWith("catalog/"));
    write(state, { role: "catalog", members: { targets } });
  }
  changed.clear();
  const meta = {
    "targets.json": metaOf(state, "targets"),
    "catalog.json": metaOf(state, "catalog"),
  };
  write(state, { role: "snapshot", members: { meta }, expires });
  const snapshotMeta = { "snapshot.json": metaOf(state, "snapshot") };
  write(state, { role: "timestamp", members: { meta: snapshotMeta }, expires });
}

function metaOf({ files, versions }: State, role: TufRole): Json {
  const bytes = files.get(pathOf(role, versions[role])) ?? new Uint8Array();
  return {
    version: versions[role],
    length: bytes.length,
    hashes: { sha256: sha256Of(bytes) },
  };
}

function listed({ targets, files }: State, belongs: (target: string) => boolean): Json {
  const entries = [...targets].filter(([target]) => belongs(target));
  for (const [target, bytes] of entries) files.set(targetPath(target, sha256Of(bytes)), bytes);
  return Object.fromEntries(
    entries.map(([target, bytes]) => [
      target,
      { length: bytes.length, hashes: { sha256: sha256Of(bytes) } },
    ]),
  );
}
