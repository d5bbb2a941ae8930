import { CACHE } from "../http.ts";
import type { Bindings } from "../env.ts";
import type { Pass } from "../log/run-pass.ts";
import { putOnce } from "../objects.ts";
import { bundleKey } from "../release/bundle-object.ts";
import { NOTHING_SHOWN } from "./details.ts";
import { makeDetails, shownFiles } from "./make-details.ts";
import type { MediaObject } from "./make-details.ts";
import { beginDetails, listWithoutDetails, storeDetails } from "./queries.ts";
import type { DetailedVersion, Undetailed } from "./queries.ts";

/** Bundles that one pass reads: each is up to 10 MiB, and stored as up to 13 objects. */
const BUNDLES_AT_ONCE = 4;

/**
 * Makes what released versions show of themselves, the objects before the row that names them. Gives
 * the plugins whose pages it changes.
 */
export async function writeDetails(pass: Pass): Promise<{ plugin: string }[]> {
  const waiting = await listWithoutDetails(pass.db, pass);
  const silent = waiting.filter(({ manifest }) => shownFiles(manifest) === null);
  await storeDetails(
    pass.db,
    silent.map(({ plugin, version }) => ({ plugin, version, details: NOTHING_SHOWN })),
  );
  const shown = waiting.filter((row) => !silent.includes(row)).slice(0, BUNDLES_AT_ONCE);
  // One after the other: a Worker has memory for one bundle unpacked, not for all.
  const made: { plugin: string }[] = [];
  for (const row of shown) if (await writeVersion(pass, row)) made.push(row);
  return made;
}

/** Of a version that fails the others do not have to wait. */
async function writeVersion(pass: Pass, row: Undetailed): Promise<boolean> {
  let isMade = false;
  try {
    await beginDetails(pass.db, row, pass.now);
    await storeDetails(pass.db, [await publishMedia(pass.env, row)]);
    isMade = true;
  } catch (error) {
    pass.failures.set(row.plugin, error);
  }
  await pass.keepHold();
  return isMade;
}

async function publishMedia(env: Bindings, row: Undetailed): Promise<DetailedVersion> {
  const { plugin, version, sha256, paid, manifest } = row;
  const object = await (paid ? env.PRIVATE : env.BUNDLES).get(bundleKey(sha256));
  const shown = shownFiles(manifest);
  // Bytes that are gone are for the check of the catalogue to find.
  if (object === null || shown === null) return { plugin, version, details: NOTHING_SHOWN };
  const bundle = new Uint8Array(await object.arrayBuffer());
  const { details, objects } = await makeDetails(bundle, shown);
  for (const media of objects) await putMedia(env.BUNDLES, media);
  return { plugin, version, details };
}

/** Opened by itself, a text is a file to save: nothing in it runs as a page of ours. */
async function putMedia(bucket: R2Bucket, { key, bytes, contentType }: MediaObject): Promise<void> {
  const isText = contentType.startsWith("text/");
  const headers = {
    contentType,
    cacheControl: CACHE.immutable,
    ...(isText ? { contentDisposition: "attachment" } : {}),
  };
  await putOnce(bucket, { key, bytes, headers });
}
