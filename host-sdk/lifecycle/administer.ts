import {
  type Bundle,
  type Manifest,
  publisherKeyIdOf,
  RbsmError,
  verifyPublisher,
} from "@rising-bsm/protocol";
import { checkCodes, checkGrant, decideGrants, type Grant } from "../install/grant.ts";
import { installSet, type InstallOrder, type InstallSource } from "../install/installer.ts";
import type { PluginRequest } from "../install/plan.ts";
import { assertPluginName } from "../install/plugin-name.ts";
import type { OnProgress } from "../install/progress.ts";
import { type PluginRow, readPin } from "../install/rows.ts";
import { stageSideloaded } from "../install/stage.ts";
import { type AdministerParts, storeRow, takeOver } from "./administer-parts.ts";
import { applyRevocations } from "./revocations.ts";
import { rollback } from "./roll-back.ts";
import type { Actor } from "./actor.ts";
import { notActive, problemOf, type Slot } from "./slots.ts";
import { uninstall } from "./uninstall.ts";

/** What an administrator may say about an installation. */
export interface InstallOptions {
  /** An exact version, a range or a channel; the best that fits when left out. */
  readonly version?: string | undefined;
  /** What the plugin may do: all it asks for, or these codes; none when left out. The codes hold for the whole set. */
  readonly grant?: Grant | undefined;
  readonly licenseKey?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Go on with the last verified trust metadata when it has expired. */
  readonly acceptStale?: boolean | undefined;
  /** Accept a publisher's new keys. */
  readonly acceptPublisher?: boolean | undefined;
  /** Who approves; stored with the grants. */
  readonly actor?: Actor | undefined;
}

/** What an administrator may say about an update. */
export interface UpdateOptions extends Omit<Partial<InstallOptions>, "grant"> {
  /** Grants that the new version may have beyond the old ones: all it asks for, or these codes. */
  readonly acceptGrants?: boolean | readonly string[] | undefined;
}

/** The operations that change what is installed. Each runs alone. */
export interface Administration {
  install(name: string, options: InstallOptions): Promise<void>;
  sideload(bytes: Uint8Array, order: SideloadOrder): Promise<string>;
  update(name: string, options: UpdateOptions): Promise<void>;
  rollback(name: string): Promise<void>;
  enable(name: string): Promise<void>;
  disable(name: string): Promise<void>;
  uninstall(name: string, options: { keepData: boolean }): Promise<void>;
  /** Installs the plugin, or updates it, from files that were carried here. */
  carryIn(source: InstallSource, name: string, options: InstallOptions): Promise<void>;
  /** Runs `work` when no operation is under way, and none before it has ended. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Refuses new operations as `cancelled` and waits for the one that is under way. */
  close(): Promise<void>;
}

/** A bundle that came past the marketplace. */
export interface SideloadOrder extends Pick<InstallOptions, "onProgress" | "actor"> {
  readonly grant: Grant;
  readonly trusted: (keyId: string) => Uint8Array | undefined;
  readonly open: (bytes: Uint8Array) => Promise<Bundle>;
}

/** Builds the operations over one host's parts. */
export function createAdministration(parts: AdministerParts): Administration {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    if (closed) throw new RbsmError("cancelled", "The host is closed");
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  return {
    install: (name, options) => alone(() => install(parts, name, options)),
    sideload: (bytes, order) => alone(() => sideload(parts, bytes, order)),
    update: (name, options) => alone(() => update(parts, name, options)),
    rollback: (name) => alone(() => rollback(parts, name)),
    enable: (name) => alone(() => enable(parts, name)),
    async disable(name) {
      // Whatever an operation under way waits for, no call reaches the plugin from here on.
      const release = parts.active.hold(name);
      await alone(() => disable(parts, name)).finally(release);
    },
    uninstall: (name, options) => alone(() => uninstall(parts, name, options)),
    carryIn: (source, name, options) => alone(() => carryIn(parts, source, { name, options })),
    alone,
    async close() {
      closed = true;
      await last;
    },
  };
}

