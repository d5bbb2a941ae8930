import { RbsmError, type SigningKey } from "@rising-bsm/protocol";
import { readBootId } from "../disk/boot-id.ts";
import type { HostLogger, HostOptions } from "../host-options.ts";
import { assertPluginName } from "../install/plugin-name.ts";
import type { PluginRow } from "../install/rows.ts";
import type { InstallLicenses } from "../install/stage.ts";
import type { Problem, Slots } from "../lifecycle/slots.ts";
import type { PluginData } from "../runtime/plugin-runtime.ts";
import type { HostStore } from "../store/host-store.ts";
import type { Trust } from "../trust/trust.ts";
import type { LicenseDescription } from "./describe-license.ts";
import type { ClockReading } from "./license-clock.ts";
import { LicenseKeeper } from "./license-keeper.ts";
import type { LicenseEvent } from "./license-news.ts";
import type { LicenseServer } from "./license-requests.ts";
import { createLicenseRows } from "./license-rows.ts";
import { type Licenses, openLicenses } from "./licenses.ts";

/** What a host's licenses are opened with. */
export interface HostLicensesOptions {
  readonly store: HostStore;
  readonly marketplace: LicenseServer;
  readonly key: SigningKey;
  readonly trust: Trust;
  readonly logger: HostLogger;
  readonly now: () => Date;
  readonly monotonic: HostOptions["monotonic"];
}

/** The licenses of one host, and the clock that they go by. */
export interface HostLicenses {
  readonly licenses: Licenses;
  readonly readClock: () => ClockReading;
}

/** Opens what is stored; a lease that does not verify is logged. Asks nobody. */
export async function openHostLicenses(options: HostLicensesOptions): Promise<HostLicenses> {
  const { store, key, marketplace, trust, logger, now, monotonic } = options;
  const boot = monotonic === undefined ? await readBootId() : undefined;
  const counter = monotonic ?? machineCounter;
  const readClock = () => ({ system: now().getTime(), monotonic: counter(), boot });
  const { licenses, problems } = await openLicenses({
    store,
    key,
    server: marketplace,
    // Lists that cannot be read must not keep the host from opening; the revocations log the error.
    leaseKeys: async () => (await trust.verified().catch(() => null))?.serviceKeys.lease ?? [],
    refreshKeys: () => trust.check(),
    readClock,
  });
  for (const { plugin, error } of problems) {
    logger.warn(`The stored license of ${plugin} does not verify`, { error: String(error) });
  }
  return { licenses, readClock };
}

