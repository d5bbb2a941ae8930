import { FETCH_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { type Lookup, lookupInDns, resolveHost, resolvePublic } from "./resolve-host.ts";
import { ACCEPTED_ENCODINGS, type HopAnswer, sendOnce, toNetworkError } from "./send-once.ts";
import { parseTarget, requireTarget, type Target, type TargetRules } from "./target.ts";

/** What an administrator says about the network beside the grants. */
export interface NetworkOptions {
  /** Finds the addresses of a name; the system's name servers when left out. */
  readonly lookup?: Lookup;
  /** Certificates of authorities in PEM, instead of the ones that Node trusts. */
  readonly ca?: string;
  /**
   * Origins such as `https://erp.example.com:8443` that may have private addresses, another port
   * than 443, and, where they say so, http. A plugin still needs the grant for the host.
   */
  readonly privateOrigins?: readonly string[];
}

/** A header of a request. */
export interface SentHeader {
  readonly name: string;
  readonly value: string;
  /** It holds a credential: it does not go along to another host. */
  readonly credential: boolean;
}

/** A request of a plugin, its headers complete. */
export interface FetchRequest {
  readonly method: string;
  readonly target: Target;
  readonly headers: readonly SentHeader[];
  readonly body: Uint8Array | null;
  readonly redirect: "follow" | "error" | "manual";
}

/** The answer of the last hop. */
export interface FetchAnswer extends HopAnswer {
  readonly url: string;
}

/** With which grants, and until when. */
export interface FetchPermit {
  readonly grants: readonly string[];
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** `fetch` for plugin code: see {@link createFetch}. */
export type GuardedFetch = (request: FetchRequest, permit: FetchPermit) => Promise<FetchAnswer>;

type Warn = (message: string, fields: Record<string, unknown>) => void;
type Hop = Pick<FetchRequest, "method" | "target" | "headers" | "body">;

/**
 * A `fetch` that reaches granted hosts at public addresses and nothing else. Each hop is checked
 * anew: grant, scheme, port, then one resolution of the name whose addresses are the ones that are
 * connected to. Why something could not be reached goes to `warn`, never to the caller.
 */
export function createFetch(options: NetworkOptions, warn: Warn): GuardedFetch {
  const { lookup = lookupInDns, ca } = options;
  const privateOrigins = (options.privateOrigins ?? []).map(originOf);

  async function send(hop: Hop, signal: AbortSignal): Promise<HopAnswer> {
    const { url, host } = hop.target;
    const resolve = privateOrigins.includes(url.origin) ? resolveHost : resolvePublic;
    try {
      const addresses = await resolve(host, { lookup, signal });
      return await sendOnce(url, messageOf(hop), { addresses, ca, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const refusal = toNetworkError(error, host);
      warn("A plugin's fetch failed", { host, code: refusal.code, cause: causeOf(error) });
      throw refusal;
    }
  }

  return async function guardedFetch(request, { grants, signal }) {
    const late = AbortSignal.timeout(FETCH_LIMITS.fetchMs);
    const rules = { grants, privateOrigins };
    requireTarget(request.target, rules);
    try {
      let hop: Hop = request;
      for (let redirects = 0; ; redirects += 1) {
        const answer = await send(hop, AbortSignal.any([signal, late]));
        const next = request.redirect === "manual" ? null : nextHop(hop, answer, rules);
        if (next === null) return { ...answer, url: hop.target.url.href };
        if (request.redirect === "error") throw badRedirect(hop, "redirects");
        if (redirects === FETCH_LIMITS.redirects) throw badRedirect(hop, "redirects too often");
        hop = next;
      }
    } catch (error) {
      if (signal.aborted) throw new RbsmError("cancelled", "The call is over");
      if (late.aborted) throw tooLate(request.target.host);
      throw error;
    }
  };
}

function originOf(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url.origin;
  throw new RbsmError("usage", `${text} is not an origin`, {
    fix: "Write it like https://erp.example.com:8443.",
  });
}

function messageOf({ method, headers, body }: Hop) {
  const own = headers.map(({ name, value }) => [name, value] as const);
  return { method, headers: [...own, ["accept-encoding", ACCEPTED_ENCODINGS] as const], body };
}

/** The code, because a library's message may quote the request; our own messages quote nothing. */
function causeOf(error: unknown): string {
  const { code, message } = Object(error);
  return String(code ?? message);
}

const REDIRECTS = [301, 302, 303, 307, 308];

/** The request that a redirect asks for, as the Fetch standard rewrites it; null for an answer that is none. */
function nextHop(hop: Hop, { status, headers }: HopAnswer, rules: TargetRules): Hop | null {
  const [, location] = headers.find(([name]) => name === "location") ?? [];
  if (!REDIRECTS.includes(status) || location === undefined) return null;
  const target = redirectTarget(hop, location, rules);
  const staysOnHost = target.url.origin === hop.target.url.origin;
  const kept = staysOnHost ? hop.headers : hop.headers.filter(({ credential }) => !credential);
  if (!becomesGet(status, hop.method)) return { ...hop, target, headers: kept };
  const headersOfGet = kept.filter(({ name }) => !name.startsWith("content-"));
  return { method: "GET", target, headers: headersOfGet, body: null };
}

function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}

/** A wrong address in a redirect is the other side's mistake, not one of the plugin's request. */
function redirectTarget(hop: Hop, location: string, rules: TargetRules): Target {
  try {
    const target = parseTarget(location, hop.target.url);
    requireTarget(target, rules);
    const isDowngrade = hop.target.url.protocol === "https:" && target.url.protocol === "http:";
    if (!isDowngrade) return target;
  } catch (error) {
    if (!(error instanceof RbsmError) || error.code !== "request_invalid") throw error;
  }
  throw badRedirect(hop, "redirects to where fetch does not go");
}

function badRedirect({ target: { host } }: Hop, what: string): RbsmError {
  return new RbsmError("network_bad_answer", `${host} ${what}`);
}

function tooLate(host: string): RbsmError {
  return new RbsmError(
    "network_timeout",
    `${host} did not answer within ${FETCH_LIMITS.fetchMs / 1_000} s`,
  );
}
