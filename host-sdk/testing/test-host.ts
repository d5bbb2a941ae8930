import {
  type Bundle,
  CALL_LIMITS,
  type Json,
  type Manifest,
  RbsmError,
} from "@rising-bsm/protocol";
import type { Denial } from "../broker/denials.ts";
import type { DomainPort } from "../domain/domain-port.ts";
import { createSimulatedDomain } from "../domain/simulated/simulated-domain.ts";
import type { HostLogger } from "../host-options.ts";
import { parseResponseMessage, toRequestMessage, toResponse } from "../http/request-message.ts";
import { askedPermissions, decideGrants } from "../install/grant.ts";
import type { PluginRow } from "../install/rows.ts";
import { connectRuntime, type Connected } from "../lifecycle/connect-runtime.ts";
import {
  createEventDelivery,
  type Delivery,
  type HookCounts,
} from "../lifecycle/deliver-events.ts";
import { createPluginLogs, type LogLine } from "../lifecycle/plugin-logs.ts";
import type { Actor } from "../lifecycle/actor.ts";
import { createSlots } from "../lifecycle/slots.ts";
import type { CallOutcome, PluginSpec, PluginUsage } from "../runtime/plugin-runtime.ts";
import type { NetworkOptions } from "../network/fetch.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { readPlugin, type TestPlugin } from "./read-plugin.ts";

export type { TestPlugin } from "./read-plugin.ts";

/** Lists of codes; `none` is the empty list. */
type TestGrant = "requested" | "none" | readonly string[];

/** The plugin to test and the world it meets. */
export type TestHostOptions = TestPlugin & {
  /** All it asks for (the default), nothing, or these codes; less than it needs is allowed here. */
  readonly grant?: TestGrant;
  /** Codes withheld from the grant. */
  readonly deny?: readonly string[];
  /** Other plugins it may call, each with all that it asks for. */
  readonly plugins?: readonly TestPlugin[];
  /** What every clock shows; the system's time when left out, the simulated Monday for the domain. */
  readonly now?: Date | number;
  /** Seed of the simulated business. Default 1. */
  readonly seed?: number;
  readonly config?: Readonly<Record<string, Json>>;
  /** Values of secrets for `{{secret:NAME}}` in headers of `fetch`, for every plugin. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** How `fetch` finds and trusts granted hosts; a server of the test is a `privateOrigins` entry. */
  readonly network?: NetworkOptions;
  /** What `api.license` answers. */
  readonly license?: PluginSpec["license"];
  /** Limits of every call beyond or below the defaults. */
  readonly limits?: NonNullable<PluginSpec["limits"]>;
  /** Instead of the simulated domain. */
  readonly domain?: DomainPort;
  /** Gives up while the plugins start: `cancelled`. A host that has started does not listen to it. */
  readonly signal?: AbortSignal;
};

/** What a call may say beside its arguments. */
export interface TestCallOptions {
  readonly deadlineMs?: number;
  readonly cpuMs?: number;
  readonly actor?: Actor;
  readonly signal?: AbortSignal;
}

/** One plugin, installed and active, in a simulated business. */
export interface TestHost {
  readonly manifest: Manifest;
  readonly domain: DomainPort;
  /** Calls a method by name. */
  call(method: string, args?: readonly Json[], options?: TestCallOptions): Promise<Json>;
  /** As `call`, with what the call used and logged. */
  run(method: string, args?: readonly Json[], options?: TestCallOptions): Promise<CallOutcome>;
  /** Sends a Web Request to `handleRequest`; its headers and the response's stay as they are. */
  request(request: Request, options?: TestCallOptions): Promise<Response>;
  /** Tells the plugins about an event, as the application would. */
  hook(event: string, payload: Json): Promise<Delivery[]>;
  /** What became of the events for a plugin; the tested one when left out. */
  hookCounts(plugin?: string): HookCounts;
  /** Runs a schedule now. */
  schedule(name: string): Promise<void>;
  logs(): readonly LogLine[];
  /** Host calls refused for want of a permission, each once. */
  denied(): Denial[];
  usage(): Promise<PluginUsage | undefined>;
  close(): Promise<void>;
}