async function install(
  parts: AdministerParts,
  name: string,
  options: InstallOptions,
): Promise<void> {
  assertPluginName(name);
  checkGrant(options.grant);
  const { grant = [] } = options;
  const grantsOf = (manifest: Manifest, before: PluginRow | null) => {
    const kept = before === null || grant === "requested" ? [] : before.release.grants;
    const wanted = grant === "requested" ? grant : [...grant, ...kept];
    return decideGrants(manifest, wanted, parts.allowed);
  };
  const order = orderOf(options, grantsOf);
  const requests = [{ name, version: options.version }];
  const changed = await change(parts, { ...order, operation: "install", requests }, name);
  if (!changed.includes(name)) await reaffirm(parts, name, { ...order, grantsOf });
}

async function carryIn(
  parts: AdministerParts,
  source: InstallSource,
  { name, options }: { readonly name: string; readonly options: InstallOptions },
): Promise<void> {
  const { grant = [], ...more } = options;
  checkGrant(grant);
  const trust = { ...parts.install.trust, ...source.trust };
  const carried = { ...parts, install: { ...parts.install, ...source, trust } };
  if (parts.slots.find(name) === undefined) return install(carried, name, options);
  const acceptGrants = grant === "requested" ? true : grant;
  return update(carried, name, { ...more, acceptGrants });
}

/** The fitting version is there already: what is new is its license, its grants, or that it was asked for. */
async function reaffirm(
  parts: AdministerParts,
  name: string,
  order: Pick<Ordered, "licenseKey" | "approvedBy" | "grantsOf">,
): Promise<void> {
  const { install, slots, active } = parts;
  const slot = slots.get(name);
  if (order.licenseKey !== undefined) await install.licenses.ensure(name, order.licenseKey);
  if (slot.manifest === null) throw notActive(slot);
  const { release } = slot.row;
  const grants = [...order.grantsOf(slot.manifest, slot.row)];
  const sameGrants = grants.toSorted().join() === release.grants.toSorted().join();
  if (sameGrants && slot.row.direct) return;
  const now = install.now().toISOString();
  const approval = sameGrants ? {} : { grants, approvedBy: order.approvedBy, approvedAt: now };
  const row = { ...slot.row, direct: true, updatedAt: now, release: { ...release, ...approval } };
  await storeRow(parts, row);
  // A running version keeps the grants it was started with, so new ones take a new start.
  active.replace({ ...slot, row, running: null });
}

async function update(parts: AdministerParts, name: string, options: UpdateOptions): Promise<void> {
  const slot = parts.slots.get(name);
  if (slot.row.source === "sideload") {
    throw new RbsmError(
      "conflict_state",
      `${name} was sideloaded and is not updated from a marketplace`,
      {
        fix: "Sideload the new version.",
      },
    );
  }
  const accepted = options.acceptGrants ?? [];
  if (typeof accepted !== "boolean") checkCodes(accepted);
  const grantsOf = (manifest: Manifest, before: PluginRow | null) => {
    if (accepted === true) return decideGrants(manifest, "requested", parts.allowed);
    const extra = accepted === false ? [] : accepted;
    return decideGrants(manifest, [...(before?.release.grants ?? []), ...extra], parts.allowed);
  };
  const order = orderOf(options, grantsOf);
  await change(
    parts,
    { ...order, operation: "update", requests: [{ name, version: options.version }] },
    name,
  );
}

function orderOf(
  options: Partial<InstallOptions>,
  grantsOf: InstallOrder["grantsOf"],
): Omit<InstallOrder, "operation" | "requests" | "licenseKeys"> & Pick<Ordered, "licenseKey"> {
  return {
    grantsOf,
    approvedBy: String(options.actor?.id ?? "host"),
    acceptPublisher: options.acceptPublisher ?? false,
    acceptStale: options.acceptStale ?? false,
    onProgress: options.onProgress ?? (() => undefined),
    licenseKey: options.licenseKey,
  };
}

type Ordered = Omit<InstallOrder, "licenseKeys"> & { readonly licenseKey: string | undefined };

async function change(
  parts: AdministerParts,
  { licenseKey, ...order }: Ordered,
  name: string,
): Promise<string[]> {
  const licenseKeys = licenseKey === undefined ? {} : { [name]: licenseKey };
  // Whatever came of it, the trust refresh before it may have brought other revocations.
  const installed = await installSet(parts.install, { ...order, licenseKeys }).finally(() =>
    applyRevocations(parts),
  );
  takeOver(parts, installed);
  return installed.map(({ row }) => row.name);
}

