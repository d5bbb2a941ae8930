import {
  bundledPublisherKey,
  publisherKeyIdOf,
  readBundle,
  RbsmError,
  verifyPublisher,
} from "@rising-bsm/protocol";

/** A bundle whose publisher signature holds. `self` says that nobody vouched for the key itself. */
export interface VerifiedBundle {
  readonly plugin: string;
  readonly version: string;
  readonly sha256: string;
  readonly treeDigest: string;
  readonly publisherKeyId: string;
  readonly trust: "self" | "key";
}

/**
 * Checks a bundle's format and its publisher's signature. With `pinnedKeyId` only that key will do;
 * without it the bundle's own key is taken, which proves integrity but not who the publisher is.
 */
export async function verifyBundle(
  bytes: Uint8Array<ArrayBuffer>,
  pinnedKeyId: string | null,
): Promise<VerifiedBundle> {
  const { files, manifest, sha256, treeDigest } = await readBundle(bytes);
  if (publisherKeyIdOf(files) === null) {
    throw new RbsmError("signature_missing", undefined, {
      fix: "build it again with a key: rising-bsm build --key FILE",
    });
  }
  const bundled = await bundledPublisherKey(files);
  const trusted = pinnedKeyId ?? bundled?.keyId;
  const { statement } = await verifyPublisher(
    files,
    (id) => (id === trusted && id === bundled?.keyId ? bundled.publicKey : undefined),
    { manifest, treeDigest },
  );
  return {
    plugin: manifest.name,
    version: manifest.version,
    sha256,
    treeDigest,
    publisherKeyId: statement.publisherKeyId,
    trust: pinnedKeyId === null ? "self" : "key",
  };
}

/** Whether a bundle's signature holds by the bundle's own key. */
export async function signatureState(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<"valid" | "missing" | "invalid"> {
  try {
    await verifyBundle(bytes, null);
    return "valid";
  } catch (error) {
    if (!(error instanceof RbsmError)) throw error;
    return error.code === "signature_missing" ? "missing" : "invalid";
  }
}
