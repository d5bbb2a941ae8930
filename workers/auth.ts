import { RbsmError, sha256, sha256Hex, utf8 } from "@rising-bsm/protocol";
import type { TOKEN_PERMISSIONS } from "@rising-bsm/protocol";
import { eq } from "drizzle-orm";
import { createMiddleware } from "hono/factory";
import { writeDatabase } from "./database.ts";
import type { Database } from "./database.ts";
import { settings } from "./env.ts";
import type { AppEnv, Bindings, Principal } from "./env.ts";
import type { AppContext } from "./http.ts";
import { plugins, scopes, tokens } from "./schema.ts";

/** What a publisher's token may be allowed to do. */
export type TokenPermission = (typeof TOKEN_PERMISSIONS)[number];

/** Lets the administrator and every token through that is in use. */
export const requireToken = createMiddleware<AppEnv>(async (c, next) => {
  c.set("principal", await authenticate(c));
  await next();
});

/** Lets only the administrator through. */
export const requireAdmin = createMiddleware<AppEnv>(async (c, next) => {
  const principal = await authenticate(c);
  if (principal.kind !== "admin")
    throw new RbsmError("auth_scope", "Only the administrator may do this");
  c.set("principal", principal);
  await next();
});

/** Lets the administrator and tokens with the permission through; ownership is checked by the route. */
export function requirePublisher(permission: TokenPermission) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const principal = await authenticate(c);
    assertPermitted(principal, permission);
    c.set("principal", principal);
    await next();
  });
}

/** Throws unless the principal is the administrator or a token with the permission. */
export function assertPermitted(principal: Principal, permission: TokenPermission): void {
  if (principal.kind === "admin" || principal.permissions.includes(permission)) return;
  throw new RbsmError("auth_scope", `The token lacks the permission "${permission}"`);
}

/**
 * Whether the request comes with a token that speaks for the plugin's owner; one that is unknown
 * throws, and an owner's that lacks the permission.
 */
export async function isFromOwner(
  c: AppContext,
  plugin: string,
  permission?: TokenPermission,
): Promise<boolean> {
  if (c.req.header("authorization") === undefined) return false;
  const principal = await authenticate(c);
  if (principal.kind === "admin") return true;
  const owner = await findPluginOwner(writeDatabase(c.env), plugin);
  const isOfScope = principal.scope === null || principal.scope === owner?.scope;
  const isOwner = principal.publisher === owner?.publisher && isOfScope;
  if (isOwner && permission !== undefined) assertPermitted(principal, permission);
  return isOwner;
}

/** Throws unless the principal may act for this publisher, in this scope when one is named. */
export function assertActsFor(principal: Principal, publisher: string, scope?: string): void {
  if (principal.kind === "admin") return;
  if (principal.publisher !== publisher) {
    throw new RbsmError("auth_scope", "The token belongs to another publisher");
  }
  if (scope !== undefined && principal.scope !== null && principal.scope !== scope) {
    throw new RbsmError("auth_scope", `The token is limited to ${principal.scope}`);
  }
}

/** Throws unless the principal's publisher owns the plugin; `plugin_not_found` when there is none. */
export async function assertOwnsPlugin(c: AppContext, plugin: string): Promise<void> {
  const owner = await findPluginOwner(writeDatabase(c.env), plugin);
  if (owner === undefined) throw new RbsmError("plugin_not_found");
  assertActsFor(c.get("principal"), owner.publisher, owner.scope);
}

function findPluginOwner(db: Database, plugin: string) {
  return db
    .select({ scope: plugins.scope, publisher: scopes.publisher })
    .from(plugins)
    .innerJoin(scopes, eq(scopes.scope, plugins.scope))
    .where(eq(plugins.name, plugin))
    .get();
}

async function authenticate(c: AppContext): Promise<Principal> {
  const bearer = bearerOf(c);
  if (bearer === null) throw new RbsmError("auth_required");
  if (await isAdminToken(c.env, bearer)) return { kind: "admin", actor: "admin" };
  return principalOf(await findToken(writeDatabase(c.env), await sha256Hex(utf8(bearer))));
}

/** Whether the request comes with the administrator's token; reads no database. */
export async function isFromAdmin(c: AppContext): Promise<boolean> {
  const bearer = bearerOf(c);
  return bearer !== null && isAdminToken(c.env, bearer);
}

function bearerOf(c: AppContext): string | null {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? null;
}

/** Whom a stored token speaks for. Throws when there is none, or it is revoked or over. */
export function principalOf(token: typeof tokens.$inferSelect | undefined): Principal {
  if (token === undefined || token.revokedAt !== null) throw new RbsmError("auth_unknown_token");
  if (token.expiresAt !== null && token.expiresAt <= Date.now()) {
    throw new RbsmError("auth_expired_token");
  }
  return { kind: "token", actor: `token:${token.id}`, ...token };
}

/** Digests have one length, so the comparison tells nothing about the token's. */
async function isAdminToken(env: Bindings, bearer: string): Promise<boolean> {
  const [given, expected] = await Promise.all([
    sha256(utf8(bearer)),
    sha256(utf8(settings(env).ADMIN_TOKEN)),
  ]);
  return crypto.subtle.timingSafeEqual(given, expected);
}

function findToken(db: Database, hash: string) {
  return db.select().from(tokens).where(eq(tokens.hash, hash)).get();
}
