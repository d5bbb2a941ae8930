import { fromBase64url, type Json, RbsmError } from "@rising-bsm/protocol";
import type { AuditQuery } from "./broker/audit-log.ts";
import type { AuditRow } from "./broker/broker.ts";
import { storageUsage } from "./broker/plugin-storage.ts";
import { createHttpHandler, type HandleOptions } from "./http/handler.ts";
import type { HostOptions } from "./host-options.ts";
import { type HostParts, openHostParts } from "./host-parts.ts";
import { openSideloaded } from "./install/acquire.ts";
import type { Grant } from "./install/grant.ts";
import type { OnProgress } from "./install/progress.ts";
import {
  type InstallOptions,
  pinnedKeys,
  type UpdateOptions,
  verifyInstalled,
  type VerifyResult,
} from "./lifecycle/administer.ts";
import type { Delivery, HookCounts } from "./lifecycle/deliver-events.ts";
import { type LicenseCalls, licensesOver } from "./license/host-licenses.ts";
import type { LicenseEvent } from "./license/license-news.ts";
import { createOfflineLicenses, type OfflineLicenses } from "./license/offline.ts";
import { checkRegularly } from "./lifecycle/check-regularly.ts";
import { checkForUpdates, describeTrust, type TrustInfo } from "./lifecycle/check-for-updates.ts";
import { describePlugin, type PluginInfo } from "./lifecycle/describe.ts";
import type { UpdateInfo } from "./lifecycle/find-updates.ts";
import { limitsOf } from "./lifecycle/granted-limits.ts";
import type { LogChoice, LogLine } from "./lifecycle/plugin-logs.ts";
import { type Actor, checkActor } from "./lifecycle/actor.ts";
import { advisoryInfos } from "./lifecycle/revocations.ts";
import type { StateEvent } from "./lifecycle/slots.ts";
import type { ReviewCalls } from "./reviews/reviews.ts";
import type { PluginSettings, SecretInfo } from "./settings/settings.ts";
import type { PluginCall, PluginUsage, RequestMessage } from "./runtime/plugin-runtime.ts";
import type { ScheduleInfo } from "./schedules/scheduler.ts";

/** What a call may say beside its arguments. */
export interface CallOptions {
  /** Wall time in ms instead of the default. */
  readonly deadlineMs?: number;
  /** On whose behalf; without one the call runs with what the installer approved. */
  readonly actor?: Actor;
  readonly signal?: AbortSignal;
}

/** What sideloading takes. */
export interface SideloadOptions {
  readonly grant: Grant;
  readonly onProgress?: OnProgress;
  readonly actor?: Actor;
}

/** What a plugin used since it was loaded, and keeps now. */
export interface HostUsage extends Omit<PluginUsage, "pid"> {
  readonly storageBytes: number;
  readonly storageKeys: number;
  /** How often it was refused for want of each permission, since the host started. */
  readonly denials: Readonly<Record<string, number>>;
  /** Its events since the host started. */
  readonly hooks: HookCounts;
  /** Its schedules since it was installed. */
  readonly schedules: {
    readonly runs: number;
    readonly failures: number;
    readonly skipped: number;
  };
}

/**
 * Finds, verifies, installs and runs plugins. Every refusal is an RbsmError with a code; a failing
 * plugin is a state with a reason and never an exception of the host's own.
 */
