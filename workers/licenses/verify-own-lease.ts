import {
  fromBase64url,
  parseJson,
  RbsmError,
  TRUST_LIMITS,
  verifyLease,
} from "@rising-bsm/protocol";
import type { KeyLookup, LeaseClaims } from "@rising-bsm/protocol";
import { z } from "zod";
import { writeDatabase } from "../database.ts";
import { signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import { loadServiceKeys } from "../trust/service-keys.ts";

const headSchema = z.looseObject({ kid: z.string() });
const audienceSchema = z.looseObject({ aud: z.string() });

/**
 * Claims of a lease of this marketplace's, for the instance with the thumbprint; it may have ended.
 * Every lease that does not verify is the same refusal as any other: throws `license_unknown`.
 */
export async function verifyOwnLease(
  env: Bindings,
  lease: string,
  jkt: string,
): Promise<LeaseClaims> {
  try {
    const [head = "", body = ""] = lease.slice(0, TRUST_LIMITS.tokenBytes).split(".");
    const { kid } = headSchema.parse(readPart(head));
    // Whom it names is proven with the rest: the key that it is bound to has signed the request.
    const { aud: audience } = audienceSchema.parse(readPart(body));
    const claims = await verifyLease(lease, { keys: await keysFor(env, kid), audience });
    if (claims.cnf.jkt === jkt) return claims;
  } catch (cause) {
    throw new RbsmError("license_unknown", "The lease does not verify", {}, cause);
  }
  throw new RbsmError("license_unknown", "The lease is for another instance");
}

function readPart(part: string): unknown {
  return parseJson(fromBase64url(part), {
    maxBytes: TRUST_LIMITS.tokenBytes,
    code: "license_unknown",
  });
}

/** The key in use, or one that was, as long as the ceremonies list it. */
async function keysFor(env: Bindings, kid: string): Promise<KeyLookup> {
  const own = await signingKey(env, "LEASE_KEY");
  if (kid === own.keyId) return () => own.publicKey;
  const listed = await loadServiceKeys(env.BUNDLES, writeDatabase(env));
  const earlier = listed?.lease.find((key) => key.kid === kid);
  return () => (earlier === undefined ? undefined : fromBase64url(earlier.publicKey));
}
