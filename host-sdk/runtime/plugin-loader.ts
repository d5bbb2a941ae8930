import { CALL_LIMITS, RbsmError, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { askChild } from "./ask-child.ts";
import { loadBudget } from "./call-budget.ts";
import type { Child, Home } from "./child.ts";
import { type ChildPool, memoryOf } from "./child-pool.ts";
import { type Emit, isBystander } from "./crash-blame.ts";
import type { PluginData, PluginShape } from "./plugin-runtime.ts";
import type { PluginSlot } from "./plugin-slot.ts";
import { pluginLabel } from "./source-map.ts";
import { shortText } from "./payload.ts";
import { shapeOf } from "./plugin-shape.ts";

interface LoaderParts {
  readonly pool: ChildPool;
  readonly emit: Emit;
  readonly onWedged: (child: Child) => void;
}

/** Brings plugins into isolates. */
export interface PluginLoader {
  /** Loaded and, where it was active before its isolate was lost, activated again. */
  ready(slot: PluginSlot): Promise<PluginShape>;
  /** Drops the plugin's isolate, if it has one. */
  drop(slot: PluginSlot): void;
}

export function createPluginLoader(parts: LoaderParts): PluginLoader {
  let loading = 0;
  const load = async (slot: PluginSlot): Promise<PluginShape> => {
    if (loading >= RUNTIME_LIMITS.loads)
      throw new RbsmError("host_busy", `${loading} plugins are being loaded already`);
    loading += 1;
    try {
      // A child may end over another plugin while this one is on its way into it.
      return await loadOnce(parts, slot).catch((error: unknown) => {
        if (!isBystander(error) || slot.gone !== undefined) throw error;
        return loadOnce(parts, slot);
      });
    } finally {
      loading -= 1;
    }
  };
  return {
    drop: (slot) => drop(parts, slot),
    ready(slot) {
      slot.loading ??= load(slot).finally(() => (slot.loading = undefined));
      return slot.loading;
    },
  };
}

function drop({ pool }: LoaderParts, slot: PluginSlot): void {
  const { home } = slot;
  slot.home = undefined;
  if (home !== undefined) pool.leave(home);
}

async function loadOnce(parts: LoaderParts, slot: PluginSlot): Promise<PluginShape> {
  const home = await parts.pool.homeFor(slot);
  const { child, loadId } = home;
  leaveIfGone(parts, slot, home);
  const keys = await evaluate(parts, slot, home).catch((error: unknown) => {
    parts.pool.leave(home);
    throw error;
  });
  leaveIfGone(parts, slot, home);
  if (!child.plugins.has(loadId) || child.dying)
    throw new RbsmError("plugin_crashed", "The plugin's process ended while it was loaded", {
      collateral: true,
    });
  const shape = shapeOf(keys);
  slot.home = home;
  slot.stats.loads += 1;
  if (slot.activation !== undefined) await reactivate(parts, slot, home);
  parts.emit(slot, "loaded");
  return shape;
}

function leaveIfGone({ pool }: LoaderParts, { gone, spec }: PluginSlot, home: Home): void {
  if (gone === undefined) return;
  pool.leave(home);
  throw new RbsmError(gone, `${spec.id} was unloaded`);
}

/** Runs the plugin's modules in its new isolate; the answer lists its functions. */
async function evaluate(parts: LoaderParts, slot: PluginSlot, home: Home): Promise<string> {
  const { spec } = slot;
  // As they are: neither decoded nor copied here, however large they are.
  for (const [path, bytes] of spec.files)
    if (IMPORTABLE.test(path)) home.child.process.sendFile(home.loadId, path, bytes);
  const answer = await askChild(slot, home, {
    ...questionFor(parts, slot),
    type: "load",
    head: {
      label: pluginLabel(spec),
      main: spec.main,
      memoryMb: memoryOf(spec),
    },
    body: dataText(slot.data),
    context: undefined,
  }).answer;
  return answer.body;
}

async function reactivate(parts: LoaderParts, slot: PluginSlot, home: Home): Promise<void> {
  try {
    await askChild(slot, home, {
      ...questionFor(parts, slot),
      type: "call",
      head: { target: "lifecycle:onActivate" },
      body: "[]",
      context: slot.activation?.context,
    }).answer;
  } catch (error) {
    // Half activated is not active: the next call starts over.
    drop(parts, slot);
    throw error;
  }
}

function questionFor({ onWedged }: LoaderParts, { spec }: PluginSlot) {
  const startedAt = performance.now();
  return { budget: loadBudget(spec), startedAt, signal: undefined, onWedged };
}

/** Only code and data that modules can import reach the child. */
const IMPORTABLE = /\.(?:js|mjs|json)$/;

/** What plugin code reads synchronously, as it crosses. */
export function dataText({ config, license }: PluginData): string {
  const data = { config, entitlements: license.entitlements, info: license.info };
  return shortText(data, { maxBytes: CALL_LIMITS.payloadBytes });
}
