import type { HookEvents } from "./events.ts";
import type { PluginApi } from "./plugin-api.ts";

/** What `this` is in every function of a plugin. */
export interface PluginThis {
  readonly api: PluginApi;
}

/** A plugin as an object. All parts are optional; a class with the same names works as well. */
export interface PluginDefinition {
  /** Runs once, when the plugin is installed. */
  onInstall?(): unknown;
  /** Runs each time the plugin starts: after installation, an update, a crash, a long rest. */
  onActivate?(api: PluginApi): unknown;
  /** Runs when the plugin is disabled, uninstalled or replaced by a new version. */
  onDeactivate?(): unknown;
  /** Runs once, before the plugin is gone. */
  onUninstall?(): unknown;
  /** Runs once after an update, with the version that was there before. */
  onUpdate?(from: string): unknown;
  /**
   * Answers HTTP requests below the plugin's address. A `Response` goes out as it is, any other
   * value as JSON, `undefined` as 204.
   */
  handleRequest?(request: Request): unknown;
  /** Functions that the host and other plugins can call by name; JSON in, JSON out. */
  methods?: Record<string, (...args: never[]) => unknown>;
  /** Functions for the events that the manifest names under `hooks`. */
  hooks?: { [Name in keyof HookEvents]?: (event: HookEvents[Name]) => unknown };
  /** Functions for the schedules of the manifest, by name. */
  schedules?: Record<string, () => unknown>;
}

/** Gives a plugin object its types, `this.api` among them, and changes nothing about it. */
export function definePlugin<T extends PluginDefinition>(plugin: T & ThisType<PluginThis>): T {
  return plugin;
}
