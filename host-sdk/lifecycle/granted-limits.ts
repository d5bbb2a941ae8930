import { CALL_LIMITS, type Manifest, STORAGE_LIMITS } from "@rising-bsm/protocol";
import { budgetOf } from "../runtime/call-budget.ts";
import type { PluginSpec } from "../runtime/plugin-runtime.ts";

/** What the administrator allows any plugin; where it is silent the defaults hold. */
export interface AllowedLimits extends NonNullable<PluginSpec["limits"]> {
  readonly storageMb?: number;
}

/** What one call of a plugin's method or handler may use. */
export interface PluginLimits {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly memoryMb: number;
  readonly storageMb: number;
}

/**
 * What the manifest asks for, else the default, and no more than the administrator allows. Without
 * the administrator's word a manifest gets nothing beyond the defaults.
 */
export function grantedLimits(
  asked: Manifest["limits"],
  allowed: AllowedLimits,
): Pick<PluginSpec, "limits" | "ceiling"> {
  const cpuMs = smaller(asked.cpuMs, allowed.cpuMs);
  const wallMs = smaller(asked.wallMs, allowed.wallMs);
  const memoryMb = smaller(asked.memoryMb ?? CALL_LIMITS.memoryMb, allowed.memoryMb);
  return {
    limits: {
      ...(cpuMs === undefined ? {} : { cpuMs }),
      ...(wallMs === undefined ? {} : { wallMs }),
      ...(memoryMb === undefined ? {} : { memoryMb }),
    },
    ceiling: allowed,
  };
}

function smaller(asked: number | undefined, allowed: number | undefined): number | undefined {
  return asked === undefined || allowed === undefined ? undefined : Math.min(asked, allowed);
}

const MIB = 1_048_576;
const DEFAULT_STORAGE_MB = STORAGE_LIMITS.totalBytes / MIB;

function storageMbOf(
  { storageMb: asked = DEFAULT_STORAGE_MB }: Manifest["limits"],
  { storageMb: most = DEFAULT_STORAGE_MB }: AllowedLimits,
): number {
  return Math.min(asked, most);
}

/** How many bytes a plugin may keep in its storage. */
export function storageBytesOf(asked: Manifest["limits"], allowed: AllowedLimits): number {
  return Math.floor(storageMbOf(asked, allowed) * MIB);
}

/** The limits of a method of a plugin; one whose manifest cannot be read asks for nothing. */
export function limitsOf(manifest: Manifest | null, allowed: AllowedLimits): PluginLimits {
  const granted = grantedLimits(manifest?.limits ?? {}, allowed);
  const memoryMb = granted.limits?.memoryMb ?? CALL_LIMITS.memoryMb;
  const storageMb = storageMbOf(manifest?.limits ?? {}, allowed);
  return { ...budgetOf({ kind: "method" }, granted), memoryMb, storageMb };
}
