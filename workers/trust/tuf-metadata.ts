import { CATALOG_ROLE, fromHex, hex, sha256Hex, utf8, verifySignature } from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import {
  Key,
  MetaFile,
  Metadata,
  Signature,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from "@tufjs/models";
import type { Root } from "@tufjs/models";

const SPEC_VERSION = "1.0.31";

/**
 * Bytes of a metadata file signed by these keys. The library signs synchronously, which WebCrypto
 * cannot: it is asked once for the canonical bytes only.
 */
export async function signMetadata(
  signed: Root | Targets | Snapshot | Timestamp,
  keys: readonly SigningKey[],
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = canonicalBytes(signed);
  const signatures = keys.map(async (key) => {
    const keyID = await tufKeyId(key.publicKey);
    return [keyID, new Signature({ keyID, sig: hex(await key.sign(bytes)) })] as const;
  });
  const metadata = new Metadata(signed, Object.fromEntries(await Promise.all(signatures)));
  return utf8(JSON.stringify(metadata.toJSON()));
}

/**
 * Whether enough of the role's keys signed the metadata. The library's own check is not used: it
 * verifies synchronously through node:crypto, which refuses every signature when bundled for
 * workerd. A key counts once, under however many ids it is listed.
 */
export async function isSignedBy(
  root: Metadata<Root>,
  role: string,
  metadata: Metadata<Root | Targets | Snapshot | Timestamp>,
): Promise<boolean> {
  const { keyIDs, threshold } = root.signed.roles[role] ?? { keyIDs: [], threshold: Infinity };
  const bytes = canonicalBytes(metadata.signed);
  const signers = new Set<string>();
  for (const keyID of keyIDs) {
    const publicKey = root.signed.keys[keyID]?.keyVal["public"];
    const signature = metadata.signatures[keyID]?.sig;
    if (publicKey === undefined || signature === undefined) continue;
    const isValid = await verifySignature(fromHex(publicKey), fromHex(signature), bytes);
    if (isValid) signers.add(publicKey);
  }
  return signers.size >= threshold;
}

/** The bytes that a signature of the metadata is over. */
export function canonicalBytes(signed: Root | Targets | Snapshot | Timestamp): Uint8Array {
  let bytes = new Uint8Array();
  new Metadata(signed).sign((data) => {
    bytes = new Uint8Array(data);
    return new Signature({ keyID: "", sig: "" });
  });
  return bytes;
}

/** TUF key id (spec §4.2): SHA-256 of the key object in canonical JSON. */
export function tufKeyId(publicKey: Uint8Array): Promise<string> {
  const keyval = `{"public":"${hex(publicKey)}"}`;
  return sha256Hex(utf8(`{"keytype":"ed25519","keyval":${keyval},"scheme":"ed25519"}`));
}

export async function tufKey(publicKey: Uint8Array): Promise<Key> {
  return new Key({
    keyID: await tufKeyId(publicKey),
    keyType: "ed25519",
    scheme: "ed25519",
    keyVal: { public: hex(publicKey) },
  });
}

/** Fields that every role has. Fractions of a second are not part of TUF's times. */
export function commonFields(version: number, expires: Date) {
  const expiresText = `${expires.toISOString().slice(0, 19)}Z`;
  return { version, specVersion: SPEC_VERSION, expires: expiresText };
}

/** What a file lists of another one. */
export interface Listed {
  readonly version: number;
  readonly length: number;
  readonly sha256: string;
}

/** The online role's list of what the catalogue is made of. */
export function createCatalog(
  version: number,
  expires: Date,
  targets: readonly { readonly target: string; readonly length: number; readonly sha256: string }[],
): Targets {
  const files = targets.map(({ target: path, length, sha256 }) => {
    const file = new TargetFile({ path, length, hashes: { sha256 } });
    return [path, file] as const;
  });
  return new Targets({ ...commonFields(version, expires), targets: Object.fromEntries(files) });
}

/** Which files of the other roles belong together. */
export function createSnapshot(
  version: number,
  expires: Date,
  roles: { readonly targets: Listed; readonly catalog: Listed },
): Snapshot {
  const meta = {
    "targets.json": metaFile(roles.targets),
    [`${CATALOG_ROLE}.json`]: metaFile(roles.catalog),
  };
  return new Snapshot({ ...commonFields(version, expires), meta });
}

/** Which snapshot is the newest. */
export function createTimestamp(version: number, expires: Date, snapshot: Listed): Timestamp {
  return new Timestamp({ ...commonFields(version, expires), snapshotMeta: metaFile(snapshot) });
}

function metaFile({ version, length, sha256 }: Listed): MetaFile {
  return new MetaFile({ version, length, hashes: { sha256 } });
}
