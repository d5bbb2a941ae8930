import { CALL_LIMITS, RbsmError } from "@rising-bsm/protocol";
import type { PluginCall, PluginSpec } from "./plugin-runtime.ts";

/** What one call may use. */
export interface CallBudget {
  readonly cpuMs: number;
  readonly wallMs: number;
}

const DEFAULTS: Record<PluginCall["kind"], CallBudget> = {
  hook: { cpuMs: CALL_LIMITS.hookCpuMs, wallMs: CALL_LIMITS.hookWallMs },
  method: { cpuMs: CALL_LIMITS.methodCpuMs, wallMs: CALL_LIMITS.methodWallMs },
  request: { cpuMs: CALL_LIMITS.methodCpuMs, wallMs: CALL_LIMITS.methodWallMs },
  lifecycle: { cpuMs: CALL_LIMITS.methodCpuMs, wallMs: CALL_LIMITS.methodWallMs },
  schedule: { cpuMs: CALL_LIMITS.scheduleCpuMs, wallMs: CALL_LIMITS.scheduleWallMs },
};

/** What the plugin may have of everything beside the payload. */
export type Allowance = Pick<PluginSpec, "limits" | "ceiling">;

/** What the call asks for, else what the plugin was granted, else the default of its kind. */
export function budgetOf(
  call: Pick<PluginCall, "kind" | "cpuMs" | "deadlineMs">,
  allowance: Allowance,
): CallBudget {
  return {
    cpuMs: call.cpuMs ?? usualFor("cpuMs", call.kind, allowance),
    wallMs:
      call.deadlineMs === undefined
        ? usualFor("wallMs", call.kind, allowance)
        : timeLeft(call.deadlineMs),
  };
}

function usualFor(
  limit: keyof CallBudget,
  kind: PluginCall["kind"],
  { limits, ceiling }: Allowance,
): number {
  // A grant is for the work a plugin does on request; it does not let a hook hold up the host.
  const granted = kind === "hook" ? 0 : (limits?.[limit] ?? 0);
  return Math.min(Math.max(DEFAULTS[kind][limit], granted), ceiling?.[limit] ?? Infinity);
}

/** A longer timer would fire at once; nobody waits for 24 days. */
const MAX_WALL_MS = 2 ** 31 - 1 - 60_000;

function timeLeft(deadlineMs: number): number {
  if (deadlineMs > 0) return Math.min(deadlineMs, MAX_WALL_MS);
  if (deadlineMs <= 0) throw new RbsmError("limit_wall", "The deadline of the call has passed");
  throw new RbsmError("usage", "deadlineMs is not a number");
}

/** Loading evaluates the plugin's modules: the budget of a method. */
export function loadBudget(allowance: Allowance): CallBudget {
  return budgetOf({ kind: "lifecycle" }, allowance);
}
