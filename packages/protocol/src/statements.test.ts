import { beforeAll, describe, expect, test } from "vitest";
import { base64, base64url, concatBytes, fromBase64, utf8, utf8Decode } from "./encoding.ts";
import { openEnvelope, preAuthEncoding, signEnvelope, type Envelope } from "./dsse.ts";
import { PUBLISHER_ENVELOPE, PUBLISHER_KEY } from "./bundle-profile.ts";
import { signingKeyFromSeed } from "./keys.ts";
import { packBundle } from "./pack-bundle.ts";
import { readBundle } from "./read-bundle.ts";
import {
  bundledPublisherKey,
  openRelease,
  PUBLISHER_PAYLOAD_TYPE,
  publisherKeyIdOf,
  RELEASE_PAYLOAD_TYPE,
  signBundle,
  signRelease,
  verifyPublisher,
  type ReleaseStatement,
} from "./statements.ts";

const key = await signingKeyFromSeed(new Uint8Array(32).fill(7));
const stranger = await signingKeyFromSeed(new Uint8Array(32).fill(8));
const trusted = (id: string) => (id === key.keyId ? key.publicKey : undefined);

const manifest = {
  name: "@acme/hello",
  version: "1.0.0",
  main: "index.js",
  permissions: [],
  dependencies: {},
};
const content = new Map([
  ["index.js", utf8("export default class {}\n".repeat(20))],
  ["manifest.json", utf8(JSON.stringify(manifest))],
  ["zz.js", utf8("after the signatures")],
]);

let signed: Map<string, Uint8Array>;

beforeAll(async () => {
  signed = await signBundle(content, key);
});

function changed(name: string, bytes: Uint8Array | null): Map<string, Uint8Array> {
  const files = new Map(signed);
  if (bytes === null) files.delete(name);
  else files.set(name, bytes);
  return files;
}

async function withStatement(change: object, signer = key): Promise<Map<string, Uint8Array>> {
  const envelope: Envelope = JSON.parse(utf8Decode(signed.get(PUBLISHER_ENVELOPE)!));
  const statement = { ...JSON.parse(utf8Decode(fromBase64(envelope.payload))), ...change };
  const forged = await signEnvelope(
    PUBLISHER_PAYLOAD_TYPE,
    utf8(JSON.stringify(statement)),
    signer,
  );
  return changed(PUBLISHER_ENVELOPE, utf8(JSON.stringify(forged)));
}

const code = (expected: string) => ({ name: "RbsmError", code: expected });

test("PAE is the one of the DSSE specification", () => {
  const bytes = preAuthEncoding("http://example.com/HelloWorld", utf8("hello world"));
  expect(utf8Decode(bytes)).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  expect(utf8Decode(preAuthEncoding("ü", utf8("ü")))).toBe("DSSEv1 2 ü 2 ü");
});

describe("a signed bundle", () => {
  test("verifies for its publisher and says what was signed", async () => {
    const bundle = await readBundle(packBundle(signed));
    const { statement, manifest: verified } = await verifyPublisher(bundle.files, trusted);
    expect(verified).toEqual(bundle.manifest);
    expect(statement).toEqual({
      type: "https://rising-bsm.com/publisher/v1",
      plugin: "@acme/hello",
      version: "1.0.0",
      treeDigest: bundle.treeDigest,
      archiveDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      publisherKeyId: key.keyId,
    });
    expect(publisherKeyIdOf(bundle.files)).toBe(key.keyId);
  });

  test("verifies with what readBundle() found", async () => {
    const bundle = await readBundle(packBundle(signed));
    await expect(verifyPublisher(bundle.files, trusted, bundle)).resolves.toMatchObject({
      manifest: bundle.manifest,
    });
    const other = { ...bundle, treeDigest: "h1:other" };
    await expect(verifyPublisher(bundle.files, trusted, other)).rejects.toMatchObject(
      code("signature_invalid"),
    );
  });

  test("has the same bytes each time it is signed, also when signed before", async () => {
    expect(packBundle(await signBundle(content, key))).toEqual(packBundle(signed));
    expect(packBundle(await signBundle(await signBundle(content, stranger), key))).toEqual(
      packBundle(signed),
    );
  });

  test("carries the publisher's key", async () => {
    await expect(bundledPublisherKey(signed)).resolves.toEqual({
      keyId: key.keyId,
      publicKey: key.publicKey,
    });
    await expect(bundledPublisherKey(content)).resolves.toBeUndefined();
  });
});

