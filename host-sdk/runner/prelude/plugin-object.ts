import { api } from "./api.ts";
import { codedError } from "./errors.ts";

const LIFECYCLE = ["onInstall", "onActivate", "onDeactivate", "onUninstall", "onUpdate"];

type PluginFunction = (args: readonly unknown[]) => unknown;

/** Every function of the plugin that the host may call, by "kind:name". Fixed when it is loaded. */
const callable = new Map<string, PluginFunction>();

/**
 * Makes the plugin object from the default export of `main` and finds its functions. Returns them
 * by name; throws when the export is neither a class nor an object.
 */
export function adoptPlugin(exported: unknown): string[] {
  const plugin = instanceOf(exported);
  if (!Reflect.defineProperty(plugin, "api", { value: api, writable: true, configurable: true })) {
    throw new TypeError("The plugin object is frozen: the runtime could not set its `api`");
  }
  for (const name of LIFECYCLE) offer(plugin, `lifecycle:${name}`, Reflect.get(plugin, name));
  offer(plugin, "request:handleRequest", Reflect.get(plugin, "handleRequest"));
  for (const [name, run] of Object.entries(Object(Reflect.get(plugin, "methods"))))
    offer(plugin, `method:${name}`, run);
  for (const [name, run] of Object.entries(Object(Reflect.get(plugin, "hooks"))))
    offer(plugin, `hook:${name}`, run);
  for (const [name, run] of Object.entries(Object(Reflect.get(plugin, "schedules"))))
    offer(plugin, `schedule:${name}`, run);
  if (typeof exported === "function") offerClassMethods(plugin, exported);
  return [...callable.keys()];
}

function instanceOf(exported: unknown): object {
  if (typeof exported === "function") return Object(Reflect.construct(exported, []));
  if (typeof exported === "object" && exported !== null) return exported;
  throw new TypeError("The main file has no default export that is a class or a plugin object");
}

function offerClassMethods(plugin: object, type: object): void {
  const prototype: object = Object(Reflect.get(type, "prototype"));
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const reserved =
      name === "constructor" ||
      name === "handleRequest" ||
      name.startsWith("_") ||
      LIFECYCLE.includes(name);
    if (!reserved) offer(plugin, `method:${name}`, value);
  }
}

function offer(plugin: object, key: string, run: unknown): void {
  if (typeof run === "function") callable.set(key, (args) => Reflect.apply(run, plugin, args));
}

/** The function for `key`; undefined for a lifecycle function that the plugin does without. */
export function findFunction(key: string): PluginFunction | undefined {
  const run = callable.get(key);
  if (run !== undefined || key.startsWith("lifecycle:")) return run;
  throw codedError("plugin_not_found", `The plugin has no ${key.replace(":", " ")}`);
}

/** `onActivate` gets the api as its argument too. */
export function lifecycleArguments(key: string, args: readonly unknown[]): readonly unknown[] {
  return key === "lifecycle:onActivate" ? [api] : args;
}
