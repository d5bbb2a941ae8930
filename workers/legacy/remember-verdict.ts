import { hex } from "@rising-bsm/protocol";
import { z } from "zod";
import { secretBytes } from "../env.ts";
import type { AppContext } from "../http.ts";
import { mac } from "../mac.ts";
import type { Presented } from "./run-verification.ts";

/** As long as hosts of the old system went on by themselves. */
const GRACE_SECONDS = 7 * 24 * 3600;

const verdictSchema = z.record(z.string(), z.unknown());
export type StoredVerdict = z.output<typeof verdictSchema>;

/**
 * Keeps what a verification answered, for the time when the database cannot be asked. The copy lies
 * in the Worker's cache under a path that no route serves and that names no key.
 */
export async function rememberVerdict(
  c: AppContext,
  presented: Presented,
  verdict: StoredVerdict,
): Promise<void> {
  const headers = { "Cache-Control": `max-age=${GRACE_SECONDS}` };
  const copy = new Response(JSON.stringify(verdict), { headers });
  c.executionCtx.waitUntil(caches.default.put(await cacheKey(c, presented), copy));
}

/** A license that was refused has no grace. */
export async function forgetVerdict(c: AppContext, presented: Presented): Promise<void> {
  c.executionCtx.waitUntil(caches.default.delete(await cacheKey(c, presented)));
}

/** The last good verdict of these seven days at this location; null when there was none. */
export async function recallVerdict(
  c: AppContext,
  presented: Presented,
): Promise<StoredVerdict | null> {
  const copy = await caches.default.match(await cacheKey(c, presented));
  return copy === undefined ? null : verdictSchema.parse(await copy.json());
}

async function cacheKey(c: AppContext, presented: Presented): Promise<string> {
  const { licenseKey, pluginId, hardwareId } = presented;
  const about = JSON.stringify([licenseKey, pluginId, hardwareId]);
  const tag = await mac(secretBytes(c.env, "ISSUE_KEY"), "legacy verdict", about);
  return new URL(`/legacy-verdict/${hex(tag)}`, c.req.url).href;
}
