import { fromBase64url, sha256Hex, signingKeyFromSeed } from "@rising-bsm/protocol";
import { Timestamp } from "@tufjs/models";
import { z } from "zod";
import {
  createCatalog,
  createSnapshot,
  createTimestamp,
  signMetadata,
} from "../../workers/trust/tuf-metadata.ts";

/** Versions that the thief counts up to, far enough to be ahead of an honest publication. */
const AHEAD = 3;
const LIFETIME_MS = 86_400_000;

const file = z.looseObject({ signed: z.looseObject({ version: z.int() }) });
const hashes = z.object({ sha256: z.string() });
const listed = z.object({ version: z.int(), length: z.int(), hashes });
const snapshotFile = z.object({
  signed: z.object({ meta: z.object({ "targets.json": listed, "catalog.json": listed }) }),
});
const catalogFile = z.object({
  signed: z.object({ targets: z.record(z.string(), z.object({ length: z.int(), hashes })) }),
});

async function readJson(url: URL): Promise<unknown> {
  return (await fetch(url)).json();
}

async function readTimestamp(marketplace: URL) {
  return file.parse(await readJson(new URL("/tuf/timestamp.json", marketplace)));
}

/** A timestamp ahead of the marketplace's own, by the holder of this secret. */
export async function forgeTimestamp(marketplace: URL, seed: string): Promise<Uint8Array> {
  const { signed } = await readTimestamp(marketplace);
  const json = z.record(z.string(), z.json()).parse(signed);
  return signMetadata(Timestamp.fromJSON({ ...json, version: signed.version + AHEAD }), [
    await signingKeyFromSeed(fromBase64url(seed)),
  ]);
}

/** Seeds of the three online roles. */
export interface OnlineSeeds {
  readonly catalog: string;
  readonly snapshot: string;
  readonly timestamp: string;
}

/** The catalogue as it is, by whoever holds these seeds, and what leads to it: URL path → bytes. */
export async function forgeCatalog(
  marketplace: URL,
  seeds: OnlineSeeds,
): Promise<Map<string, Uint8Array>> {
  const read = (name: string) => readJson(new URL(`/tuf/${name}.json`, marketplace));
  const current = (await readTimestamp(marketplace)).signed.version;
  const { meta } = snapshotFile.parse(await read(`${current}.snapshot`)).signed;
  const honest = catalogFile.parse(await read(`${meta["catalog.json"].version}.catalog`));
  const version = current + AHEAD;
  const expires = new Date(Date.now() + LIFETIME_MS);
  const list = async (bytes: Uint8Array) => ({
    version,
    length: bytes.length,
    sha256: await sha256Hex(bytes),
  });
  const key = (seed: string) => signingKeyFromSeed(fromBase64url(seed));
  const targets = Object.entries(honest.signed.targets).map(([target, of]) => ({
    target,
    length: of.length,
    sha256: of.hashes.sha256,
  }));
  const catalog = await signMetadata(createCatalog(version, expires, targets), [
    await key(seeds.catalog),
  ]);
  const offline = meta["targets.json"];
  const roles = {
    targets: { ...offline, sha256: offline.hashes.sha256 },
    catalog: await list(catalog),
  };
  const snapshot = await signMetadata(createSnapshot(version, expires, roles), [
    await key(seeds.snapshot),
  ]);
  const timestamp = createTimestamp(version, expires, await list(snapshot));
  return new Map([
    [`/tuf/${version}.catalog.json`, catalog],
    [`/tuf/${version}.snapshot.json`, snapshot],
    ["/tuf/timestamp.json", await signMetadata(timestamp, [await key(seeds.timestamp)])],
  ]);
}