export interface PluginHost extends LicenseCalls, OfflineLicenses, ReviewCalls {
  /** Installs a plugin and what it needs, all or nothing. An installed version that fits stays. */
  install(name: string, options?: InstallOptions): Promise<PluginInfo>;
  /** Installs a bundle past the marketplace; developer mode only, signed by a key it trusts. */
  sideload(bytes: Uint8Array, options: SideloadOptions): Promise<PluginInfo>;
  /** Calls a method of an active plugin: JSON in, JSON out. */
  call(name: string, method: string, args?: readonly Json[], options?: CallOptions): Promise<Json>;
  /** Passes a Web Request on to the plugin's `handleRequest`. */
  request(name: string, request: RequestMessage, options?: CallOptions): Promise<Json>;
  /** Installs a newer version beside the old one and switches when it is active. */
  update(name: string, options?: UpdateOptions): Promise<PluginInfo>;
  /** Switches back to the release before. */
  rollback(name: string): Promise<PluginInfo>;
  /** Starts a plugin that is disabled or failed. */
  enable(name: string): Promise<PluginInfo>;
  /** Stops a plugin; its data and grants stay. */
  disable(name: string): Promise<PluginInfo>;
  /** Removes a plugin that no other one needs, and what it has stored unless `keepData` is true. */
  uninstall(name: string, options?: { keepData?: boolean }): Promise<void>;
  /** Checks the stored bundle again: digests, profile, publisher's signature. */
  verify(name: string): Promise<VerifyResult>;
  /** All installed plugins by name. */
  plugins(): PluginInfo[];
  /** One installed plugin; `plugin_not_found`. */
  plugin(name: string): PluginInfo;
  /** The newest lines the plugin has logged, oldest first; at most 500 are kept. */
  logs(name: string, choice?: LogChoice): readonly LogLine[];
  /** Calls, times, memory, storage, refusals, events and schedules. */
  usage(name: string): Promise<HostUsage>;
  /** What happened to a plugin, oldest first, at most 1,000 changes; outlives its uninstall. */
  history(name: string): Promise<StateEvent[]>;
  /** The plugin's schedules, when they run next and how they last did. */
  schedules(name: string): Promise<ScheduleInfo[]>;
  /**
   * Runs a schedule now; throws what the plugin throws, `plugin_not_found` when there is none of
   * that name and `conflict_state` while it runs.
   */
  runSchedule(name: string, schedule: string): Promise<ScheduleInfo>;
  /** The plugin's settings form, what was entered and what came of it. */
  settings(name: string): PluginSettings;
  /**
   * Replaces the plugin's settings, which it sees from its next call on. Throws `request_invalid`
   * with a finding for each value that does not fit the form.
   */
  configure(name: string, values: Readonly<Record<string, Json>>): Promise<PluginSettings>;
  /** The secrets that the plugin asks for, and which of them are set; never a value. */
  secrets(name: string): Promise<SecretInfo[]>;
  /** Enters a secret, or with null forgets it. Nothing gives it out again, to the plugin neither. */
  setSecret(name: string, secret: string, value: string | null): Promise<void>;
  /** The newest host calls of one plugin or all, newest first; 2,000 of each plugin are kept. */
  audit(query?: AuditQuery): Promise<AuditRow[]>;
  /** Calls `listener` with everything that happens to a plugin; the result stops that. */
  on(event: "state", listener: (event: StateEvent) => void): () => void;
  /** Calls `listener` when a license allows something else than before, or its warning changes. */
  on(event: "license", listener: (event: LicenseEvent) => void): () => void;
  /**
   * Asks the marketplace for newer releases of what is installed, and brings revocations into force.
   * Throws `trust_*` when what it serves does not verify; plugins keep running.
   */
  checkForUpdates(): Promise<UpdateInfo[]>;
  /** When the marketplace was last verified, and whether its log told two histories. */
  trust(): Promise<TrustInfo>;
  /** Serves the management API, the plugins' own routes and a plain page under `base`. */
  handle(request: Request, options?: HandleOptions | null): Promise<Response>;
  /** Tells every plugin that listens about an event of the application. */
  emit(event: string, payload: Json): Promise<Delivery[]>;
  /** Ends every child process, closes the store and lets go of the data directory. */
  close(): Promise<void>;
}

/**
 * Opens a host on its data directory. Throws `usage` for options that are none, `conflict_locked`
 * when another process works there and
 * `trust_root_invalid` when the stored trust does not descend from `marketplace.root`.
 */
export async function createPluginHost(options: HostOptions): Promise<PluginHost> {
  const parts = await openHostParts(options);
  const host = hostOver(parts);
  const warn = (message: string, error: unknown) =>
    options.logger?.warn(message, { error: String(error) });
  if (options.runSchedules !== false) {
    parts.schedules.start();
    parts.keeper.start();
  }
  const stopChecking = checkRegularly(
    () => checkAndTell(host, parts, warn),
    options.marketplace === undefined || options.runSchedules === false ? 0 : options.updateCheckMs,
  );
  let closing: Promise<void> | undefined;
  return {
    ...host,
    close() {
      stopChecking();
      return (closing ??= parts.close());
    },
  };
}