/** Starts a plugin in a simulated host; a failing `onInstall` or `onActivate` throws here. */
export async function createTestHost(options: TestHostOptions): Promise<TestHost> {
  const { signal } = options;
  if (signal?.aborted === true) throw new RbsmError("cancelled");
  const world = await createWorld(options);
  const giveUp = () => void world.close();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    for (const plugin of options.plugins ?? [])
      await world.add(await readPlugin(plugin), "requested", {});
    const bundle = await readPlugin(options);
    await world.add(bundle, grantedCodes(bundle.manifest, options), options.config ?? {});
    return testHostOver(world, bundle.manifest);
  } catch (error) {
    await world.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

function grantedCodes(
  manifest: Manifest,
  { grant = "requested", deny = [] }: TestHostOptions,
): string[] {
  const asked = askedPermissions(manifest).map(({ code }) => code);
  const given = grant === "requested" ? asked : grant === "none" ? [] : grant;
  return asked.filter((code) => given.includes(code) && !deny.includes(code));
}

interface World extends Connected {
  readonly domain: DomainPort;
  readonly add: (
    bundle: Bundle,
    grants: "requested" | string[],
    config: Readonly<Record<string, Json>>,
  ) => Promise<void>;
  readonly emit: (event: string, payload: Json) => Promise<Delivery[]>;
  readonly countsOf: (plugin: string) => HookCounts;
  readonly logsOf: (plugin: string) => readonly LogLine[];
  readonly close: () => Promise<void>;
}

const SILENT: HostLogger = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function createWorld(options: TestHostOptions): Promise<World> {
  const fixed = options.now === undefined ? null : new Date(options.now);
  const now = () => fixed ?? new Date();
  const store = createMemoryStore();
  const clock = fixed === null ? {} : { now: () => fixed.getTime() };
  const domain =
    options.domain ?? (await createSimulatedDomain({ seed: options.seed ?? 1, ...clock }));
  const bundles = new Map<string, Bundle>();
  const slots = createSlots({ onListenerError: () => undefined, now });
  const logs = createPluginLogs();
  const connected = connectRuntime({
    store,
    domain,
    slots,
    logs,
    now,
    logger: SILENT,
    bundles: { open: async ({ sha256 }) => heldBundle(bundles, sha256) },
    limits: options.limits ?? {},
    revocations: { of: () => [] },
    licenseOf: () => options.license ?? { entitlements: [], info: { state: "none" } },
    audit: () => undefined,
    network: options.network,
    readSecret: async (_plugin, name) => options.secrets?.[name] ?? null,
  });
  const { active, runtime } = connected;
  const events = createEventDelivery({ slots, active, logger: SILENT });
  const stopEvents = domain.onEvent(({ name, payload }) => void events.emit(name, payload));
  return {
    ...connected,
    domain,
    emit: (event, payload) => events.emit(event, payload),
    countsOf: (plugin) => events.counts(plugin),
    logsOf: (plugin) => logs.read(plugin),
    async add(bundle, grants, config) {
      bundles.set(bundle.sha256, bundle);
      const codes = grants === "requested" ? decideGrants(bundle.manifest, grants) : grants;
      const row = rowOf(bundle, { grants: codes, config, now: now().toISOString() });
      const first = { name: "onInstall", args: [] } as const;
      const running = await active.start({ row, bundle, first, reach: active.reach });
      active.replace({
        row,
        manifest: bundle.manifest,
        problem: null,
        running: Promise.resolve(running),
      });
    },
    async close() {
      stopEvents();
      await runtime.close();
      await store.close();
    },
  };
}

function heldBundle(bundles: ReadonlyMap<string, Bundle>, sha256: string): Bundle {
  const bundle = bundles.get(sha256);
  if (bundle === undefined) throw new RbsmError("bundle_missing_entry");
  return bundle;
}

function rowOf(
  { sha256, size, treeDigest, manifest }: Bundle,
  {
    grants,
    config,
    now,
  }: { grants: string[]; config: Readonly<Record<string, Json>>; now: string },
): PluginRow {
  return {
    name: manifest.name,
    wanted: "active",
    source: "sideload",
    direct: true,
    installedAt: now,
    updatedAt: now,
    config: { ...config },
    previous: null,
    release: {
      version: manifest.version,
      sha256,
      size,
      treeDigest,
      seq: null,
      publishedAt: now,
      publisherKeyId: "0".repeat(64),
      logIndex: null,
      paid: false,
      dependencies: manifest.dependencies,
      grants,
      approvedBy: "test",
      approvedAt: now,
    },
  };
}

function testHostOver(world: World, manifest: Manifest): TestHost {
  const { active, runtime, broker } = world;
  const { name: plugin } = manifest;
  const call = (
    kind: "method" | "request" | "schedule",
    { name, args }: { name: string; args: readonly Json[] },
    { actor = null, ...options }: Omit<TestCallOptions, "actor"> & { actor?: Actor | null },
  ) => active.call(plugin, { kind, name, args, actor, depth: 0, ...options });
  return {
    manifest,
    domain: world.domain,
    call: async (name, args = [], options = {}) =>
      (await call("method", { name, args }, options)).result,
    run: (name, args = [], options = {}) => call("method", { name, args }, options),
    async request(request, options = {}) {
      const { method, url, headers, body } = await toRequestMessage(
        request,
        CALL_LIMITS.payloadBytes,
      );
      const message = { method, url, headers: headers.map(([name, value]) => [name, value]), body };
      const outcome = await call("request", { name: "handleRequest", args: [message] }, options);
      const response = parseResponseMessage(outcome.result);
      return toResponse(
        response,
        new Headers(response.headers.map(([name, value]) => [name, value])),
      );
    },
    hook: (event, payload) => world.emit(event, payload),
    hookCounts: (name = plugin) => world.countsOf(name),
    async schedule(name) {
      await call("schedule", { name, args: [] }, {});
    },
    logs: () => world.logsOf(plugin),
    denied: () => broker.denials.list(),
    usage: async () => runtime.usage((await active.reach(plugin)).id),
    close: () => world.close(),
  };
}
