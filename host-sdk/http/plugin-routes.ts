import { CALL_LIMITS, type Manifest, PLUGIN_NAME, RbsmError } from "@rising-bsm/protocol";
import type { RequestMessage, ResponseMessage } from "../runtime/plugin-runtime.ts";
import type { HandlerParts, Mounted } from "./handler.ts";
import { changesFromElsewhere, refuseCrossSite } from "./permissions.ts";
import { parseResponseMessage, toRequestMessage, toResponse } from "./request-message.ts";

/** What a plugin may see of a request: nothing that proves who the user is. */
const HIDDEN_REQUEST_HEADERS = [
  "authorization",
  "cookie",
  "proxy-authorization",
  "forwarded",
  "connection",
  "host",
];

/** What a plugin may say in a response; everything else could speak for the application itself. */
const RESPONSE_HEADERS = [
  "allow",
  "cache-control",
  "content-disposition",
  "content-language",
  "content-type",
  "etag",
  "expires",
  "last-modified",
  "link",
  "location",
  "retry-after",
  "vary",
  "x-total-count",
];

/** Pages of plugins run without the application's origin, without scripts and without the network. */
const CONTENT_POLICY =
  "sandbox allow-forms allow-popups; default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/** `x/@scope/name/…`: the plugin's own routes, with the mount removed from the URL it sees. */
export async function servePluginRoute(
  { host, manifestOf }: HandlerParts,
  mounted: Mounted,
): Promise<Response> {
  const { request } = mounted;
  const [, , scope = "", short = "", ...rest] = mounted.path.split("/");
  const name = `${scope}/${short}`;
  if (!PLUGIN_NAME.test(name)) throw new RbsmError("not_found");
  host.plugin(name);
  const path = `/${rest.join("/")}`;
  const open = isOpen(manifestOf(name), request.method, path);
  if (!open) refuseCrossSite(request);
  // A form of a public page may be sent from anywhere, but not with the rights of whoever sends it.
  const actor = changesFromElsewhere(request) ? null : mounted.actor;
  if (!open && actor === null) throw new RbsmError("auth_required", "Sign in first");
  const message = await messageOf(mounted, path);
  const call = { ...(actor === null ? {} : { actor }), signal: request.signal };
  const answer = host.request(name, message, call);
  const response = parseResponseMessage(await (actor === null ? discreet(answer) : answer));
  const mount = { prefix: `${mounted.base}/x/${name}`, url: message.url };
  return toResponse(response, safeHeaders(response, mount));
}

/** What went wrong inside a plugin is nothing for somebody who is not signed in. */
async function discreet<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw error instanceof RbsmError ? new RbsmError(error.code, undefined, {}, error) : error;
  });
}

/** Where a plugin is mounted, and the URL that it was asked for as it sees it. */
interface PluginMount {
  readonly prefix: string;
  readonly url: string;
}

/** Is the route declared public? Throws `not_found` for one that a manifest with routes does not declare. */
function isOpen(manifest: Manifest | null, method: string, path: string): boolean {
  if (manifest === null || manifest.routes.length === 0) return false;
  const asked = method === "HEAD" ? ["HEAD", "GET"] : [method];
  const declared = manifest.routes.find(
    (route) => asked.includes(route.method) && matches(route.path, path),
  );
  if (declared === undefined) throw new RbsmError("not_found", "The plugin has no such route");
  return declared.public;
}

/** `:name` stands for one segment, a final `*` for any rest. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  const open = wanted.at(-1) === "*";
  const fixed = open ? wanted.slice(0, -1) : wanted;
  if (open ? given.length < fixed.length : given.length !== fixed.length) return false;
  return fixed.every(
    (segment, i) => segment === given[i] || (segment.startsWith(":") && given[i] !== ""),
  );
}

async function messageOf({ request, url }: Mounted, path: string): Promise<RequestMessage> {
  const message = await toRequestMessage(request, CALL_LIMITS.payloadBytes);
  const headers = message.headers.filter(
    ([name]) =>
      !HIDDEN_REQUEST_HEADERS.includes(name) &&
      !name.startsWith("x-forwarded-") &&
      !name.startsWith("sec-"),
  );
  const seen = new URL(url.origin);
  // Not parsed together: a path that begins with // would name another host.
  seen.pathname = path;
  seen.search = url.search;
  return { ...message, url: seen.href, headers };
}

function safeHeaders({ headers }: ResponseMessage, mount: PluginMount): Headers {
  const safe = new Headers({
    "cache-control": "no-store",
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
  });
  for (const [name, value] of headers) {
    const header = name.toLowerCase();
    if (!RESPONSE_HEADERS.includes(header)) continue;
    const kept = header === "location" ? ownLocation(value, mount) : value;
    if (kept !== null) safe.set(header, kept);
  }
  return safe;
}

/** A plugin may redirect inside its own mount, whose prefix it does not know. */
function ownLocation(value: string, { prefix, url }: PluginMount): string | null {
  const target = URL.canParse(value, url) ? new URL(value, url) : null;
  if (target === null || target.origin !== new URL(url).origin) return null;
  return prefix + target.pathname + target.search + target.hash;
}
