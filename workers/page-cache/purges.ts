import { parseJson, RbsmError, utf8 } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Bindings } from "../env.ts";
import { settings } from "../env.ts";
import { CACHE } from "../http.ts";
import { putIfUnchanged, sleep, unlessTooOften } from "../objects.ts";
import { KEPT_SECONDS } from "./page-cache.ts";
import type { KeptPage } from "./page-cache.ts";
import { tagOf } from "./tag.ts";

/** Read while the databases are away, so it lies in a bucket. */
const PURGES_KEY = "purges.json";
const MAX_BYTES = 1_000_000;
/** More of them in a day count as one of everything. */
const MOST_WITHDRAWN = 1_000;
const MOST_WAITING = 5_000;

const purgesSchema = z.object({
  /** Plugin → when it was taken down: copies from before that show it are not answered any more. */
  withdrawn: z.record(z.string(), z.number()),
  /** Copies from before that are not answered, whatever they show. */
  before: z.number(),
  /** Plugins whose pages the cache in front has still to be rid of. */
  waiting: z.array(z.string()),
});

/** What copies of pages may not be answered, and what has to be purged. */
export type Purges = z.output<typeof purgesSchema>;

const NOTHING: Purges = { withdrawn: {}, before: 0, waiting: [] };

/** Whether the copy shows something that was taken down after it was made. */
export function isWithdrawn({ at, headers }: KeptPage, { withdrawn, before }: Purges): boolean {
  if (at <= before) return true;
  const tags = headers.find(([name]) => name.toLowerCase() === "cache-tag")?.[1].split(",") ?? [];
  const shown = new Set(tags);
  return Object.entries(withdrawn).some(([plugin, when]) => at <= when && shown.has(tagOf(plugin)));
}

/** Adds plugins that were taken down at `now`, and forgets what no copy can be older than. */
export function withWithdrawn(purges: Purges, plugins: readonly string[], now: number): Purges {
  const known = Object.entries(purges.withdrawn).filter(
    ([, at]) => at > now - KEPT_SECONDS * 1_000,
  );
  const all = { ...Object.fromEntries(known), ...Object.fromEntries(plugins.map((p) => [p, now])) };
  if (Object.keys(all).length <= MOST_WITHDRAWN) return { ...purges, withdrawn: all };
  return { ...purges, withdrawn: {}, before: now };
}

/** Adds plugins that have to be purged, each once. */
export function withWaiting(purges: Purges, plugins: readonly string[]): Purges {
  const waiting = [...new Set([...purges.waiting, ...plugins])];
  return { ...purges, waiting: waiting.slice(0, MOST_WAITING) };
}

export async function loadPurges(bucket: R2Bucket): Promise<Purges> {
  return (await readPurges(bucket)).purges;
}

async function readPurges(bucket: R2Bucket): Promise<{ purges: Purges; etag: string | null }> {
  const object = await bucket.get(PURGES_KEY);
  if (object === null) return { purges: NOTHING, etag: null };
  const content = parseJson(await object.text(), { maxBytes: MAX_BYTES, code: "internal" });
  return { purges: purgesSchema.parse(content), etag: object.etag };
}

const ATTEMPTS = 4;

/** Replaces what is stored by what `change` makes of it; others may do so at the same time. */
export async function changePurges(
  env: Bindings,
  change: (purges: Purges) => Purges,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { purges, etag } = await readPurges(env.PRIVATE);
    const bytes = utf8(JSON.stringify(change(purges)));
    const headers = { contentType: "application/json", cacheControl: CACHE.none };
    const object = { key: PURGES_KEY, bytes, headers };
    const written = await unlessTooOften(() => putIfUnchanged(env.PRIVATE, object, etag));
    if (written === true) return;
    if (attempt === ATTEMPTS)
      throw new RbsmError("unavailable", "The purges are being written by others");
    await sleep(settings(env).POINTER_INTERVAL_MS);
  }
}
