import { describePermission, type Manifest, type Text } from "@rising-bsm/protocol";
import type { LicenseDescription } from "../license/describe-license.ts";
import type { HeldUpdate } from "./check-for-updates.ts";
import type { PluginLimits } from "./granted-limits.ts";
import type { AdvisoryInfo } from "./revocations.ts";
import type { Slot } from "./slots.ts";
import { type PluginState, type Problem, stateOf } from "./slots.ts";

/** A permission that a plugin asks for, in the words of the person who grants it. */
export interface PermissionInfo {
  readonly code: string;
  readonly en: string;
  readonly de: string;
  readonly granted: boolean;
}

/** An installed plugin as administrators and their tools see it. */
export interface PluginInfo {
  readonly name: string;
  readonly version: string;
  readonly state: PluginState;
  /** Why it is not active although it should be. */
  readonly reason: Problem | null;
  readonly displayName: Text;
  readonly description: Text;
  readonly source: "marketplace" | "sideload";
  /** Asked for by name, not only needed by another plugin. */
  readonly direct: boolean;
  readonly sha256: string;
  readonly treeDigest: string;
  readonly publisherKeyId: string;
  readonly grants: readonly string[];
  readonly approvedBy: string;
  readonly permissions: readonly PermissionInfo[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly paid: boolean;
  readonly license: LicenseDescription;
  /** What one call of a method may use on this host. */
  readonly limits: PluginLimits;
  readonly installedAt: string;
  readonly updatedAt: string;
  /** What the marketplace says about the installed release, the strictest first. */
  readonly advisories: readonly AdvisoryInfo[];
  /** A newer release that this host does not accept as it is; null as far as the last check knows. */
  readonly heldUpdate: HeldUpdate | null;
  /** The version that `rollback` goes back to. */
  readonly previousVersion: string | null;
}

/** Describes a slot; `known` is what others say about it now. */
export function describePlugin(
  slot: Slot,
  known: Pick<PluginInfo, "license" | "limits" | "advisories" | "heldUpdate">,
): PluginInfo {
  const { row, manifest, problem } = slot;
  const { release } = row;
  return {
    name: row.name,
    version: release.version,
    state: stateOf(slot),
    reason: problem,
    displayName: manifest?.displayName ?? row.name,
    description: manifest?.description ?? "",
    source: row.source,
    direct: row.direct,
    sha256: release.sha256,
    treeDigest: release.treeDigest,
    publisherKeyId: release.publisherKeyId,
    grants: [...release.grants],
    approvedBy: release.approvedBy,
    permissions: permissionsOf(manifest, release.grants),
    dependencies: release.dependencies,
    paid: release.paid,
    ...known,
    installedAt: row.installedAt,
    updatedAt: row.updatedAt,
    previousVersion: row.previous?.version ?? null,
  };
}

function permissionsOf(manifest: Manifest | null, grants: readonly string[]): PermissionInfo[] {
  const asked = [
    ...(manifest?.permissions ?? []).map(({ code }) => code),
    ...(manifest?.network ?? []).map((host) => `network:${host}`),
  ];
  return asked.map((code) => {
    const { en, de } = describePermission(code);
    return { code, en, de, granted: grants.includes(code) };
  });
}
