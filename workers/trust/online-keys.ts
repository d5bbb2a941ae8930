import { signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import type { OnlineRole } from "../schema.ts";
import { tufKeyId } from "./tuf-metadata.ts";

/** The Worker's signing keys of the online TUF roles. */
export async function onlineSigners(env: Bindings) {
  return {
    catalog: await signingKey(env, "CATALOG_KEY"),
    snapshot: await signingKey(env, "SNAPSHOT_KEY"),
    timestamp: await signingKey(env, "TIMESTAMP_KEY"),
  };
}

export type OnlineSigners = Awaited<ReturnType<typeof onlineSigners>>;

/** Their ids in TUF metadata. */
export async function onlineKeyIds(signers: OnlineSigners): Promise<Record<OnlineRole, string>> {
  return {
    catalog: await tufKeyId(signers.catalog.publicKey),
    snapshot: await tufKeyId(signers.snapshot.publicKey),
    timestamp: await tufKeyId(signers.timestamp.publicKey),
  };
}