test("a statement without an archive digest binds the content only", async () => {
  const bundle = await readBundle(packBundle(await withStatement({ archiveDigest: undefined })));
  await expect(verifyPublisher(bundle.files, trusted)).resolves.toMatchObject({
    statement: { treeDigest: bundle.treeDigest },
  });
});

describe("verifyPublisher() refuses", () => {
  const refused = (files: Map<string, Uint8Array>) =>
    expect(verifyPublisher(files, trusted)).rejects;

  test("an unsigned bundle", async () => {
    await refused(content).toMatchObject(code("signature_missing"));
    expect(publisherKeyIdOf(content)).toBeNull();
  });

  test("a key that is not trusted", async () => {
    await refused(await signBundle(content, stranger)).toMatchObject({
      ...code("signature_untrusted_key"),
      detail: { keyId: stranger.keyId },
    });
  });

  test.each([
    ["a changed file", () => changed("index.js", utf8("evil"))],
    ["a removed file", () => changed("zz.js", null)],
    ["an added file", () => changed("extra.js", utf8("evil"))],
  ])("%s", async (_, files) => {
    await refused(files()).toMatchObject(code("signature_invalid"));
  });

  test("a manifest of another version or plugin", async () => {
    const newer = utf8(JSON.stringify({ ...manifest, version: "1.0.1" }));
    await refused(changed("manifest.json", newer)).toMatchObject(code("manifest_mismatch"));
    await refused(await withStatement({ plugin: "@acme/other" })).toMatchObject(
      code("manifest_mismatch"),
    );
  });

  test("a bundle without a manifest", async () => {
    await refused(changed("manifest.json", null)).toMatchObject(code("manifest_missing"));
  });

  test("a statement that names another key than its signer", async () => {
    await refused(await withStatement({ publisherKeyId: stranger.keyId })).toMatchObject(
      code("signature_invalid"),
    );
  });

  test.each([
    ["of another type", { type: "https://rising-bsm.com/publisher/v2" }],
    ["with a member too many", { extra: 1 }],
    ["with a malformed digest", { treeDigest: "h1:" }],
    ["with a version that is none", { version: "1" }],
  ])("a statement %s", async (_, change) => {
    await refused(await withStatement(change)).toMatchObject(code("signature_invalid"));
  });

  test("a trusted key id with a forged signature", async () => {
    const forged = JSON.parse(
      utf8Decode((await withStatement({}, stranger)).get(PUBLISHER_ENVELOPE)!),
    );
    forged.signatures[0].keyid = key.keyId;
    await refused(changed(PUBLISHER_ENVELOPE, utf8(JSON.stringify(forged)))).toMatchObject(
      code("signature_invalid"),
    );
  });

  test("a release statement in the publisher's place", async () => {
    const release = await signEnvelope(RELEASE_PAYLOAD_TYPE, utf8("{}"), key);
    await refused(changed(PUBLISHER_ENVELOPE, utf8(JSON.stringify(release)))).toMatchObject(
      code("signature_invalid"),
    );
  });
});

describe("openEnvelope() refuses", () => {
  const trust = { payloadType: "text", publicKey: trusted };
  const envelope = () => signEnvelope("text", utf8("payload"), key);

  test.each<[string, (envelope: Envelope) => unknown]>([
    ["no JSON", () => undefined],
    ["two signatures", (e) => ({ ...e, signatures: [...e.signatures, ...e.signatures] })],
    ["no signature", (e) => ({ ...e, signatures: [] })],
    ["a member too many", (e) => ({ ...e, extra: 1 })],
    ["a payload that is not canonical base64", (e) => ({ ...e, payload: `${e.payload}\n` })],
    ["a changed payload", (e) => ({ ...e, payload: base64(utf8("paylord")) })],
    [
      "a signature in base64url",
      (e) => ({ ...e, signatures: [{ ...e.signatures[0], sig: "_".repeat(86) }] }),
    ],
    ["another payload type", (e) => ({ ...e, payloadType: "texts" })],
  ])("%s", async (_, change) => {
    const text = JSON.stringify(change(await envelope())) ?? "no JSON";
    await expect(openEnvelope(text, trust)).rejects.toMatchObject(code("signature_invalid"));
  });

  test("more than 64 KiB", async () => {
    await expect(openEnvelope(new Uint8Array(70_000), trust)).rejects.toMatchObject(
      code("signature_invalid"),
    );
  });

  test("nothing that was signed for it", async () => {
    const payload = await openEnvelope(JSON.stringify(await envelope()), trust);
    expect(utf8Decode(payload)).toBe("payload");
  });
});