async function sideload(
  parts: AdministerParts,
  bytes: Uint8Array,
  order: SideloadOrder,
): Promise<string> {
  checkGrant(order.grant);
  const bundle = await order.open(bytes);
  const { statement } = await verifyPublisher(bundle.files, order.trusted, bundle);
  const { name } = bundle.manifest;
  await parts.install.bundles.write(bundle.sha256, bytes);
  const requests: PluginRequest[] = [{ name, version: bundle.manifest.version }];
  const grantsOf = (manifest: Manifest) => decideGrants(manifest, order.grant, parts.allowed);
  const installOrder = {
    ...orderOf(order, grantsOf),
    operation: "sideload" as const,
    requests,
  };
  await change(
    parts,
    { ...installOrder, sideloaded: stageSideloaded(bundle, statement, parts.install.now()) },
    name,
  );
  return name;
}

async function enable(parts: AdministerParts, name: string): Promise<void> {
  if (isActive(parts.slots.get(name))) return;
  await repair(parts, name);
  const slot = parts.slots.get(name);
  if (isActive(slot)) return;
  const row: PluginRow = {
    ...slot.row,
    wanted: "active",
    updatedAt: parts.install.now().toISOString(),
  };
  const bundle = await parts.install.bundles.open(row.release);
  const running = await parts.active.start({ row, bundle, first: null, reach: parts.active.reach });
  await storeRow(parts, row).catch(async (error: unknown) => {
    await parts.active.abandon(running);
    throw error;
  });
  takeOver(parts, [{ row, manifest: bundle.manifest, running }]);
}

function isActive({ row, problem }: Slot): boolean {
  return row.wanted === "active" && problem === null;
}

/** Fetches the installed release again when its bundle was lost or altered, with the grants it has. */
async function repair(parts: AdministerParts, name: string): Promise<void> {
  const { row } = parts.slots.get(name);
  if (row.source === "sideload" || (await parts.install.bundles.has(row.release.sha256))) return;
  const order = orderOf({}, (manifest, before) =>
    decideGrants(manifest, before?.release.grants ?? [], parts.allowed),
  );
  const requests = [{ name, version: row.release.version }];
  await change(parts, { ...order, operation: "repair", requests }, name);
}

async function disable(parts: AdministerParts, name: string): Promise<void> {
  const slot = parts.slots.get(name);
  if (slot.row.wanted === "disabled") return;
  const row: PluginRow = {
    ...slot.row,
    wanted: "disabled",
    updatedAt: parts.install.now().toISOString(),
  };
  await storeRow(parts, row);
  await parts.active.stop(name, { ...slot, row, problem: null, running: null });
}

/** What `verify` found out about an installed plugin. */
export interface VerifyResult {
  readonly ok: boolean;
  readonly plugin: string;
  readonly version: string;
  readonly sha256: string;
  readonly treeDigest: string;
  readonly publisherKeyId: string;
  readonly problem?: ReturnType<typeof problemOf>;
}

/** Checks an installed plugin's stored bundle again, down to the publisher's signature. Never throws for what it finds. */
export async function verifyInstalled(
  parts: AdministerParts,
  name: string,
  trusted: (keyId: string) => Uint8Array | undefined,
): Promise<VerifyResult> {
  const { row } = parts.slots.get(name);
  const { version, sha256, treeDigest, publisherKeyId } = row.release;
  const found = { plugin: name, version, sha256, treeDigest, publisherKeyId };
  try {
    const bundle = await parts.install.bundles.open(row.release);
    await verifyPublisher(bundle.files, trusted, bundle);
    if (publisherKeyIdOf(bundle.files) === publisherKeyId) return { ok: true, ...found };
    throw new RbsmError("signature_untrusted_key");
  } catch (error) {
    return { ok: false, ...found, problem: problemOf(error) };
  }
}

/** Keys that may have signed what is installed: the pinned ones. */
export async function pinnedKeys(
  parts: AdministerParts,
  name: string,
): Promise<ReadonlyMap<string, string>> {
  const pin = await readPin(parts.install.store, name);
  return new Map((pin?.keys ?? []).map(({ keyId, publicKey }) => [keyId, publicKey]));
}
