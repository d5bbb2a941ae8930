import { hostCall } from "./host-calls.ts";
import { log } from "./log.ts";

/**
 * `this.api`: every async method is a host call of the same dotted name. The host decides whether
 * the method exists and may be used, so a name more in this table gives nothing away.
 */
const METHODS = {
  storage: ["get", "set", "delete", "list"],
  customers: ["list", "get", "create", "update", "setStatus", "delete"],
  appointments: ["list", "upcoming", "get", "create", "update", "setStatus", "cancel", "delete"],
  requests: [
    "list",
    "get",
    "create",
    "update",
    "setStatus",
    "assign",
    "linkCustomer",
    "convert",
    "delete",
  ],
  notifications: ["send", "list"],
  plugins: ["call"],
} as const;

const NESTED = {
  "customers.notes": ["list", "add"],
  "appointments.notes": ["list", "add"],
  "requests.notes": ["list", "add"],
  "requests.data": ["list", "put"],
} as const;

interface PluginData {
  readonly config: unknown;
  readonly entitlements: readonly string[];
  readonly info: unknown;
}

let data: PluginData = { config: {}, entitlements: [], info: null };

export function setPluginData(text: string): void {
  data = deepFreeze(JSON.parse(text));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}

function facade(prefix: string, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (...args: readonly unknown[]) => hostCall(`${prefix}.${name}`, args),
    ]),
  );
}

function makeApi() {
  const parts = Object.entries(METHODS).map(
    ([prefix, names]) => [prefix, facade(prefix, names)] as const,
  );
  for (const [path, names] of Object.entries(NESTED)) {
    const [prefix, part] = path.split(".");
    const owner = parts.find(([name]) => name === prefix)?.[1];
    if (owner !== undefined && part !== undefined) owner[part] = facade(path, names);
  }
  return {
    log,
    ...Object.fromEntries(parts),
    license: {
      has: (entitlement: unknown) => data.entitlements.includes(String(entitlement)),
      info: () => data.info,
    },
    get config(): unknown {
      return data.config;
    },
  };
}

/** Frozen with the realm. */
export const api = makeApi();
