import { pluginNameSchema, versionSchema } from "@rising-bsm/protocol";
import type { Context } from "hono";
import { z } from "zod";
import type { AppEnv } from "./env.ts";

const scope = z.string().regex(/^@[a-z0-9][a-z0-9-]{0,63}$/);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);

/** Path parameters of a plugin: `/@scope/name`. */
export const pluginParams = z.object({ scope, name });

/** Path parameters of a version. */
export const versionParams = pluginParams.extend({ version: versionSchema });

export function pluginNameOf({ scope, name }: z.output<typeof pluginParams>): string {
  return pluginNameSchema.parse(`${scope}/${name}`);
}

/** The path of a request, with the signs of scopes and builds as they are, which many clients escape. */
export function pathOf({ url }: Pick<Request, "url">): string {
  return new URL(url).pathname.replaceAll("%40", "@").replaceAll(/%2b/gi, "+");
}

/** Absolute URL of a path on the host that was asked. */
export function absoluteUrl(c: Context<AppEnv>, path: string): string {
  return new URL(path, c.req.url).href;
}
