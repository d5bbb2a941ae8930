import {
  CALL_LIMITS,
  FETCH_LIMITS,
  RbsmError,
  type ErrorCode,
  type Json,
} from "@rising-bsm/protocol";
import type { DomainPort } from "../domain/domain-port.ts";
import type { HostStore } from "../store/host-store.ts";
import { createDenials, type Denials } from "./denials.ts";
import { domainCalls } from "./domain-calls.ts";
import { brokerContextSchema, missingFor, type BrokerContext } from "./grants.ts";
import type { CallSite, HostMethod } from "./host-method.ts";
import { fetchCalls, type FetchParts } from "./fetch-calls.ts";
import { pluginCalls, type CallPlugin } from "./plugin-calls.ts";
import { createQuotas, type PerMinute, type Quotas } from "./quotas.ts";
import { storageCalls } from "./storage-calls.ts";

/** One line of the audit: who asked for what and how it ended. */
export interface AuditRow {
  readonly at: number;
  readonly plugin: string;
  readonly actor: number | string | null;
  readonly method: string;
  readonly permission: string | null;
  /** `ok` or the code of the refusal. */
  readonly outcome: "ok" | ErrorCode;
  readonly ms: number;
}

export interface BrokerOptions {
  readonly store: HostStore;
  readonly domain: DomainPort;
  /** Runs a method of another plugin, with that plugin's own grants and the same user. */
  readonly callPlugin: CallPlugin;
  /** The way to the network, and the secrets that go along; left out: plugins have no `fetch`. */
  readonly network?: FetchParts;
  /** Quotas that differ from RATE_LIMITS. */
  readonly perMinute?: PerMinute;
  readonly audit: (row: AuditRow) => void;
  readonly logger: { error(message: string, fields?: Record<string, unknown>): void };
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
}

/** What a plugin asks for, and how long somebody waits for the answer. */
export interface BrokerCall {
  readonly method: string;
  readonly args: Json[];
  /** Aborted when the plugin's call is over; never when left out. */
  readonly signal?: AbortSignal;
  /** End of the plugin call's wall time on the clock of performance.now(). */
  readonly deadline?: number;
}

export interface Broker {
  /**
   * Serves one host call. `context` is the BrokerContext that the host gave to the runtime with the
   * plugin call. Throws nothing but RbsmErrors.
   */
  handle(context: unknown, call: BrokerCall): Promise<Json>;
  /** What plugins were refused since the broker was made. */
  readonly denials: Denials;
}

/** State of one plugin call, found by the context object that the host made for it. */
interface CallState {
  readonly context: BrokerContext;
  inFlight: number;
  fetches: number;
}

/** Names of methods come from plugin code. */
const AUDITED_NAME_LENGTH = 100;

/**
 * The one door between plugin code and the application: quotas, grant and user's right, calls in
 * flight, arguments, work, result, audit, for every call alike.
 */
export function createBroker(options: BrokerOptions): Broker {
  const { now = Date.now } = options;
  const methods = new Map<string, HostMethod>([
    ...domainCalls(options.domain),
    ...storageCalls(options.store),
    ...pluginCalls(options.callPlugin),
    ...(options.network === undefined ? [] : fetchCalls(options.network)),
  ]);
  const quotas = createQuotas(options.perMinute ?? {});
  const denials = createDenials();
  const states = new WeakMap<object, CallState>();

  function stateOf(context: unknown): CallState {
    if (typeof context !== "object" || context === null) {
      throw new RbsmError("internal", "A host call came without its context");
    }
    const known = states.get(context);
    if (known !== undefined) return known;
    const parsed = brokerContextSchema.safeParse(context);
    if (!parsed.success) {
      throw new RbsmError("internal", "A host call came with a wrong context", {}, parsed.error);
    }
    const call = { context: parsed.data, inFlight: 0, fetches: 0 };
    states.set(context, call);
    return call;
  }

  async function handle(context: unknown, call: BrokerCall): Promise<Json> {
    const open = stateOf(context);
    const startedAt = now();
    const method = methods.get(call.method);
    const write = (outcome: AuditRow["outcome"]): void =>
      options.audit({
        at: startedAt,
        plugin: open.context.plugin,
        actor: open.context.actor?.id ?? null,
        method: call.method.slice(0, AUDITED_NAME_LENGTH),
        permission: method?.permissionOf?.(call.args) ?? method?.permission ?? null,
        outcome,
        ms: now() - startedAt,
      });
    let result: Json;
    try {
      result = await serve(open, method, { ...call, quotas, now: startedAt });
    } catch (error) {
      const refusal = toRefusal(error, call.method);
      denials.note(refusal, open.context.plugin, call.method);
      write(refusal.code);
      throw refusal;
    }
    write("ok");
    return result;
  }

  function toRefusal(error: unknown, method: string): RbsmError {
    if (error instanceof RbsmError) return error;
    options.logger.error(`The host call ${method} failed`, { error });
    return new RbsmError("internal", `The host could not serve ${method}`, {}, error);
  }

  return { handle, denials };
}

const NEVER = new AbortController().signal;

async function serve(
  open: CallState,
  method: HostMethod | undefined,
  call: BrokerCall & { readonly quotas: Quotas; readonly now: number },
): Promise<Json> {
  const { context } = open;
  const { now, quotas, signal = NEVER, deadline = null } = call;
  // Before everything else: being refused is work for the host too.
  quotas.take(context.plugin, "hostCalls", now);
  if (method === undefined) throw unknownMethod(call.method);
  requirePermission(context, call.method, method.permission);
  for (const quota of method.quotas ?? []) quotas.take(context.plugin, quota, now);
  if (method.quotas?.includes("fetches") === true) countFetch(open);
  if (open.inFlight >= CALL_LIMITS.callsInFlight) throw tooManyCalls();
  open.inFlight += 1;
  try {
    const site: CallSite = { context, method: call.method, now, signal, deadline };
    return await method.run(call.args, site);
  } finally {
    open.inFlight -= 1;
  }
}

function countFetch(open: CallState): void {
  open.fetches += 1;
  if (open.fetches <= FETCH_LIMITS.fetchesPerCall) return;
  throw new RbsmError(
    "limit_calls",
    `A plugin call may make ${FETCH_LIMITS.fetchesPerCall} fetches`,
    { fix: "Spread the work over several calls." },
  );
}

function requirePermission(
  context: BrokerContext,
  method: string,
  permission: string | null,
): void {
  if (permission === null) return;
  const missing = missingFor(context, permission);
  if (missing === null) return;
  const { plugin } = context;
  const detail = { permission, method, plugin, missing };
  if (missing === "actor") {
    throw new RbsmError(
      "permission_denied",
      `${method} needs the permission ${permission}, which user ${context.actor?.id} does not have`,
      { ...detail, fix: `Give the user the permission ${permission} in Rising-BSM.` },
    );
  }
  throw new RbsmError(
    "permission_denied",
    `${method} needs the permission ${permission}, which is not granted to ${plugin}. ` +
      `Add "${permission}" to "permissions" in manifest.json and grant it.`,
    { ...detail, fix: `"permissions": ["${permission}"]` },
  );
}

function unknownMethod(method: string): RbsmError {
  return new RbsmError("permission_denied", `The host has no call ${method} for plugins`, {
    permission: method,
    method,
    missing: "grant",
  });
}

function tooManyCalls(): RbsmError {
  return new RbsmError(
    "limit_calls",
    `A plugin call may wait for ${CALL_LIMITS.callsInFlight} host calls at a time`,
    { fix: "Await some of the host calls before you start more." },
  );
}
