import { RbsmError } from "@rising-bsm/protocol";
import type { Actor } from "../lifecycle/actor.ts";

/** The application's permissions around plugins, coarse to fine. */
export type HostPermission = "plugin.view" | "plugin.install" | "plugin.manage";

/** Throws `auth_required` without an actor and `permission_denied` without the permission. */
export function requireActor(actor: Actor | null, permission: HostPermission): Actor {
  if (actor === null) {
    throw new RbsmError("auth_required", "Sign in first", {
      fix: "Sign in to Rising-BSM and try again.",
    });
  }
  if (actor.permissions === "all" || actor.permissions.includes(permission)) return actor;
  throw new RbsmError("permission_denied", `This needs the permission ${permission}`, {
    permission,
    fix: `Ask an administrator for ${permission}.`,
  });
}

const SAFE = ["GET", "HEAD", "OPTIONS"];

/** Refuses a request that changes something and was sent by another site's page. */
export function refuseCrossSite(request: Request): void {
  if (!changesFromElsewhere(request)) return;
  throw new RbsmError("auth_refused", "The request came from another site", {
    fix: "Send it from the application itself.",
  });
}

/**
 * Browsers always say where a request that changes something comes from; a client that says nothing
 * is no browser and has no cookies to ride on. Pages of plugins are another site too: they have no
 * origin of their own.
 */
export function changesFromElsewhere(request: Request): boolean {
  if (SAFE.includes(request.method)) return false;
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  const sameSite = site === null || site === "same-origin" || site === "none";
  const sameOrigin =
    origin === null || origin === new URL(request.url).origin || site === "same-origin";
  return !sameSite || !sameOrigin;
}
