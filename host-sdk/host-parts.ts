import { join } from "node:path";
import {
  base64url,
  fromBase64url,
  keyId,
  type NoteKey,
  type ServiceKeys,
} from "@rising-bsm/protocol";
import { type AuditLog, createAuditLog } from "./broker/audit-log.ts";
import type { AuditRow, Broker } from "./broker/broker.ts";
import { deletePluginStorage, undoTrialWrites } from "./broker/plugin-storage.ts";
import { forgetUndo } from "./broker/undo-log.ts";
import { createReporter, type Reporter, type ReporterParts } from "./beacons/report-daily.ts";
import { createMarketplace, type Marketplace } from "./client/marketplace.ts";
import { type FolderLock, lockFolder } from "./disk/folder-lock.ts";
import type { DomainPort } from "./domain/domain-port.ts";
import { createSimulatedDomain } from "./domain/simulated/simulated-domain.ts";
import { checkHostOptions, type HostLogger, type HostOptions } from "./host-options.ts";
import { type BundleFolder, createBundleFolder } from "./install/bundle-folder.ts";
import type { InstallParts } from "./install/installer.ts";
import { recover } from "./install/journal.ts";
import { type PluginRow, readPlugins } from "./install/rows.ts";
import {
  installLicenses,
  keeperOf,
  licenseData,
  openHostLicenses,
} from "./license/host-licenses.ts";
import { openInstanceKey } from "./license/instance-key.ts";
import type { LicenseKeeper } from "./license/license-keeper.ts";
import type { Licenses } from "./license/licenses.ts";
import type { ActivePlugins } from "./lifecycle/active-plugins.ts";
import { type Administration, createAdministration } from "./lifecycle/administer.ts";
import type { AdministerParts } from "./lifecycle/administer-parts.ts";
import { createHeldUpdates, type HeldUpdates } from "./lifecycle/check-for-updates.ts";
import { connectRuntime } from "./lifecycle/connect-runtime.ts";
import { createEventDelivery, type EventDelivery } from "./lifecycle/deliver-events.ts";
import type { AllowedLimits } from "./lifecycle/granted-limits.ts";
import { createPluginLogs, type PluginLogs } from "./lifecycle/plugin-logs.ts";
import { createPluginSchedules, type PluginSchedules } from "./lifecycle/plugin-schedules.ts";
import { createRevocations, loadRevoked } from "./lifecycle/revocations.ts";
import type { Reach } from "./lifecycle/running.ts";
import { createSlots, problemOf, type Slot, type Slots } from "./lifecycle/slots.ts";
import { createStateHistory, type StateHistory } from "./lifecycle/state-history.ts";
import type { PluginRuntime } from "./runtime/plugin-runtime.ts";
import { createSecrets, deleteSecrets, openSecretKey, type Secrets } from "./settings/secrets.ts";
import { createSettings, type Settings } from "./settings/settings.ts";
import type { HostStore } from "./store/host-store.ts";
import { createSqliteStore } from "./store/sqlite-store.ts";
import { openLog } from "./trust/log.ts";
import { createReviews, type ReviewCalls } from "./reviews/reviews.ts";
import { noMarketplace, storedTrust } from "./trust/no-marketplace.ts";
import { openTrust, type Trust } from "./trust/trust.ts";

/** Version of the plugin API and its runtime, checked against `engines.runtime` of plugins. */
export const RUNTIME_VERSION = "1.0.0";

const SILENT: HostLogger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** The assembled parts of one host. */
export interface HostParts {
  readonly runtime: PluginRuntime;
  readonly slots: Slots;
  readonly active: ActivePlugins;
  readonly logs: PluginLogs;
  readonly events: EventDelivery;
  readonly schedules: PluginSchedules;
  readonly broker: Broker;
  readonly history: StateHistory;
  readonly administration: Administration;
  readonly administer: AdministerParts;
  readonly settings: Settings;
  readonly audit: AuditLog;
  readonly licenses: Licenses;
  readonly keeper: LicenseKeeper;
  /** The host's own folder. */
  readonly dataDir: string;
  readonly trust: Trust;
  readonly held: HeldUpdates;
  readonly reviews: ReviewCalls;
  /** Null: this host reports nothing. */
  readonly reporter: Reporter | null;
  /** What the administrator allows any plugin. */
  readonly limits: AllowedLimits;
  /** Key bytes by id that developer mode trusts; null when it is off. */
  readonly trustedPublishers: ReadonlyMap<string, Uint8Array> | null;
  close(): Promise<void>;
}

/** Opens a data directory: takes its lock, undoes what a crash left, and puts the parts together. */
export async function openHostParts(options: HostOptions): Promise<HostParts> {
  checkHostOptions(options);
  const lock = await lockFolder(options.dataDir);
  let own: HostStore | undefined;
  try {
    const store = options.store ?? (own = createSqliteStore(join(options.dataDir, "host.sqlite")));
    const domain = options.domain ?? (await createSimulatedDomain({ store }));
    return await assemble({ ...options, store, domain }, lock);
  } catch (error) {
    await own?.close();
    await lock.release();
    throw error;
  }
}

