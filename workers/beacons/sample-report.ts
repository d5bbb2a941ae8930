import { env } from "cloudflare:workers";
import { base64url, versionSortKey } from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { z } from "zod";
import type { Bindings } from "../env.ts";
import { newKey, sendSigned } from "../licenses/sample-instance.ts";
import type { SampleInstance } from "../licenses/sample-instance.ts";
import { plugins, versions } from "../schema.ts";
import type { Account } from "../testing.ts";
import { countDue } from "./count-due.ts";

const DAY_MS = 86_400_000;
/** Noon, so that no clock is near the next day. */
const FIRST_NOON = Date.parse("2026-11-02T12:00:00Z");

/** The time of a test, which begins with day 1. */
export function noonOf(day: number): number {
  return FIRST_NOON + (day - 1) * DAY_MS;
}

export function dateOf(day: number): string {
  return new Date(noonOf(day)).toISOString().slice(0, 10);
}

export interface SampleReport {
  readonly day: number;
  /** Versions by name; the names alone are version 1.0.0. */
  readonly plugins: readonly string[] | Readonly<Record<string, string>>;
  readonly address?: string;
  readonly bindings?: Bindings;
}

/** Sends what an instance has on a day; the clock of the test has to be on it. */
export function report(
  { key }: Pick<SampleInstance, "key">,
  { day, plugins: had, ...how }: SampleReport,
): Promise<Response> {
  const pairs = Array.isArray(had) ? had.map((name) => [name, "1.0.0"]) : Object.entries(had);
  const body = { day: dateOf(day), plugins: pairs.map(([name, version]) => ({ name, version })) };
  return sendSigned(key, "/v1/beacons", { ...how, body, now: noonOf(day) });
}

/** Counts what is due on a day. */
export function countOn(day: number, bindings: Bindings = env): Promise<void> {
  return countDue(bindings, new Date(noonOf(day)));
}

const countSchema = z.object({ installs: z.int(), downloads: z.int(), stale: z.int() });

/** `installs/downloads` of a plugin. */
export async function countsOf(plugin: string): Promise<string> {
  const row = await env.DB.prepare("SELECT * FROM plugin_counts WHERE plugin = ?")
    .bind(plugin)
    .first();
  if (row === null) return "0/0";
  const { installs, downloads } = countSchema.parse(row);
  return `${installs}/${downloads}`;
}

/** What was counted, added up anew, as `countsOf` would say it. */
export async function addedUp(plugin: string): Promise<string> {
  const row = await env.DB.prepare(
    "SELECT coalesce(sum(installed), 0) AS installs, count(*) AS downloads, 0 AS stale FROM installations WHERE plugin = ?",
  )
    .bind(plugin)
    .first();
  const { installs, downloads } = countSchema.parse(row);
  return `${installs}/${downloads}`;
}

let seq = 1_000;

/** Plugins as they are once published by this account. */
export async function listPlugins(
  { scope, key }: Account,
  names: readonly string[],
  { version = "1.0.0", visibility = "public" } = {},
): Promise<void> {
  const db = drizzle(env.DB);
  for (const name of names) {
    await db.batch([
      db
        .insert(plugins)
        .values({ name, scope, latest: version, createdAt: 0, updatedAt: 0 })
        .onConflictDoNothing(),
      db.insert(versions).values({
        plugin: name,
        version,
        sortKey: versionSortKey(version),
        status: "published",
        seq: seq++,
        sha256: "a".repeat(64),
        size: 1,
        treeDigest: `sha256:${"a".repeat(64)}`,
        publisherKeyId: key.keyId,
        manifest: JSON.stringify({ visibility }),
        paid: false,
        createdAt: 0,
        publishedAt: 0,
      }),
    ]);
  }
}

/** Registers a fresh key from this address. */
export async function registerFrom(address: string, now: number): Promise<Response> {
  const key = await newKey();
  const body = { publicKey: base64url(key.publicKey) };
  return sendSigned(key, "/v1/instances", { body, address, now });
}
