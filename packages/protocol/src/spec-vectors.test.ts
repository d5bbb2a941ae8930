import { describe, expect, test } from "vitest";
import leaseVectors from "../../../docs/spec/vectors/license-token.json" with { type: "json" };
import logVectors from "../../../docs/spec/vectors/log.json" with { type: "json" };
import keyVectors from "../../../docs/spec/vectors/publisher-keys.json" with { type: "json" };
import releaseVectors from "../../../docs/spec/vectors/release-statement.json" with { type: "json" };
import revocationVectors from "../../../docs/spec/vectors/revocation.json" with { type: "json" };
import metadataVectors from "../../../docs/spec/vectors/trust-metadata.json" with { type: "json" };
import * as protocol from "./index.ts";

const { fromBase64, fromHex, hex, leafHash, sha256Hex, utf8, utf8Decode } = protocol;

const refusedAs = (code: string) => expect.objectContaining({ name: "RbsmError", code });

describe("the vectors of log.md", () => {
  const { key, tree, checkpoint, proof } = logVectors;
  const log = { name: key.name, publicKey: fromHex(key.publicKey) };
  const roots = new Map(tree.roots.map(({ size, root }) => [size, fromHex(root)]));
  const rootOf = (size: number) => roots.get(size) ?? new Uint8Array();

  test("entries have the bytes and hashes", async () => {
    for (const { entry, leafHash: expected } of logVectors.entries) {
      const parsed = protocol.parseLogEntry(utf8(entry));
      expect(utf8Decode(protocol.encodeLogEntry(parsed))).toBe(entry);
      expect(hex(await leafHash(utf8(entry)))).toBe(expected);
    }
    const types = logVectors.entries.map(({ entry }) => protocol.parseLogEntry(utf8(entry)).type);
    expect(types.toSorted()).toEqual(
      protocol.logEntrySchema.options.map(({ shape }) => shape.type.value).toSorted(),
    );
  });

  test("the verifier key is the log's", async () => {
    expect(await protocol.parseVerifierKey(key.verifierKey)).toEqual({ ...log, role: "log" });
  });

  test("the checkpoint opens and has the tree's root", async () => {
    const opened = await protocol.openCheckpoint(checkpoint, [log]);
    expect(opened).toMatchObject({ size: 300, root: rootOf(300) });
  });

  test("the files lie where the tree has them", () => {
    const paths = protocol.newTiles(0, 300).map(protocol.tilePath);
    const bundles = [protocol.entriesPath(0, 256), protocol.entriesPath(1, 44)];
    expect(Object.keys(tree.files).toSorted()).toEqual([...paths, ...bundles].toSorted());
  });

  test("trees continue each other", async () => {
    for (const { first, second, proof: hashes } of logVectors.consistency) {
      const consistency = {
        first: { size: first, root: rootOf(first) },
        second: { size: second, root: rootOf(second) },
        proof: hashes.map(fromBase64),
      };
      expect(await protocol.verifyConsistency(consistency), `from ${first}`).toBe(true);
    }
  });

  test("the proof opens for its entry", async () => {
    const opened = await protocol.openTlogProof(proof.text, utf8(proof.entry), [log]);
    expect(opened.index).toBe(7);
  });

  test.each(logVectors.refusedCheckpoints)(
    "a checkpoint with $name is refused",
    async ({ note }) => {
      await expect(protocol.openCheckpoint(note, [log])).rejects.toEqual(
        refusedAs("trust_log_invalid"),
      );
    },
  );

  test.each(logVectors.refusedProofs)("a proof with $name is refused", async ({ text }) => {
    await expect(protocol.openTlogProof(text, utf8(proof.entry), [log])).rejects.toEqual(
      refusedAs("trust_log_invalid"),
    );
  });
});

describe("the vectors of release-statement.md", () => {
  const { key, statement, payload, envelope } = releaseVectors;
  const keys = (id: string) => (id === key.keyId ? fromHex(key.publicKey) : undefined);
  const expected = { plugin: statement.plugin, version: statement.version };

  test("the statement opens and is what its entry in the log names", async () => {
    expect(await protocol.openRelease(JSON.stringify(envelope), keys, expected)).toEqual(statement);
    expect(utf8Decode(fromBase64(envelope.payload))).toBe(payload);
    const entry = protocol.parseLogEntry(utf8(releaseVectors.logEntry));
    expect(entry).toEqual({
      type: "release",
      ...expected,
      statement: await sha256Hex(utf8(payload)),
    });
  });

  test.each(releaseVectors.refused)("$name is refused", async ({ envelope: refused }) => {
    await expect(protocol.openRelease(JSON.stringify(refused), keys, expected)).rejects.toEqual(
      refusedAs("trust_release_invalid"),
    );
  });
});

