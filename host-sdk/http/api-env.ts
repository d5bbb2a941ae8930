import type { Actor } from "../lifecycle/actor.ts";

/** What every route of the management API finds in `c.env`. */
export interface ApiEnv {
  Bindings: { readonly actor: Actor | null };
}

/** The route of one plugin. */
export const route = (rest: string): string => `/api/plugins/:scope{@[^/]+}/:name${rest}`;

/** The plugin that a request on such a route names. */
export const named = (c: { req: { param(key: string): string | undefined } }): string =>
  `${c.req.param("scope") ?? ""}/${c.req.param("name") ?? ""}`;
