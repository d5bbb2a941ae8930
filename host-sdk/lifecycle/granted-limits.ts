import { CALL_LIMITS, type Manifest } from "@rising-bsm/protocol";
import { budgetOf } from "../runtime/call-budget.ts";
import type { PluginSpec } from "../runtime/plugin-runtime.ts";

/** What the administrator allows any plugin; where it is silent the defaults hold. */
export type AllowedLimits = NonNullable<PluginSpec["limits"]>;

/** What one call of a plugin's method or handler may use. */
export interface PluginLimits {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly memoryMb: number;
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

/** The limits of a method of a plugin; one whose manifest cannot be read asks for nothing. */
export function limitsOf(manifest: Manifest | null, allowed: AllowedLimits): PluginLimits {
  const granted = grantedLimits(manifest?.limits ?? {}, allowed);
  const memoryMb = granted.limits?.memoryMb ?? CALL_LIMITS.memoryMb;
  return { ...budgetOf({ kind: "method" }, granted), memoryMb };
}
