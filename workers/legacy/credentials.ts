import { base64url, fromHex, LICENSE_LIMITS, RbsmError, utf8 } from "@rising-bsm/protocol";
import { eq } from "drizzle-orm";
import { createMiddleware } from "hono/factory";
import { assertPermitted, principalOf, requirePublisher } from "../auth.ts";
import type { TokenPermission } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { secretBytes } from "../env.ts";
import type { AppEnv, Bindings } from "../env.ts";
import { mac } from "../mac.ts";
import { tokens } from "../schema.ts";

/** `Bearer <key>:<hex HMAC-SHA256 over "<key>:<timestamp>">:<timestamp>`, timestamp in milliseconds. */
const AUTHORIZATION = /^Bearer ([\w-]{1,128}):([0-9a-f]{64}):(\d{10,16})$/i;

export interface Credentials {
  /** Id of an API token. */
  readonly key: string;
  readonly signature: string;
  /** Milliseconds since 1970, as they were signed. */
  readonly timestamp: string;
}

/** What the old connector signs its requests with; null when the header is not its own. */
export function readCredentials(authorization: string | undefined): Credentials | null {
  const [, key, signature, timestamp] = AUTHORIZATION.exec(authorization ?? "") ?? [];
  if (key === undefined || signature === undefined || timestamp === undefined) return null;
  return { key, signature: signature.toLowerCase(), timestamp };
}

/** The secret that belongs to a token: tokens are stored as hashes, and no hash can check an HMAC. */
export async function legacySecret(env: Bindings, tokenId: string): Promise<string> {
  return base64url(await mac(secretBytes(env, "ISSUE_KEY"), "legacy-secret", tokenId));
}

/** Whether the credentials were made with the secret of the token that they name, in constant time. */
async function areSigned(env: Bindings, credentials: Credentials): Promise<boolean> {
  const { key, signature, timestamp } = credentials;
  const secret = utf8(await legacySecret(env, key));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const verifier = await crypto.subtle.importKey("raw", secret, algorithm, false, ["verify"]);
  const message = utf8(`${key}:${timestamp}`);
  return crypto.subtle.verify("HMAC", verifier, fromHex(signature), message);
}

/**
 * Whether they name a token of ours and are not signed with its secret. Credentials for another
 * marketplace, which hosts of customers may still have, are nobody's here.
 */
export async function areForged(env: Bindings, credentials: Credentials): Promise<boolean> {
  if (await areSigned(env, credentials)) return false;
  return (await findToken(env, credentials.key)) !== undefined;
}

/** Lets sellers through: by the old connector's credentials, or by the token itself. */
export function requireSeller(permission: TokenPermission) {
  const requireBearer = requirePublisher(permission);
  return createMiddleware<AppEnv>(async (c, next) => {
    const credentials = readCredentials(c.req.header("authorization"));
    if (credentials === null) return requireBearer(c, next);
    if (!(await areSigned(c.env, credentials))) throw new RbsmError("auth_unknown_token");
    assertFresh(credentials);
    const principal = principalOf(await findToken(c.env, credentials.key));
    assertPermitted(principal, permission);
    c.set("principal", principal);
    return next();
  });
}

function assertFresh({ timestamp }: Credentials): void {
  if (Math.abs(Date.now() - Number(timestamp)) <= LICENSE_LIMITS.proofAgeMs) return;
  throw new RbsmError("auth_refused", "The request's timestamp is more than five minutes off", {
    fix: "Check this machine's clock.",
  });
}

function findToken(env: Bindings, id: string) {
  return writeDatabase(env).select().from(tokens).where(eq(tokens.id, id)).get();
}
