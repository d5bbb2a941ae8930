import { RbsmError } from "@rising-bsm/protocol";
import { assertActsFor } from "../auth.ts";
import type { TokenPermission } from "../auth.ts";
import type { Principal } from "../env.ts";

export interface TokenRequest {
  readonly publisher: string;
  /** Null is every scope of the publisher. */
  readonly scope: string | null;
  readonly permissions: readonly TokenPermission[];
  /** Milliseconds since 1970; null is never. */
  readonly expiresAt: number | null;
}

/** Throws unless the token may exist: nobody hands out more than they hold, nor for longer. */
export function assertMayGrant(
  principal: Principal,
  request: TokenRequest,
  { scopeOwner, now }: { scopeOwner: string | null; now: number },
): void {
  if (request.scope !== null && scopeOwner !== request.publisher) {
    throw new RbsmError("request_invalid", `${request.scope} is no scope of ${request.publisher}`);
  }
  if (request.expiresAt !== null && request.expiresAt <= now) {
    throw new RbsmError("request_invalid", "The token would have expired already");
  }
  assertCovers(principal, request);
  if (principal.kind === "admin") return;
  const excess = request.permissions.filter((code) => !principal.permissions.includes(code));
  if (excess.length > 0) {
    throw new RbsmError("auth_scope", `The token lacks what it would grant: ${excess.join(", ")}`);
  }
  if ((request.expiresAt ?? Infinity) > (principal.expiresAt ?? Infinity)) {
    throw new RbsmError("auth_scope", "The new token would outlive the one that makes it");
  }
}

/** Throws unless the principal could have made such a token. */
export function assertMayRevoke(
  principal: Principal,
  token: { readonly publisher: string; readonly scope: string | null },
): void {
  assertCovers(principal, token);
}

/** A token of one scope has no say over one that reaches further. */
function assertCovers(
  principal: Principal,
  { publisher, scope }: { readonly publisher: string; readonly scope: string | null },
): void {
  assertActsFor(principal, publisher);
  if (principal.kind === "token" && principal.scope !== null && principal.scope !== scope) {
    throw new RbsmError("auth_scope", `The token is limited to ${principal.scope}`);
  }
}
