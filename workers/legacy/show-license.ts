import { licenseState } from "../licenses/license-state.ts";
import type { LicenseState } from "../licenses/license-state.ts";
import { typeOf, usageLimitsOf } from "./license-types.ts";
import type { LicenseType } from "./license-types.ts";
import type { PluginId } from "./plugin-id.ts";
import type { KnownLicense } from "./queries.ts";

/** A license in the old system's fields. */
type LegacyView = Readonly<{
  id: string;
  licenseKey: string;
  pluginId: PluginId;
  userId: string | null;
  type: LicenseType;
  status: LicenseState;
  hardwareId?: string;
  /** -1 is any number. */
  maxInstalls: number;
  currentInstalls: number;
  issuedAt: string;
  expiresAt?: string;
  usageLimits: Record<string, number>;
  usageData: Record<string, never>;
}>;

/** What the caller knows of the license; of neither key nor hardware id is more stored than a hash. */
interface CallersPart {
  /** Empty where a list has none to show. */
  readonly licenseKey: string;
  /** As the caller names the plugin. */
  readonly pluginId?: PluginId | undefined;
  readonly hardwareId?: string | undefined;
}

export function showLicense(
  { license, legacy, taken }: KnownLicense,
  { licenseKey, pluginId = license.plugin, hardwareId }: CallersPart,
  now: number,
): LegacyView {
  const isBound = legacy?.hardware != null;
  return {
    id: license.id,
    licenseKey,
    pluginId,
    userId: legacy?.userId ?? null,
    type: typeOf(license),
    status: licenseState(license, now),
    ...(isBound && hardwareId !== undefined ? { hardwareId } : {}),
    maxInstalls: license.seats ?? -1,
    currentInstalls: taken,
    issuedAt: new Date(license.createdAt).toISOString(),
    ...(license.until === null ? {} : { expiresAt: new Date(license.until).toISOString() }),
    usageLimits: usageLimitsOf(license),
    usageData: {},
  };
}
