import {
  RbsmError,
  concatBytes,
  encodeEntries,
  entriesPath,
  formatTlogProof,
  fromHex,
  newTiles,
  signCheckpoint,
  tilePath,
  utf8,
} from "@rising-bsm/protocol";
import type { Tile } from "@rising-bsm/protocol";
import { settings, signingKey } from "../env.ts";
import type { Bindings } from "../env.ts";
import { CACHE } from "../http.ts";
import { allSettled, putOnce, putPointer, textObject } from "../objects.ts";
import { CHECKPOINT_KEY } from "./in-step.ts";
import type { IntegratedLog } from "./integrate.ts";
import { proofsAt, readTile } from "./log-tree.ts";

const headers = { contentType: "application/octet-stream", cacheControl: CACHE.immutable };

/**
 * Stores the tiles that the bucket lacks. Entries come before the hashes of them: whatever was hashed
 * can be read.
 */
export async function showTiles({ BUNDLES }: Bindings, log: IntegratedLog): Promise<void> {
  const tiles = newTiles(log.shownSize, log.size);
  const store = (path: string, bytes: Uint8Array<ArrayBuffer>) =>
    putOnce(BUNDLES, { key: `log/${path}`, bytes, headers });
  const bundles = tiles.filter(({ level }) => level === 0);
  await allSettled(
    bundles.map((tile) => store(entriesPath(tile.index, tile.width), entriesOf(log, tile))),
  );
  await allSettled(
    tiles.map(async (tile) =>
      store(tilePath(tile), concatBytes(...(await readTile(log.tree, tile)))),
    ),
  );
}

function entriesOf({ entries }: IntegratedLog, { index, width }: Tile): Uint8Array<ArrayBuffer> {
  const first = index * 256;
  const texts = Array.from({ length: width }, (_, at) => entries.get(first + at));
  return encodeEntries(texts.map((text) => utf8(text ?? missing(index))));
}

function missing(index: number): never {
  throw new RbsmError("internal", `The database lacks entries of bundle ${index}`);
}

/** The signed head of the log, and the proofs that lead to it. */
export async function signLog(env: Bindings, log: IntegratedLog) {
  const { LOG_ORIGIN: origin } = settings(env);
  const head = { origin, size: log.size, root: fromHex(log.root) };
  const checkpoint = await signCheckpoint(head, await signingKey(env, "LOG_KEY"));
  const prove = proofsAt(log.tree, log.size);
  return {
    checkpoint,
    proofOf: async (index: number) =>
      formatTlogProof({ index, hashes: await prove(index), checkpoint }),
  };
}

export type SignedLog = Awaited<ReturnType<typeof signLog>>;

/** From here on everybody sees the log at this size. */
export async function showCheckpoint(
  env: Bindings,
  { size, checkpoint }: { size: number; checkpoint: string },
): Promise<void> {
  const object = textObject(CHECKPOINT_KEY, checkpoint, "pointer");
  await putPointer(env.BUNDLES, { ...object, order: size }, settings(env).POINTER_INTERVAL_MS);
}