async function checkAndTell(
  host: PluginHost,
  { reporter }: HostParts,
  warn: (message: string, error: unknown) => void,
): Promise<void> {
  const updates = await host.checkForUpdates().catch((error: unknown) => {
    warn("No update check", error);
    return null;
  });
  if (updates !== null) await reporter?.report(updates);
  const { stale } = await host.trust();
  if (stale !== null) warn(stale.message, stale.code);
}

function hostOver(parts: HostParts): PluginHost {
  const { slots } = parts;
  const licenses = licensesOver(parts);
  const host: PluginHost = {
    ...operationsOver(parts),
    call: (...[name, method, args = [], options = {}]) =>
      callPlugin(parts, name, { kind: "method", name: method, args, ...options }),
    request: (name, message, options = {}) =>
      callPlugin(parts, name, {
        kind: "request",
        name: "handleRequest",
        args: [requestJson(message)],
        ...options,
      }),
    plugins: () => slots.all().map(({ row }) => describe(parts, row.name)),
    plugin: (name) => describe(parts, name),
    logs: (name, choice) => parts.logs.read(slots.get(name).row.name, choice),
    usage: (name) => usageOf(parts, name),
    history: (name) => historyOf(parts, name),
    schedules: (name) => parts.schedules.list(name),
    runSchedule: (name, schedule) => parts.schedules.runNow(name, schedule),
    ...settingsOver(parts),
    audit: (query = {}) => parts.audit.read(query),
    ...listenersOver(parts),
    verify: (name) => verify(parts, name),
    checkForUpdates: () => checkForUpdates(parts).finally(() => parts.licenses.followKeys()),
    trust: () => describeTrust(parts),
    ...licenses,
    ...parts.reviews,
    ...createOfflineLicenses({ ...parts, describe: (name) => licenses.license(name) }),
    handle: (request, options) => handler(request, options),
    emit: (event, payload) => parts.events.emit(event, payload),
    close: () => parts.close(),
  };
  const handler = createHttpHandler({
    host,
    manifestOf: (name) => slots.find(name)?.manifest ?? null,
  });
  return host;
}

type Operations =
  | "install"
  | "sideload"
  | "update"
  | "rollback"
  | "enable"
  | "disable"
  | "uninstall";

function operationsOver(parts: HostParts): Pick<PluginHost, Operations> {
  const { administration } = parts;
  const after = async (name: string, done: Promise<void>) => {
    await done;
    return describe(parts, name);
  };
  return {
    install: (name, options = {}) => after(name, administration.install(name, options)),
    sideload: async (bytes, options) => describe(parts, await sideload(parts, bytes, options)),
    update: (name, options = {}) => after(name, administration.update(name, options)),
    rollback: (name) => after(name, administration.rollback(name)),
    enable: (name) => after(name, administration.enable(name)),
    disable: (name) => after(name, administration.disable(name)),
    async uninstall(name, { keepData = false } = {}) {
      await administration.uninstall(name, { keepData });
      for (const kept of [parts.logs, parts.events, parts.broker.denials]) kept.forget(name);
    },
  };
}

type SettingsCalls = "settings" | "configure" | "secrets" | "setSecret";

function settingsOver({ settings, administration }: HostParts): Pick<PluginHost, SettingsCalls> {
  return {
    settings: (name) => settings.read(name),
    async configure(name, values) {
      await administration.alone(() => settings.configure(name, values));
      return settings.read(name);
    },
    secrets: (name) => settings.secrets(name),
    setSecret: (name, secret, value) =>
      administration.alone(() => settings.setSecret(name, secret, value)),
  };
}

async function verify(
  { administer, trustedPublishers }: HostParts,
  name: string,
): Promise<VerifyResult> {
  const keys = await pinnedKeys(administer, name);
  const pinned = (id: string) => {
    const key = keys.get(id);
    return key === undefined ? undefined : fromBase64url(key);
  };
  return verifyInstalled(administer, name, (id) => pinned(id) ?? trustedPublishers?.get(id));
}

