import { RbsmError, TRUST_LIMITS, parseJson } from "@rising-bsm/protocol";
import { z } from "zod";
import { signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import { jsonObject, putIfUnchanged } from "../objects.ts";
import { signHeads } from "./tuf-metadata.ts";
import type { Heads } from "./tuf-metadata.ts";

const DAY_MS = 86_400_000;
/** Snapshot and timestamp are good for this long, and are signed anew every day. */
const HEADS_LIFETIME_MS = 7 * DAY_MS;
const RESIGN_AFTER_MS = DAY_MS;

const TIMESTAMP_KEY = "tuf/timestamp.json";
const ATTEMPTS = 20;

const meta = z.object({ version: z.int().positive() });
const timestampFile = z.object({
  signed: meta.extend({
    expires: z.iso.datetime(),
    meta: z.object({ "snapshot.json": meta }),
  }),
});
const snapshotFile = z.object({
  signed: meta.extend({ meta: z.object({ "targets.json": meta }) }),
});

interface CurrentHeads extends Omit<Heads, "expires"> {
  /** R2's etag of the timestamp; null when there is none yet. */
  readonly etag: string | null;
  readonly expiresAt: number;
}

const NO_HEADS: CurrentHeads = {
  etag: null,
  expiresAt: 0,
  timestampVersion: 0,
  snapshotVersion: 0,
  targetsVersion: 0,
};

/** Signs snapshot and timestamp anew when a day has passed; nothing to do before the first upload. */
export async function refreshHeads(env: Bindings, now: Date): Promise<void> {
  const current = await readHeads(env.BUNDLES);
  if (current.etag === null) return;
  const signedAt = current.expiresAt - HEADS_LIFETIME_MS;
  if (now.getTime() - signedAt < RESIGN_AFTER_MS) return;
  await publishHeads(env, { targetsVersion: current.targetsVersion, now });
}

/**
 * Points hosts at this targets version. The snapshot is a new object each time and is there before
 * the timestamp that names it; the timestamp changes only if nobody else has changed it meanwhile.
 */
export async function publishHeads(
  env: Bindings,
  { targetsVersion, now }: { targetsVersion: number; now: Date },
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const current = await readHeads(env.BUNDLES);
    if (current.targetsVersion > targetsVersion) {
      throw new RbsmError("conflict_state", "Newer targets metadata is published already");
    }
    const heads = {
      // A crash may have left snapshots that no timestamp names: their numbers are skipped.
      snapshotVersion: current.snapshotVersion + 1 + attempt,
      timestampVersion: current.timestampVersion + 1,
      targetsVersion,
      expires: new Date(now.getTime() + HEADS_LIFETIME_MS),
    };
    if (await writeHeads(env, heads, current.etag)) return;
  }
  throw new RbsmError("unavailable", "The trust metadata is being changed by someone else");
}

async function writeHeads(env: Bindings, heads: Heads, etag: string | null): Promise<boolean> {
  const { snapshot, timestamp } = await signHeads(heads, {
    snapshot: await signingKey(env, "SNAPSHOT_KEY"),
    timestamp: await signingKey(env, "TIMESTAMP_KEY"),
  });
  const snapshotKey = `tuf/${heads.snapshotVersion}.snapshot.json`;
  const isNew = await putIfUnchanged(
    env.BUNDLES,
    jsonObject(snapshotKey, snapshot, "immutable"),
    null,
  );
  if (!isNew) return false;
  return putIfUnchanged(env.BUNDLES, jsonObject(TIMESTAMP_KEY, timestamp, "pointer"), etag);
}

/** True when the timestamp in force already leads to this targets version. */
export async function pointsAt(bucket: R2Bucket, targetsVersion: number): Promise<boolean> {
  return (await readHeads(bucket)).targetsVersion === targetsVersion;
}

async function readHeads(bucket: R2Bucket): Promise<CurrentHeads> {
  const object = await bucket.get(TIMESTAMP_KEY);
  if (object === null) return NO_HEADS;
  const { signed } = timestampFile.parse(await readJson(object));
  const snapshotVersion = signed.meta["snapshot.json"].version;
  const snapshotObject = await bucket.get(`tuf/${snapshotVersion}.snapshot.json`);
  if (snapshotObject === null) {
    throw new RbsmError("internal", `Snapshot ${snapshotVersion} of the timestamp is missing`);
  }
  const snapshot = snapshotFile.parse(await readJson(snapshotObject));
  return {
    etag: object.etag,
    expiresAt: Date.parse(signed.expires),
    timestampVersion: signed.version,
    snapshotVersion,
    targetsVersion: snapshot.signed.meta["targets.json"].version,
  };
}

async function readJson(object: R2ObjectBody): Promise<unknown> {
  const limits = { maxBytes: TRUST_LIMITS.envelopeBytes, code: "trust_metadata_invalid" as const };
  return parseJson(await object.text(), limits);
}