/** Options with what was left out filled in. */
type CompleteOptions = HostOptions & { readonly store: HostStore; readonly domain: DomainPort };

/** What was on disk and in the store, checked, before anything runs. */
async function openStored(options: CompleteOptions) {
  const { store, logger = SILENT, now = () => new Date() } = options;
  const bundles = createBundleFolder(options.dataDir);
  const forgetData = async (plugin: string) => {
    await deletePluginStorage(store, plugin);
    await deleteSecrets(store, plugin);
  };
  const recovery = {
    store,
    bundles,
    now,
    forgetData,
    undoTrialWrites: (plugin: string) => undoTrialWrites(store, plugin),
    forgetUndo: (plugin: string) => forgetUndo(store, plugin),
  };
  for (const undone of await recover(recovery)) {
    logger.warn("An operation that a crash had cut short was cleared up", { ...undone });
  }
  const closing = new AbortController();
  const { signal } = closing;
  const marketplace =
    options.marketplace === undefined
      ? noMarketplace()
      : createMarketplace({ ...options.marketplace, signal });
  const trust = await trustOf(options, { marketplace, now });
  const log = await openLog({
    dataDir: options.dataDir,
    marketplace,
    keys: async () => noteKeys((await trust.verified())?.serviceKeys.log ?? []),
    now,
    logger,
  });
  const revocations = createRevocations({ trust, logger });
  await revocations.reload();
  const key = await openInstanceKey(options.dataDir);
  const { monotonic } = options;
  const found = { logger, marketplace, trust, log };
  const { licenses, readClock } = await openHostLicenses({ ...found, store, now, key, monotonic });
  const slots = createSlots({
    onListenerError: (error) => logger.error("A state listener failed", { error }),
    now,
  });
  await fillSlots(slots, { bundles, plugins: await readPlugins(store), logger });
  loadRevoked({ revocations, slots });
  const publishers = await trustedPublishers(options.developerMode);
  const instance = base64url(key.publicKey);
  const kept = { licenses, readClock, store, slots, logger, instanceKeyId: key.keyId };
  const keeper = keeperOf(kept);
  const secrets = createSecrets(store, () => openSecretKey(options.dataDir));
  const auditLog = createAuditLog(store, logger);
  const reporter = reporterOf(options, { ...kept, key, server: marketplace });
  const reviews = createReviews({ key, slots, server: marketplace, now: () => licenses.now() });
  const asks = { reporter, reviews };
  const kinds = { slots, publishers, secrets, auditLog, licenses, keeper, revocations, ...asks };
  return { ...recovery, ...found, ...kinds, closing, instance };
}

async function assemble(options: CompleteOptions, lock: FolderLock): Promise<HostParts> {
  const { slots, licenses, keeper, publishers, closing, secrets, auditLog, ...stored } =
    await openStored(options);
  const { store, logger, revocations } = stored;
  const logs = createPluginLogs();
  const { runtime, active, broker } = connectRuntime({
    ...stored,
    domain: options.domain,
    slots,
    logs,
    limits: options.limits ?? {},
    idleMs: options.idleMs,
    licenseOf: (row) => licenseData(licenses, row),
    ...brokerParts(options, { secrets, auditLog, logger }),
    createRuntime: options.createRuntime,
  });
  const install: InstallParts = {
    ...stored,
    ...startsOf(active),
    licenses: installLicenses(licenses),
    engines: enginesOf(options),
  };
  const administer = { install, active, slots, revocations, allowed: options.permissions };
  const administration = createAdministration(administer);
  const events = createEventDelivery({ slots, active, logger });
  const schedules = createPluginSchedules({ ...stored, options, slots, active });
  const history = recordHistory(stored, slots);
  const stopEvents = deliverDomainEvents(options, events, logger);
  return {
    runtime,
    slots,
    active,
    logs,
    events,
    schedules,
    broker,
    history,
    administration,
    administer,
    settings: createSettings(administer, secrets),
    audit: auditLog,
    licenses,
    keeper,
    dataDir: options.dataDir,
    ...lookingAfter(stored),
    limits: options.limits ?? {},
    trustedPublishers: publishers,
    async close() {
      stopEvents();
      closing.abort();
      const operations = administration.close().then(() => active.settle());
      await endWork(runtime, Promise.allSettled([schedules.close(), keeper.close(), operations]));
      await history.flush();
      await auditLog.close();
      await store.close();
      await lock.release();
    },
  };
}

/** What the regular look at the marketplace works with. */
function lookingAfter({
  trust,
  reporter,
  reviews,
}: Pick<HostParts, "trust" | "reporter" | "reviews">) {
  return { trust, reporter, reviews, held: createHeldUpdates() };
}

