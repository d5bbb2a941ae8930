import type { Bundle, Json, Manifest } from "@rising-bsm/protocol";
import type { Trial } from "../broker/grants.ts";
import type { ReleaseRow } from "../install/rows.ts";
import { nextTurn } from "../runtime/event-loop-turns.ts";
import type {
  CallOutcome,
  PluginCall,
  PluginData,
  PluginRuntime,
  PluginShape,
  PluginSpec,
} from "../runtime/plugin-runtime.ts";
import type { Actor } from "./actor.ts";

/** How long an old version may finish its open calls after the switch, in ms. */
const DRAIN_MS = 10_000;

/** What travels with a call to every host call it makes. The broker reads it; plugins never see it. */
export interface CallContext {
  /** Names the call in the plugin's log. */
  readonly call: string;
  readonly plugin: string;
  readonly grants: readonly string[];
  /** How much it may store. */
  readonly storageBytes: number;
  /** The plugins it may call. */
  readonly dependencies: readonly string[];
  /** Null: the call runs with what the installer approved. */
  readonly actor: Actor | null;
  /** How many plugins have called each other to get here. */
  readonly depth: number;
  readonly trial: Trial;
  /** Which version of another plugin a call reaches: during an installation the new ones. */
  readonly reach: Reach;
}

/** Finds the running version of a plugin by name; throws `plugin_not_found` or `plugin_not_active`. */
export type Reach = (name: string) => Promise<Running>;

/** One loaded and activated version of a plugin. */
export interface Running {
  readonly id: string;
  readonly name: string;
  readonly release: ReleaseRow;
  readonly manifest: Manifest;
  readonly shape: PluginShape;
  /** How much the plugin may store. */
  readonly storageBytes: number;
  /** Calls that have begun and not ended. */
  readonly open: Set<Promise<unknown>>;
  /** A version that was installed or updated is on trial until it has taken over. */
  readonly trial: Trial;
}

/** One version to start. */
export interface Launch {
  readonly release: ReleaseRow;
  readonly bundle: Bundle;
  readonly data: PluginData;
  readonly allowance: Pick<PluginSpec, "limits" | "ceiling">;
  readonly tier: PluginSpec["tier"];
  readonly storageBytes: number;
  readonly idleMs: number | undefined;
  /** Which lifecycle function runs before `onActivate`, and its arguments. */
  readonly first: null | {
    readonly name: "onInstall" | "onUpdate";
    readonly args: readonly Json[];
  };
  readonly reach: Reach;
}

let launches = 0;

/** Loads a version and activates it; when any of that fails nothing of it stays loaded. */
export async function launch(runtime: PluginRuntime, plan: Launch): Promise<Running> {
  const { manifest, files } = plan.bundle;
  // Two loads of one version may overlap, so the id carries a number.
  const id = `${manifest.name}@${manifest.version}#${++launches}`;
  const shape = await runtime.loadPlugin({
    id,
    name: manifest.name,
    version: manifest.version,
    main: manifest.main,
    files,
    ...plan.data,
    ...plan.allowance,
    idempotent: manifest.idempotent,
    ...(plan.tier === undefined ? {} : { tier: plan.tier }),
    ...(plan.idleMs === undefined ? {} : { idleMs: plan.idleMs }),
  });
  const running: Running = {
    id,
    name: manifest.name,
    release: plan.release,
    manifest,
    shape,
    storageBytes: plan.storageBytes,
    open: new Set(),
    trial: { over: plan.first === null },
  };
  try {
    if (plan.first !== null)
      await runLifecycle(runtime, running, { ...plan.first, reach: plan.reach });
    await runLifecycle(runtime, running, { name: "onActivate", args: [], reach: plan.reach });
    return running;
  } catch (error) {
    await runtime.unloadPlugin(id);
    throw error;
  }
}

/** A lifecycle function to run, with the installer's grants. */
export interface LifecycleCall {
  readonly name: "onInstall" | "onUpdate" | "onActivate" | "onDeactivate" | "onUninstall";
  readonly args: readonly Json[];
  readonly reach: Reach;
}

/** Runs one lifecycle function; a plugin without it is fine. */
export async function runLifecycle(
  runtime: PluginRuntime,
  running: Running,
  call: LifecycleCall,
): Promise<void> {
  const context = contextOf(running, { actor: null, depth: 0, reach: call.reach });
  await runCall(runtime, running, { kind: "lifecycle", name: call.name, args: call.args, context });
}

let calls = 0;

/** The context of a call to `running`. */
export function contextOf(
  running: Running,
  call: Pick<CallContext, "actor" | "depth" | "reach">,
): CallContext {
  const { name: plugin, release, trial, storageBytes } = running;
  const { grants } = release;
  const dependencies = Object.keys(release.dependencies);
  const id = (calls += 1).toString(36);
  return { call: id, plugin, grants, storageBytes, dependencies, trial, ...call };
}

/** Runs one function of a plugin, counted among its open calls until it ends. */
export async function runCall(
  runtime: PluginRuntime,
  running: Running,
  call: PluginCall & { readonly context: CallContext },
): Promise<CallOutcome> {
  return whileOpen(running, () => runtime.executePlugin(running.id, call));
}

/** Does work that a version waits for before it is unloaded. */
export async function whileOpen<T>(
  { open }: Pick<Running, "open">,
  work: () => Promise<T>,
): Promise<T> {
  const outcome = work();
  const settled = outcome.catch(() => undefined);
  open.add(settled);
  try {
    return await outcome;
  } finally {
    open.delete(settled);
  }
}

/** What a version hears before it is unloaded. */
export type Goodbye = "onDeactivate" | "onUninstall";

/**
 * Lets a version that no new call reaches finish its open ones, says goodbye to it and unloads it.
 * A plugin cannot hold on: what its goodbyes throw is answered, not thrown.
 */
export async function retire(
  runtime: PluginRuntime,
  running: Running,
  { goodbyes, reach }: { goodbyes: readonly Goodbye[]; reach: Reach },
): Promise<unknown[]> {
  // Whoever has got hold of this version in the same turn is not among its open calls yet.
  await nextTurn();
  const drained = Promise.all(running.open);
  const waited = new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref());
  await Promise.race([drained, waited]);
  const failures: unknown[] = [];
  for (const name of goodbyes) {
    await runLifecycle(runtime, running, { name, args: [], reach }).catch((error: unknown) =>
      failures.push(error),
    );
  }
  await runtime.unloadPlugin(running.id);
  return failures;
}
