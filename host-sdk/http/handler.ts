import { type Manifest, RbsmError } from "@rising-bsm/protocol";
import type { PluginHost } from "../host.ts";
import { type Actor, checkActor } from "../lifecycle/actor.ts";
import { answerProblem } from "./answer.ts";
import { createManagementApi } from "./management-api.ts";
import { servePages } from "./pages.ts";
import { refuseCrossSite } from "./permissions.ts";
import { servePluginRoute } from "./plugin-routes.ts";

/** Who sends a request, and where the application has mounted the host. */
export interface HandleOptions {
  /** The signed-in user; null or left out: nobody. */
  readonly actor?: Actor | null;
  /** Path prefix; "" or left out: the root. */
  readonly base?: string;
}

/** What the HTTP surface works with. */
export interface HandlerParts {
  readonly host: PluginHost;
  readonly manifestOf: (name: string) => Manifest | null;
}

/** A request below the mount: `path` has the base removed. */
export interface Mounted {
  readonly request: Request;
  readonly path: string;
  readonly url: URL;
  readonly base: string;
  readonly actor: Actor | null;
}

/** `host.handle`: `api/plugins…`, `x/@scope/name/…` and the page at `/`. Never throws. */
export function createHttpHandler(
  parts: HandlerParts,
): (request: Request, options?: HandleOptions | null) => Promise<Response> {
  const api = createManagementApi(parts.host);
  return async function handle(request, options) {
    try {
      const { actor = null, base = "" } = options ?? {};
      const mounted = mount(request, { actor: checkActor(actor), base: base.replace(/\/+$/, "") });
      if (mounted.path.startsWith("/x/")) return await servePluginRoute(parts, mounted);
      refuseCrossSite(request);
      if (/^\/api\/(?:plugins|licenses|audit|trust)(?:\/|$)/.test(mounted.path))
        return await api(mounted);
      return await servePages(parts.host, mounted);
    } catch (error) {
      return answerProblem(error);
    }
  };
}

const ESCAPED_SCOPE = /^(\/(?:x|api\/plugins)\/)%40/;

function mount(request: Request, { actor, base }: { actor: Actor | null; base: string }): Mounted {
  const url = new URL(request.url);
  // A client that escapes names as a whole writes the @ of a scope as %40.
  const path = url.pathname.slice(base.length).replace(ESCAPED_SCOPE, "$1@") || "/";
  if (!url.pathname.startsWith(base) || !path.startsWith("/")) {
    throw new RbsmError("not_found", `The host is mounted at ${base || "/"}`);
  }
  return { request, path, url, base, actor };
}
