import { isIP } from "node:net";
import { FETCH_LIMITS, networkHost, networkPermission, RbsmError } from "@rising-bsm/protocol";

/** RFC 1035. */
const HOST_LENGTH = 253;
/** Characters of a URL in a message. */
const SHOWN = 100;

/** Where one request goes: a URL that names a host, normalised. */
export interface Target {
  /** Without user, password and fragment; the host in lower case and punycode, without a final dot. */
  readonly url: URL;
  readonly host: string;
}

/** What decides whether a target may be reached. */
export interface TargetRules {
  readonly grants: readonly string[];
  readonly privateOrigins: readonly string[];
}

/**
 * Reads a URL as a target of `fetch`. Throws `request_invalid` for what is no such URL. The URL
 * parser of the WHATWG folds case, full-width letters and IDNA, and turns every spelling of an IPv4
 * address (decimal, octal, hexadecimal, short) into four numbers, so one look at its host suffices.
 */
export function parseTarget(text: string, base?: URL): Target {
  if (text.length > FETCH_LIMITS.urlBytes) {
    throw invalid(`The URL is longer than ${FETCH_LIMITS.urlBytes} characters`);
  }
  const url = URL.parse(text, base?.href);
  if (url === null) throw invalid(`"${text.slice(0, SHOWN)}" is not a URL`);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw notHttps(url);
  }
  // `https://api.example.com@evil.example/` shows one host and reaches another.
  if (url.username !== "" || url.password !== "") {
    throw invalid("A URL must not carry a user name or password");
  }
  const host = normaliseHost(url);
  url.hash = "";
  return { url, host };
}

/** A final dot says that a name is complete; certificates and grants do without it. */
function normaliseHost(url: URL): string {
  if (url.hostname.endsWith(".")) url.hostname = url.hostname.slice(0, -1);
  const host = url.hostname;
  if (host !== "" && host.length <= HOST_LENGTH && !host.endsWith(".")) return host;
  throw invalid("The URL names no host");
}

/**
 * Checks that a target may be reached with these grants: its host was granted, and it is https on
 * port 443, or one of the `privateOrigins` that the administrator listed as it stands. Throws
 * `permission_denied` with `network:<host>` for a host that was not granted, `request_invalid`
 * for another scheme or port.
 */
export function requireTarget(
  { url, host }: Target,
  { grants, privateOrigins }: TargetRules,
): void {
  if (isAddress(host)) throw denied(host, `fetch reaches hosts by name, and ${host} is an address`);
  if (!grants.some((code) => covers(networkHost(code), host))) {
    throw denied(host, `No grant covers ${host}. Add "${host}" to "network" in manifest.json.`);
  }
  if (privateOrigins.includes(url.origin)) return;
  if (url.protocol !== "https:") throw notHttps(url);
  if (url.port !== "") throw invalid(`fetch reaches port 443 and not ${url.port}`);
}

/**
 * Whether a granted host covers another: itself; `*.example.com` everything with one or more labels
 * before `.example.com`, and never `example.com` itself.
 */
function covers(granted: string | null, host: string): boolean {
  if (granted === null) return false;
  if (!granted.startsWith("*.")) return granted === host;
  const suffix = granted.slice(1);
  return host.endsWith(suffix) && host.length > suffix.length && !host.startsWith(".");
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || isIP(host) !== 0;
}

function notHttps({ protocol }: URL): RbsmError {
  return invalid(`fetch speaks https and not ${protocol.slice(0, SHOWN)}`);
}

function invalid(message: string): RbsmError {
  return new RbsmError("request_invalid", message);
}

function denied(host: string, message: string): RbsmError {
  const permission = networkPermission(host);
  return new RbsmError("permission_denied", message, {
    permission,
    method: "fetch",
    missing: "grant",
    fix: `"network": ["${host}"]`,
  });
}