describe("the vectors of publisher-keys.md", () => {
  const envelopeOf = (value: unknown) => protocol.envelopeSchema.parse(value);

  test("possession is proven", async () => {
    const { challenge, signature } = keyVectors.possession;
    const publicKey = fromHex(keyVectors.keys.first.publicKey);
    await protocol.checkKeyPossession(publicKey, challenge, signature);
  });

  test("each statement leads to the next keys", async () => {
    let known: protocol.PublisherKeys = keyVectors.pinned;
    for (const { statement, digest, envelope, after } of keyVectors.steps) {
      const applied = await protocol.applyKeyStatement(known, envelopeOf(envelope));
      expect(applied).toEqual({ statement, keys: after });
      expect(await protocol.statementDigest(envelopeOf(envelope))).toBe(digest);
      known = applied.keys;
    }
    expect(keyVectors.steps.map(({ statement }) => statement.action)).toEqual([
      "add",
      "revoke",
      "recover",
    ]);
  });

  test.each(keyVectors.refused)("$name is refused with $code", async ({ envelope, code }) => {
    await expect(
      protocol.applyKeyStatement(keyVectors.pinned, envelopeOf(envelope)),
    ).rejects.toEqual(refusedAs(code));
  });
});

describe("the vectors of trust-metadata.md and revocation.md", () => {
  test("shards and paths", async () => {
    for (const { plugin, target } of metadataVectors.shards) {
      expect(await protocol.shardTarget(plugin)).toBe(target);
    }
    for (const { target, sha256, path } of metadataVectors.paths) {
      expect(protocol.targetPath(target, sha256)).toBe(path);
    }
  });

  test("a list of revocations, the strictest first", () => {
    const list = protocol.revocationsSchema.parse(revocationVectors.list);
    const found = protocol.revocationsOf(revocationVectors.release, list.entries);
    expect(found.map(({ action }) => action)).toEqual(revocationVectors.strictestFirst);
  });

  test.each(revocationVectors.matches)("$match speaks of $release: $revoked", (vector) => {
    const { match, release, revoked } = vector;
    const [entry] = revocationVectors.list.entries;
    const { entries } = protocol.revocationsSchema.parse({
      ...revocationVectors.list,
      entries: [{ ...entry, match }],
    });
    expect(protocol.revocationsOf(release, entries)).toHaveLength(revoked ? 1 : 0);
  });

  test.each(revocationVectors.refused)("$name is refused", ({ entry }) => {
    const list = { ...revocationVectors.list, entries: [entry] };
    expect(protocol.revocationsSchema.safeParse(list).success).toBe(false);
  });
});

describe("the vectors of license-token.md", () => {
  const { leaseKey, instanceKey, claims, token, proof } = leaseVectors;
  const trust = {
    keys: (kid: string) => (kid === leaseKey.kid ? fromHex(leaseKey.publicKey) : undefined),
    audience: claims.aud,
  };

  test("the lease verifies for its instance", async () => {
    expect(await protocol.verifyLease(token, trust)).toEqual({
      iss: protocol.LEASE_ISSUER,
      ...claims,
    });
    expect(await protocol.keyThumbprint(fromHex(instanceKey.publicKey))).toBe(instanceKey.jkt);
    await expect(protocol.verifyLease(token, { ...trust, audience: "other" })).rejects.toEqual(
      refusedAs("license_invalid"),
    );
  });

  test("the refusal verifies for its instance, and is no lease", async () => {
    const { refusal } = leaseVectors;
    const verified = await protocol.verifyRefusal(refusal.token, trust);
    expect(verified).toEqual({ iss: protocol.LEASE_ISSUER, ...refusal.claims });
    await expect(protocol.verifyLease(refusal.token, trust)).rejects.toEqual(
      refusedAs("license_invalid"),
    );
  });

  test("the proof verifies for its request", async () => {
    const { method, url, body, now, header } = proof;
    const request = { method, url, body: utf8(body), now: now * 1000, maxAgeS: 300 };
    const proven = await protocol.verifyProof(header, request);
    expect(proven).toMatchObject({ instanceKeyJkt: instanceKey.jkt, iat: now });
    await expect(protocol.verifyProof(header, { ...request, body: utf8("{}") })).rejects.toEqual(
      refusedAs("auth_proof_invalid"),
    );
  });

  test.each(leaseVectors.refused)("a lease with $name is refused", async ({ token: refused }) => {
    await expect(protocol.verifyLease(refused, trust)).rejects.toEqual(
      refusedAs("license_invalid"),
    );
  });
});
