import { TOKEN_PERMISSIONS, whoamiSchema } from "@rising-bsm/protocol";
import type { Whoami } from "@rising-bsm/protocol";
import { requireToken } from "../auth.ts";
import type { Principal } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, problemAnswer, TOKEN } from "../http.ts";

const whoamiRoute = createRoute({
  method: "get",
  path: "/v1/whoami",
  middleware: [requireToken] as const,
  security: TOKEN,
  responses: {
    200: jsonAnswer(whoamiSchema, "Whose token it is and what it allows"),
    default: problemAnswer,
  },
});

/** For whoever holds a token and wants to know whether it still works. */
export const whoami = createRoutes().openapi(whoamiRoute, (c) =>
  c.json(describePrincipal(c.get("principal")), 200),
);

function describePrincipal(principal: Principal): Whoami {
  if (principal.kind === "admin") {
    const permissions = [...TOKEN_PERMISSIONS];
    return { kind: "admin", publisher: null, scope: null, permissions, expiresAt: null };
  }
  const { publisher, scope, permissions, expiresAt } = principal;
  return {
    kind: "token",
    publisher,
    scope,
    permissions: [...permissions],
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  };
}
