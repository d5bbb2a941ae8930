import { expect, test } from "vitest";
import vectors from "../../../docs/spec/vectors/bundle.json" with { type: "json" };
import { base64, fromBase64, fromHex, hex, sha256Hex, utf8, utf8Decode } from "./encoding.ts";
import { signingKeyFromSeed } from "./keys.ts";
import { openBundle } from "./open-bundle.ts";
import { packBundle } from "./pack-bundle.ts";
import { readBundle } from "./read-bundle.ts";
import { openRelease, signBundle, verifyPublisher } from "./statements.ts";

const key = await signingKeyFromSeed(fromHex(vectors.key.seed));
const files = new Map(Object.entries(vectors.files).map(([name, text]) => [name, utf8(text)]));
const trusted = (id: string) => (id === vectors.key.keyId ? key.publicKey : undefined);

test("the vectors' key is the one of RFC 8032, test 1", () => {
  expect(hex(key.publicKey)).toBe(vectors.key.publicKey);
  expect(key.keyId).toBe(vectors.key.keyId);
});

test("packing the vectors' files gives the vectors' bytes", async () => {
  const bytes = packBundle(files);
  expect(base64(bytes)).toBe(vectors.unsigned.bundle);
  expect(await sha256Hex(bytes)).toBe(vectors.unsigned.sha256);
});

test("signing the vectors' files gives the vectors' bytes", async () => {
  const bytes = packBundle(await signBundle(files, key));
  expect(base64(bytes)).toBe(vectors.signed.bundle);
  expect(await sha256Hex(bytes)).toBe(vectors.signed.sha256);
});

test("the signed vector verifies and says what it was made of", async () => {
  const bundle = await readBundle(fromBase64(vectors.signed.bundle));
  const { statement } = await verifyPublisher(bundle.files, trusted, bundle);
  expect(JSON.stringify(statement)).toBe(vectors.signed.statement);
  expect(bundle.treeDigest).toBe(vectors.unsigned.treeDigest);
  const texts = Object.entries(vectors.files).map(([name]) => [
    name,
    utf8Decode(bundle.files.get(name) ?? utf8("")),
  ]);
  expect(Object.fromEntries(texts)).toEqual(vectors.files);
});

test("the release vector opens", async () => {
  const envelope = JSON.stringify(vectors.release.envelope);
  const expected = { plugin: "@acme/hello", version: "1.0.0" };
  expect(await openRelease(envelope, trusted, expected)).toEqual(vectors.release.statement);
});

test.each(vectors.refused)("$name is refused with $code", ({ bundle, code }) => {
  expect(() => openBundle(fromBase64(bundle))).toThrow(
    expect.objectContaining({ name: "RbsmError", code }),
  );
});
