import type { Json } from "@rising-bsm/protocol";
import type { PluginHost } from "@rising-bsm/host-sdk";

/** What a payload that acts on the host itself has at hand. */
export interface Scene {
  readonly host: PluginHost;
  /** Name of the payload's plugin; installed already unless the payload says otherwise. */
  readonly plugin: string;
  /** Installs or updates the payload's plugin to `version` with this code. */
  readonly install: (version: string, code: string) => Promise<void>;
  readonly call: (method: string, ...args: Json[]) => Promise<Json>;
  /** Ends one child process of the host, as the system's memory killer would. */
  readonly killChild: () => void;
  readonly wait: (ms: number) => Promise<void>;
}

/** One small program that wants to do harm, and what has to come of it. */
export interface Payload {
  /** Body of `async go(...args)`; `this.api` is there as in any plugin. */
  readonly body?: string;
  /** Other members of the class. */
  readonly members?: string;
  /** Statements of the module before the class. */
  readonly top?: string;
  /** The whole of `main`, instead of a class with the three above. */
  readonly module?: string;
  /** What sets it off. Default "call" of `go`; "install" is the loading and activating. */
  readonly by?: "call" | "install" | "request" | "hook" | "disable" | "uninstall";
  /** Sets it off instead of `by`; what it returns is the result. */
  readonly act?: (scene: Scene) => Promise<Json>;
  readonly args?: readonly Json[];
  readonly manifest?: Readonly<Record<string, Json>>;
  readonly permissions?: readonly string[];
  /** The code that has to come back, or several with `|`; "ok" when none may. */
  readonly expect: string;
  /** What an "ok" has to answer. */
  readonly result?: Json;
  /** CPU that the plugin needs to get to its point, in ms. Default: as little as there is. */
  readonly cpuMs?: number;
  readonly deadlineMs?: number;
  /** How long a turn of the host's event loop may work where it is known to be more than 10 ms. */
  readonly stallMs?: number;
}

/** Payloads by what they do, in words. */
export type Family = Readonly<Record<string, Payload>>;

/** Payloads of which only the body differs. */
export function each(
  common: Payload,
  bodies: Readonly<Record<string, string>>,
): Record<string, Payload> {
  return Object.fromEntries(
    Object.entries(bodies).map(([name, body]) => [name, { ...common, body }]),
  );
}

/** The plugin's `main`. */
export function codeOf({
  top = "",
  members = "",
  body = "",
  module,
}: Omit<Payload, "expect">): string {
  if (module !== undefined) return module;
  return `${top}\nexport default class {\n${members}\nasync go(...args) { ${body} }\nalive() { return "alive" }\n}`;
}
