import { RbsmError } from "@rising-bsm/protocol";
import { assertActsFor } from "../auth.ts";
import type { Principal } from "../env.ts";
import type { Webhook } from "./tables.ts";

/** Whose events; a null scope is every scope of the publisher. */
export type Owner = Pick<Webhook, "publisher" | "scope">;

/** Whose events a request is about. Throws `auth_scope` for those that the token is not for. */
export function chooseOwner(
  principal: Principal,
  asked: { readonly publisher?: string | undefined; readonly scope?: string | undefined },
): Owner {
  const own = principal.kind === "token" ? principal : null;
  const publisher = asked.publisher ?? own?.publisher;
  if (publisher === undefined) throw new RbsmError("request_invalid", "Name the publisher");
  const owner = { publisher, scope: asked.scope ?? own?.scope ?? null };
  assertMayUse(principal, owner);
  return owner;
}

/** A token that is limited to one scope is told nothing of the others. */
export function assertMayUse(principal: Principal, { publisher, scope }: Owner): void {
  assertActsFor(principal, publisher, scope ?? undefined);
  if (principal.kind === "token" && principal.scope !== null && scope === null) {
    throw new RbsmError("auth_scope", `The token is limited to ${principal.scope}`);
  }
}
