import { RbsmError, TILE_WIDTH, TRUST_LIMITS, entriesPath, parseJson } from "@rising-bsm/protocol";
import { createMiddleware } from "hono/factory";
import { z } from "zod";
import type { Database } from "../database.ts";
import { writeDatabase } from "../database.ts";
import type { AppEnv } from "../env.ts";
import type { Heads } from "../schema.ts";
import { loadHeads } from "./queries.ts";

export const CHECKPOINT_KEY = "log/checkpoint";
const TIMESTAMP_KEY = "tuf/timestamp.json";

/** What the bucket says was published. */
interface Shown {
  readonly logSize: number;
  readonly tufVersion: number;
}

type Known = Pick<Heads, "logSize" | "tufVersion">;

/**
 * A database that was set back to an earlier point would give places to other entries that hosts have
 * seen filled already, which is a fork. Throws `log_ahead` when the bucket is ahead of it.
 */
export async function assertInStep(db: Database, bucket: R2Bucket, known: Known): Promise<void> {
  const shown = await readShown(bucket, known.logSize);
  // Heads that were read before the bucket may have moved on since.
  if (isAhead(shown, known) && isAhead(shown, await loadHeads(db))) {
    throw new RbsmError("log_ahead");
  }
}

function isAhead(shown: Shown, known: Known): boolean {
  return shown.logSize > known.logSize || shown.tufVersion > known.tufVersion;
}

async function readShown(bucket: R2Bucket, size: number): Promise<Shown> {
  const [checkpointSize, storedSize, tufVersion] = await Promise.all([
    readCheckpointSize(bucket),
    findStoredSize(bucket, size),
    readTimestampVersion(bucket),
  ]);
  return { logSize: Math.max(checkpointSize, storedSize), tufVersion };
}

async function readCheckpointSize(bucket: R2Bucket): Promise<number> {
  const object = await bucket.get(CHECKPOINT_KEY);
  return object === null
    ? 0
    : z.coerce
        .number()
        .int()
        .parse((await object.text()).split("\n")[1]);
}

const timestampFile = z.object({ signed: z.object({ version: z.int() }) });

export async function readTimestampVersion(bucket: R2Bucket): Promise<number> {
  const object = await bucket.get(TIMESTAMP_KEY);
  if (object === null) return 0;
  const limits = { maxBytes: TRUST_LIMITS.envelopeBytes, code: "trust_metadata_invalid" as const };
  return timestampFile.parse(parseJson(await object.text(), limits)).signed.version;
}

/**
 * How far the entries in the bucket reach, from the last bundle of the log of `size` on. They are
 * there before any proof of them is signed, also where the checkpoint that names them is not yet.
 */
export async function findStoredSize(bucket: R2Bucket, size: number): Promise<number> {
  const index = Math.floor(size / TILE_WIDTH);
  const full = `log/${entriesPath(index, TILE_WIDTH)}`;
  const { objects } = await bucket.list({ prefix: full });
  const widths = objects.map(({ key }) =>
    key === full ? TILE_WIDTH : Number(key.slice(`${full}.p/`.length)),
  );
  const width = Math.max(0, ...widths);
  const end = index * TILE_WIDTH + width;
  return width === TILE_WIDTH ? findStoredSize(bucket, end) : end;
}

/** What is logged or listed: there is no writing to it while the database is behind the bucket. */
const LOGGED = /^\/v1\/(plugins|publishers|scopes|keys|trust|advisories|catalog)(\/|$)/;

export const refuseWhileBehind = createMiddleware<AppEnv>(async (c, next) => {
  if (c.req.method !== "GET" && c.req.method !== "HEAD" && LOGGED.test(c.req.path)) {
    const db = writeDatabase(c.env);
    await assertInStep(db, c.env.BUNDLES, await loadHeads(db));
  }
  await next();
});