type Reporting = Omit<ReporterParts, "installed" | "now"> & Pick<HostParts, "slots" | "licenses">;

/** Null where nothing is to be reported, or to nobody. */
function reporterOf(
  { marketplace, beacons }: HostOptions,
  { slots, licenses, ...parts }: Reporting,
): Reporter | null {
  if (marketplace === undefined || beacons === false) return null;
  return createReporter({ ...parts, installed: () => slots.all(), now: () => licenses.now() });
}

function recordHistory(
  { store, logger }: { store: HostStore; logger: HostLogger },
  slots: Slots,
): StateHistory {
  const history = createStateHistory({ store, logger });
  slots.on((event) => history.write(event));
  return history;
}

/** How long closing waits for what is under way, before and after the plugins are ended. */
const CLOSE_MS = 12_000;

/** An operation that does not end even without plugins is undone at the next start. */
async function endWork(runtime: PluginRuntime, work: Promise<unknown>): Promise<void> {
  await within(CLOSE_MS, work);
  await runtime.close();
  await within(CLOSE_MS, work);
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function deliverDomainEvents(
  { domain }: CompleteOptions,
  events: EventDelivery,
  logger: HostLogger,
): () => void {
  return domain.onEvent(({ name, payload }) => {
    events
      .emit(name, payload)
      .catch((error: unknown) => logger.error("An event could not be delivered", { error }));
  });
}

function enginesOf({ applicationVersion }: HostOptions): Record<string, string> {
  return {
    runtime: RUNTIME_VERSION,
    ...(applicationVersion === undefined ? {} : { "rising-bsm": applicationVersion }),
  };
}

/** How an installation starts new versions, and ends them when it fails. */
function startsOf(active: ActivePlugins): Pick<InstallParts, "start" | "abandon"> {
  return {
    start: ({ row, bundle, before, reach }) =>
      active.start({ row, bundle, first: firstCall(before, row), reach: overlay(active, reach) }),
    abandon: active.abandon,
  };
}

function brokerParts(
  options: HostOptions,
  { secrets, auditLog, logger }: { secrets: Secrets; auditLog: AuditLog; logger: HostLogger },
) {
  return {
    network: options.network,
    perMinute: options.limits?.perMinute,
    readSecret: (plugin: string, name: string) => secrets.read(plugin, name),
    audit(row: AuditRow): void {
      auditLog.write(row);
      try {
        options.audit?.(row);
      } catch (error) {
        // What the application's listener throws is no plugin's business.
        logger.error("The audit listener failed", { error });
      }
    },
  };
}

function firstCall(before: PluginRow | null, { release }: PluginRow) {
  if (before === null) return { name: "onInstall", args: [] } as const;
  if (before.release.sha256 === release.sha256) return null;
  return { name: "onUpdate", args: [before.release.version] } as const;
}

/** During an installation the new versions see each other, and everybody else as usual. */
function overlay(
  active: ActivePlugins,
  started: (name: string) => Awaited<ReturnType<Reach>> | undefined,
): Reach {
  return async (name) => started(name) ?? active.reach(name);
}

function noteKeys(logs: ServiceKeys["log"]): NoteKey[] {
  return logs.map(({ origin, publicKey }) => ({
    name: origin,
    publicKey: fromBase64url(publicKey),
  }));
}

type Clocked = { readonly marketplace: Marketplace; readonly now: () => Date };

async function trustOf(options: HostOptions, { marketplace, now }: Clocked): Promise<Trust> {
  if (options.marketplace !== undefined) {
    return openTrust({
      dataDir: options.dataDir,
      root: options.marketplace.root,
      marketplace,
      now,
    });
  }
  return storedTrust(options.dataDir);
}

/** Reads every stored plugin and proves its bundle again; one that was altered fails alone. */
async function fillSlots(
  slots: Slots,
  {
    bundles,
    plugins,
    logger,
  }: { bundles: BundleFolder; plugins: ReadonlyMap<string, PluginRow>; logger: HostLogger },
): Promise<void> {
  const opened = [...plugins.values()].map(async (row): Promise<Slot> => {
    try {
      const { manifest } = await bundles.open(row.release);
      return { row, manifest, problem: null, running: null };
    } catch (error) {
      logger.error(`${row.name} cannot be started`, { ...problemOf(error) });
      return { row, manifest: null, problem: problemOf(error), running: null };
    }
  });
  for (const slot of await Promise.all(opened)) slots.load(slot);
}

async function trustedPublishers(
  mode: HostOptions["developerMode"],
): Promise<Map<string, Uint8Array> | null> {
  if (mode === undefined || mode === false) return null;
  const keys = mode.trust.map((key) => (typeof key === "string" ? fromBase64url(key) : key));
  return new Map(await Promise.all(keys.map(async (key) => [await keyId(key), key] as const)));
}