describe("the key in a bundle is refused when it", () => {
  const weak = base64url(Uint8Array.of(1, ...new Uint8Array(31)));
  test.each([
    ["is no text", Uint8Array.of(255), "signature_invalid"],
    ["has no line feed", utf8(base64url(key.publicKey)), "signature_invalid"],
    ["has more than one line", utf8(`${base64url(key.publicKey)}\n\n`), "signature_invalid"],
    ["ends in another character", utf8(`${base64url(key.publicKey)} `), "signature_invalid"],
    ["is of small order", utf8(`${weak}\n`), "signature_key_rejected"],
  ])("%s", async (_, bytes, expected) => {
    await expect(bundledPublisherKey(changed(PUBLISHER_KEY, bytes))).rejects.toMatchObject(
      code(expected),
    );
  });
});

describe("a release statement", () => {
  const release: ReleaseStatement = {
    type: "https://rising-bsm.com/release/v1",
    plugin: "@acme/hello",
    version: "1.0.0",
    bundleSha256: "ab".repeat(32),
    size: 1234,
    treeDigest: `h1:${base64(new Uint8Array(32))}`,
    publisherKeyId: key.keyId,
    seq: 1,
    publishedAt: "2026-01-02T03:04:05Z",
    review: { verdict: "passed", policy: "open" },
  };
  const sealed = async (statement: object) =>
    JSON.stringify(await signEnvelope(RELEASE_PAYLOAD_TYPE, utf8(JSON.stringify(statement)), key));
  const expected = { plugin: "@acme/hello", version: "1.0.0" };

  test("opens for its plugin and version", async () => {
    const envelope = await signRelease(release, key);
    await expect(openRelease(JSON.stringify(envelope), trusted, expected)).resolves.toEqual(
      release,
    );
    expect(await signRelease(release, key)).toEqual(envelope);
  });

  test.each([
    ["for another plugin", { plugin: "@acme/other" }],
    ["for another version", { version: "1.0.1" }],
    ["that did not pass its review", { review: { verdict: "failed", policy: "open" } }],
    ["with a member too many", { channel: "latest" }],
    ["with a sequence of zero", { seq: 0 }],
    ["without a time zone", { publishedAt: "2026-01-02T03:04:05" }],
  ])("%s is refused", async (_, change) => {
    const bytes = await sealed({ ...release, ...change });
    await expect(openRelease(bytes, trusted, expected)).rejects.toMatchObject(
      code("trust_release_invalid"),
    );
  });

  test("by an unknown key or in the form of a publisher statement is refused", async () => {
    const bytes = JSON.stringify(await signRelease(release, stranger));
    await expect(openRelease(bytes, trusted, expected)).rejects.toMatchObject(
      code("trust_release_invalid"),
    );
    const publisher = signed.get(PUBLISHER_ENVELOPE)!;
    await expect(openRelease(publisher, trusted, expected)).rejects.toMatchObject(
      code("trust_release_invalid"),
    );
  });
});

test("a bundle cannot be signed without a valid manifest", async () => {
  await expect(signBundle(new Map([["index.js", utf8("")]]), key)).rejects.toMatchObject(
    code("manifest_missing"),
  );
  const invalid = new Map([["manifest.json", utf8("{}")]]);
  await expect(signBundle(invalid, key)).rejects.toMatchObject(code("manifest_invalid"));
});

test("changing any one byte of a signed bundle is noticed", async () => {
  const bytes = packBundle(signed);
  const accepted: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const copy = concatBytes(bytes);
      copy[at] = (copy[at] ?? 0) ^ flip;
      if (await isAccepted(copy)) accepted.push(at);
    }
  }
  expect(accepted).toEqual([]);
});

async function isAccepted(bytes: Uint8Array): Promise<boolean> {
  try {
    const { files } = await readBundle(bytes);
    const bundled = await bundledPublisherKey(files);
    await verifyPublisher(files, (id) => (id === bundled?.keyId ? bundled.publicKey : undefined));
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: "RbsmError" });
    return false;
  }
}
