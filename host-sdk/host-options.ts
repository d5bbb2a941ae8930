import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { AuditRow } from "./broker/broker.ts";
import type { PerMinute } from "./broker/quotas.ts";
import type { Send } from "./client/send.ts";
import type { DomainPort } from "./domain/domain-port.ts";
import type { NetworkOptions } from "./network/fetch.ts";
import type { PluginRuntime, RuntimeHost } from "./runtime/plugin-runtime.ts";
import type { HostStore } from "./store/host-store.ts";

/** What the host writes for the people who run it; plugins' own logs go to `host.logs`. */
export interface HostLogger {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Everything `createPluginHost` is built from. */
export interface HostOptions {
  /** Folder of this host alone: bundles, trust state, instance key. */
  readonly dataDir: string;
  /** The marketplace and the TUF root.json that its trust begins with; without it only `sideload` installs. */
  readonly marketplace?: {
    readonly url: string;
    readonly root: Uint8Array;
    readonly send?: Send;
    /** URLs or folders that have the same public bundles; asked in this order when it cannot give one. */
    readonly mirrors?: readonly string[];
  };
  /** Where rows live; `host.sqlite` in the data directory when left out. The host closes it with itself. */
  readonly store?: HostStore;
  /** The application's data. Left out, plugins meet a simulated business kept in the store: for trying out. */
  readonly domain?: DomainPort;
  /** Nothing is written when left out. */
  readonly logger?: HostLogger;
  /** Permissions that plugins may be granted on this host; all when left out. */
  readonly permissions?: readonly string[];
  /**
   * The most that a plugin gets: of what its manifest asks for under `limits`, and of the defaults
   * when it asks for nothing. What is left out stays at the default, whatever a manifest asks for.
   */
  readonly limits?: {
    readonly cpuMs?: number;
    readonly wallMs?: number;
    readonly memoryMb?: number;
    readonly storageMb?: number;
    /** Calls a minute of one plugin that differ from RATE_LIMITS. */
    readonly perMinute?: PerMinute;
  };
  /** How plugins' `fetch` finds and trusts the hosts that they were granted. */
  readonly network?: NetworkOptions;
  /** Base64url keys of publishers whose bundles may be sideloaded. Off by default. */
  readonly developerMode?: false | { readonly trust: readonly (string | Uint8Array)[] };
  /** Version of the application, checked against `engines["rising-bsm"]` of plugins. */
  readonly applicationVersion?: string;
  /** Every host call that a plugin made, as it ends. */
  readonly audit?: (row: AuditRow) => void;
  /** How long a plugin that nobody calls stays loaded, in ms. Default ten minutes; 0 is for ever. */
  readonly idleMs?: number;
  /** About how often the host looks for updates and revocations, in ms. Default six hours; 0 is never. */
  readonly updateCheckMs?: number;
  /**
   * Whether the marketplace is told once a day which of its public plugins this instance has, with
   * their versions. Default true; it is what installs and trends are counted from.
   */
  readonly beacons?: boolean;
  /** False: no schedule and no update check runs by itself, for a host that is opened for an operation only. Default true. */
  readonly runSchedules?: boolean;
  /** Time zone in which plugins' schedules are read, like "Europe/Berlin". Default the system's. */
  readonly timezone?: string;
  readonly now?: () => Date;
  /** A counter in ms that nobody can set, beside `now`; the machine's when left out. */
  readonly monotonic?: () => number;
  /** Instead of setTimeout for schedules: calls `work` after `ms`; the result stops it. */
  readonly setTimer?: (work: () => void, ms: number) => () => void;
  /** Another runtime than isolated-vm in child processes. */
  readonly createRuntime?: (host: RuntimeHost) => PluginRuntime;
}

const amount = z.number().positive().optional();
const rate = z.number().min(0).optional();
const optionsSchema = z.object({
  dataDir: z.string().min(1),
  marketplace: z
    .object({
      url: z.string(),
      root: z.instanceof(Uint8Array),
      mirrors: z.array(z.string()).optional(),
    })
    .optional(),
  permissions: z.array(z.string()).optional(),
  limits: z
    .object({
      cpuMs: amount,
      wallMs: amount,
      memoryMb: amount,
      storageMb: rate,
      perMinute: z
        .object({ hostCalls: rate, writes: rate, notifications: rate, fetches: rate })
        .optional(),
    })
    .optional(),
  developerMode: z
    .union([
      z.literal(false),
      z.object({ trust: z.array(z.union([z.string(), z.instanceof(Uint8Array)])) }),
    ])
    .optional(),
  applicationVersion: z.string().optional(),
  idleMs: z.number().min(0).optional(),
  updateCheckMs: z.number().min(0).optional(),
  beacons: z.boolean().optional(),
  runSchedules: z.boolean().optional(),
  timezone: z.string().optional(),
});

/**
 * Throws `usage` for options that an application without types, or a number that was none in its
 * environment, got wrong: a limit that is no number would be no limit.
 */
export function checkHostOptions(options: unknown): void {
  const parsed = optionsSchema.safeParse(options);
  if (parsed.success) return;
  const [issue] = parsed.error.issues;
  const path = ["options", ...(issue?.path ?? [])].join(".");
  throw new RbsmError("usage", `createPluginHost: ${path}: ${issue?.message}`);
}
