import {
  base64url,
  serviceKeysSchema,
  signingKeyFromSeed,
  fromBase64url,
} from "@rising-bsm/protocol";
import { Metadata, MetadataKind } from "@tufjs/models";
import { expect, test } from "vitest";
import { createTrust } from "./ceremony.ts";

const now = new Date("2026-11-22T10:00:00Z");

/** The same bytes on every run. */
function counted() {
  let next = 0;
  return (bytes: Uint8Array<ArrayBuffer>) => bytes.fill(++next);
}

const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

test("createTrust() depends on nothing but the clock and the randomness it is given", async () => {
  const [first, second] = await Promise.all([
    createTrust({ now, random: counted() }),
    createTrust({ now, random: counted() }),
  ]);
  expect(first).toEqual(second);
});

test("createTrust() makes root and targets that two of three signers hold together", async () => {
  const trust = await createTrust({ now });
  const root = Metadata.fromJSON(MetadataKind.Root, json(trust.root));
  const targets = Metadata.fromJSON(MetadataKind.Targets, json(trust.targets));
  expect(root.signed.roles["root"]).toMatchObject({ threshold: 2 });
  expect(root.signed.roles["targets"]?.keyIDs).toHaveLength(3);
  expect(root.signed.consistentSnapshot).toBe(true);
  root.verifyDelegate("root", root);
  root.verifyDelegate("targets", targets);

  const [one] = Object.entries(targets.signatures);
  targets.signatures = Object.fromEntries([one!]);
  expect(() => root.verifyDelegate("targets", targets)).toThrow(/signed/);
});

test("createTrust() lists the public keys of exactly the secrets it hands out", async () => {
  const { serviceKeys, secrets, offlineKeys } = await createTrust({ now });
  const { release, lease, log } = serviceKeysSchema.parse(json(serviceKeys));
  const publicKey = async (seed: string) =>
    base64url((await signingKeyFromSeed(fromBase64url(seed))).publicKey);
  expect(release.map((key) => key.publicKey)).toEqual([await publicKey(secrets.RELEASE_KEY)]);
  expect(lease.map((key) => key.publicKey)).toEqual([await publicKey(secrets.LEASE_KEY)]);
  expect(log.map((key) => key.publicKey)).toEqual([await publicKey(secrets.LOG_KEY)]);
  for (const key of offlineKeys) expect(key.publicKey).toBe(await publicKey(key.seed));
  expect(new Set([...Object.values(secrets), ...offlineKeys.map(({ seed }) => seed)]).size).toBe(
    13,
  );
});