/** Runs since the machine was started, for every process alike. */
function machineCounter(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** What the keeper of a host needs beside its licenses. */
export interface KeptBy extends HostLicenses {
  readonly store: HostStore;
  readonly instanceKeyId: string;
  readonly slots: Slots;
  readonly logger: HostLogger;
}

/** The keeper over the installed plugins. What it tells goes into their history too. */
export function keeperOf({ slots, store, instanceKeyId, ...kept }: KeptBy): LicenseKeeper {
  const keeper = new LicenseKeeper({
    ...kept,
    rows: createLicenseRows(store, instanceKeyId),
    isInstalled: (plugin) => slots.find(plugin) !== undefined,
    publishedAt: (plugin) => publishedAt(slots, plugin),
  });
  kept.licenses.onChange(() => void keeper.tell());
  keeper.on((event) => slots.note(event.plugin, `license-${event.state}`, noteOf(event)));
  slots.on(({ plugin, change }) => {
    if (change !== "installed") return;
    // Its license was there before it.
    const license = kept.licenses.describe(plugin, publishedAt(slots, plugin));
    if (license.state !== "none") slots.note(plugin, `license-${license.state}`, noteOf(license));
  });
  return keeper;
}

const SAID = {
  restricted: ["license_expired", "What the license allowed is off"],
  refused: ["license_refused", "The marketplace takes the license back"],
  clone: ["license_conflict", "Another installation renews the same lease"],
  renewal: ["license_expired", "The license could not be renewed in time"],
  overage: ["license_refused", "More installations hold the license than it has seats"],
} as const;

/** What the history says about a change of a license; null where all is well. */
function noteOf({ warning }: Pick<LicenseEvent, "warning">): Problem | null {
  if (warning === null) return null;
  const [code, message] = SAID[warning];
  return { code, message };
}

function publishedAt(slots: Slots, plugin: string): number | undefined {
  const row = slots.find(plugin)?.row;
  return row === undefined ? undefined : Date.parse(row.release.publishedAt);
}

/** What a plugin is told about its license when it runs. */
export function licenseData(
  licenses: Licenses,
  { name, release }: PluginRow,
): PluginData["license"] {
  const at = Date.parse(release.publishedAt);
  return {
    entitlements: licenses.entitlements(name, at),
    info: { ...licenses.info(name, at) },
  };
}

/** What an installation asks of the licenses. */
export function installLicenses(licenses: Licenses): InstallLicenses {
  return {
    async ensure(plugin, licenseKey) {
      if (licenseKey !== undefined) return licenses.activate(plugin, licenseKey);
      if (licenses.check(plugin) !== null) return;
      throw new RbsmError("license_required", `${plugin} needs a license key`, {
        plugin,
        fix: `Install ${plugin} with the license key that came with its purchase, before what needs it.`,
      });
    },
    downloadUrl: async ({ name, version }) => (await licenses.requestDownload(name, version)).url,
    async giveBack(plugin) {
      if (licenses.check(plugin) !== null) await licenses.returnLease(plugin);
    },
  };
}

/** What administrators do with licenses, and see of them. */
export interface LicenseCalls {
  /** A plugin's license; `plugin_not_found` for one that is neither installed nor licensed. */
  license(name: string): LicenseDescription;
  /**
   * Of every plugin that has one or needs one, by name: as they are, or as they will be at another
   * time when no renewal gets through until then.
   */
  licenses(at?: Date): LicenseDescription[];
  /**
   * Claims a license for a plugin, before it is installed or later. Throws `license_refused` for a
   * key that is not good for it, and `network_*`.
   */
  activateLicense(name: string, licenseKey: string): Promise<LicenseDescription>;
  /** Asks for the next lease now. Throws `license_*` and `network_*`; what is held stays good. */
  renewLicense(name: string): Promise<LicenseDescription>;
  /** Destroys the lease and frees its seat for another installation. */
  returnLicense(name: string): Promise<LicenseDescription>;
  /** Renews the leases whose time has come; the host also does so by itself, when it is due. */
  renewLicenses(): Promise<void>;
}

/** What {@link LicenseCalls} work with. */
export interface LicenseCallParts {
  readonly licenses: Licenses;
  readonly keeper: LicenseKeeper;
  readonly slots: Slots;
}

/** The calls over one host's licenses. */
export function licensesOver({ licenses, keeper, slots }: LicenseCallParts): LicenseCalls {
  const describe = (name: string, at?: number) =>
    licenses.describe(name, publishedAt(slots, name), at);
  const after = async (name: string, done: Promise<void>) => {
    await done;
    return describe(name);
  };
  return {
    license(name) {
      if (licenses.check(name) === null) slots.get(name);
      return describe(name);
    },
    licenses(at) {
      checkDate(at);
      const paid = slots.all().filter(({ row }) => row.release.paid);
      const names = new Set([...licenses.plugins(), ...paid.map(({ row }) => row.name)]);
      return [...names].sort().map((name) => describe(name, at?.getTime()));
    },
    async activateLicense(name, licenseKey) {
      assertPluginName(name);
      checkKey(licenseKey);
      return after(name, licenses.activate(name, licenseKey));
    },
    renewLicense: (name) => after(name, licenses.renewLease(name)),
    returnLicense: (name) => after(name, licenses.returnLease(name)),
    renewLicenses: () => keeper.look(),
  };
}

/** What an application without types may pass. */
function checkDate(at: unknown): void {
  if (at === undefined || (at instanceof Date && !Number.isNaN(at.getTime()))) return;
  throw new RbsmError("usage", "Licenses are described at a Date");
}

function checkKey(licenseKey: unknown): void {
  if (typeof licenseKey !== "string") throw new RbsmError("usage", "A license key is a string");
}