function describe(
  { slots, licenses, limits, administer, held }: HostParts,
  name: string,
): PluginInfo {
  const slot = slots.get(name);
  return describePlugin(slot, {
    license: licenses.describe(name, Date.parse(slot.row.release.publishedAt)),
    limits: limitsOf(slot.manifest, limits),
    advisories: advisoryInfos(administer.revocations, slot),
    heldUpdate: held.of(slot),
  });
}

async function callPlugin(
  { active }: HostParts,
  name: string,
  { actor, ...call }: Pick<PluginCall, "kind" | "name" | "args"> & CallOptions,
): Promise<Json> {
  checkCall(call);
  const { result } = await active.call(name, { ...call, actor: checkActor(actor), depth: 0 });
  return result;
}

type Listening =
  | [event: "state", listener: (event: StateEvent) => void]
  | [event: "license", listener: (event: LicenseEvent) => void];

function listenersOver({ slots, keeper }: HostParts): Pick<PluginHost, "on"> {
  return {
    on(...[event, listener]: Listening) {
      // What an application without types passes: a listener of nothing would never be missed.
      if (typeof listener !== "function") throw unknownListener();
      if (event === "state") return slots.on(listener);
      if (event === "license") return keeper.on(listener);
      throw unknownListener();
    },
  };
}

function unknownListener(): RbsmError {
  return new RbsmError("usage", 'host.on takes "state" or "license", and a function');
}

function checkCall({ name, signal }: { readonly name: unknown; readonly signal?: unknown }): void {
  if (typeof name !== "string") throw new RbsmError("usage", "A method is called by its name");
  if (signal === undefined || signal === null || signal instanceof AbortSignal) return;
  throw new RbsmError("usage", "The signal of a call is an AbortSignal");
}

async function historyOf({ slots, history }: HostParts, name: string): Promise<StateEvent[]> {
  const events = await history.read(name);
  // Throws for a plugin that was never here.
  if (events.length === 0) slots.get(name);
  return events;
}

function requestJson({ method, url, headers, body }: RequestMessage): Json {
  return { method, url, headers: headers.map(([name, value]) => [name, value]), body };
}

async function sideload(
  parts: HostParts,
  bytes: Uint8Array,
  options: SideloadOptions,
): Promise<string> {
  const { trustedPublishers } = parts;
  if (trustedPublishers === null) {
    throw new RbsmError("permission_denied", "Sideloading needs developer mode", {
      fix: "Create the host with developerMode: { trust: [publisherKey] }.",
    });
  }
  const trusted = (keyId: string) => trustedPublishers.get(keyId);
  return parts.administration.sideload(bytes, {
    ...options,
    trusted,
    open: (file) => openSideloaded(file, trusted),
  });
}

async function usageOf(parts: HostParts, name: string): Promise<HostUsage> {
  const { slots, runtime, administer } = parts;
  const slot = slots.get(name);
  const running = await slot.running?.catch(() => null);
  const used = running == null ? undefined : runtime.usage(running.id);
  const stored = await storageUsage(administer.install.store, name);
  const { pid: _pid, ...figures } = used ?? UNUSED;
  return {
    ...figures,
    storageBytes: stored.bytes,
    storageKeys: stored.keys,
    denials: parts.broker.denials.counts(name),
    hooks: parts.events.counts(name),
    schedules: sumOf(await parts.schedules.list(name)),
  };
}

function sumOf(schedules: readonly ScheduleInfo[]): HostUsage["schedules"] {
  const sum = { runs: 0, failures: 0, skipped: 0 };
  for (const { runs, failures, skipped } of schedules) {
    sum.runs += runs;
    sum.failures += failures;
    sum.skipped += skipped;
  }
  return sum;
}

/** Of a plugin that is not loaded. */
const UNUSED: PluginUsage = {
  calls: 0,
  failures: 0,
  openCalls: 0,
  cpuMs: 0,
  reloads: 0,
  p50Ms: 0,
  p99Ms: 0,
  stopped: {},
  retried: 0,
  evictions: 0,
  rssMb: 0,
  pid: undefined,
};
