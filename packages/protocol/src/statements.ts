import { z } from "zod";
import { archiveDigest } from "./archive-digest.ts";
import {
  isSignatureEntry,
  MANIFEST_ENTRY,
  PUBLISHER_ENVELOPE,
  PUBLISHER_KEY,
} from "./bundle-profile.ts";
import { base64url, fromBase64, fromBase64url, parseJson, utf8, utf8Decode } from "./encoding.ts";
import { RbsmError, type ErrorCode } from "./errors.ts";
import { openEnvelope, parseEnvelope, signEnvelope, type Envelope } from "./dsse.ts";
import { assertPublicKey, keyId, type SigningKey } from "./keys.ts";
import { TRUST_LIMITS } from "./limits.ts";
import { parseManifest } from "./manifest.ts";
import type { Manifest } from "./manifest-schema.ts";
import { pluginNameSchema } from "./plugin-name.ts";
import { treeDigest } from "./tree-digest.ts";
import { isVersion } from "./version.ts";

/** DSSE payload type of a publisher statement. */
export const PUBLISHER_PAYLOAD_TYPE = "application/vnd.rising-bsm.publisher.v1+json";
/** DSSE payload type of a release statement. */
export const RELEASE_PAYLOAD_TYPE = "application/vnd.rising-bsm.release.v1+json";

/** Lower-case hexadecimal SHA-256. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
/** A tree digest, `h1:` and base64. */
export const treeDigestSchema = z.string().regex(/^h1:[A-Za-z0-9+/]{43}=$/);
/** A full semantic version. */
export const versionSchema = z
  .string()
  .refine(isVersion, { error: "must be a full semantic version" });
/** ISO 8601 in UTC. */
export const timeSchema = z.iso.datetime();

const identity = { plugin: pluginNameSchema, version: versionSchema };

/** What a publisher signs about a bundle. */
export const publisherStatementSchema = z.strictObject({
  type: z.literal("https://rising-bsm.com/publisher/v1"),
  ...identity,
  treeDigest: treeDigestSchema,
  /** SHA-256 of the packed records outside `signatures/`: pins the archive, not only its content. */
  archiveDigest: sha256Schema.optional(),
  publisherKeyId: sha256Schema,
});

/** What a publisher signs about a bundle. */
export type PublisherStatement = z.output<typeof publisherStatementSchema>;

/** What the marketplace signs about a release. */
export const releaseStatementSchema = z.strictObject({
  type: z.literal("https://rising-bsm.com/release/v1"),
  ...identity,
  bundleSha256: sha256Schema,
  size: z.int().positive(),
  treeDigest: treeDigestSchema,
  publisherKeyId: sha256Schema,
  seq: z.int().positive(),
  publishedAt: timeSchema,
  review: z.strictObject({ verdict: z.literal("passed"), policy: z.string() }),
});

/** What the marketplace signs about a release. */
export type ReleaseStatement = z.output<typeof releaseStatementSchema>;

/** Public keys by key id; undefined for a key that is not trusted. */
export type KeyLookup = (keyId: string) => Uint8Array | undefined;

/**
 * The files and the publisher's signature over them. Earlier signatures are replaced. Throws
 * `bundle_*` and `manifest_*` when the files make no valid bundle.
 */
export async function signBundle(
  files: ReadonlyMap<string, Uint8Array>,
  key: SigningKey,
): Promise<Map<string, Uint8Array>> {
  const content = new Map([...files].filter(([name]) => !isSignatureEntry(name)));
  const { name, version } = manifestOf(content);
  const statement: PublisherStatement = {
    type: "https://rising-bsm.com/publisher/v1",
    plugin: name,
    version,
    treeDigest: await treeDigest(content),
    archiveDigest: await archiveDigest(content),
    publisherKeyId: key.keyId,
  };
  const envelope = await signEnvelope(PUBLISHER_PAYLOAD_TYPE, utf8(JSON.stringify(statement)), key);
  content.set(PUBLISHER_ENVELOPE, utf8(JSON.stringify(envelope)));
  content.set(PUBLISHER_KEY, utf8(`${base64url(key.publicKey)}\n`));
  return content;
}

function manifestOf(files: ReadonlyMap<string, Uint8Array>): Manifest {
  const bytes = files.get(MANIFEST_ENTRY);
  if (bytes === undefined) throw new RbsmError("manifest_missing");
  return parseManifest(bytes);
}

/** What `readBundle` found in the same files, so that it need not be found again. */
export interface KnownContent {
  readonly manifest: Manifest;
  readonly treeDigest: string;
}

/** A publisher statement that verifies, and the manifest it speaks of. */
export interface VerifiedPublisher {
  readonly statement: PublisherStatement;
  readonly manifest: Manifest;
}

/**
 * Verifies that a trusted publisher signed exactly these files. Throws `signature_missing`,
 * `signature_untrusted_key`, `signature_invalid` or `manifest_mismatch`. `known` saves reading and
 * hashing again what `readBundle` gave for these very files.
 */
export async function verifyPublisher(
  files: ReadonlyMap<string, Uint8Array>,
  trusted: KeyLookup,
  known?: KnownContent,
): Promise<VerifiedPublisher> {
  const envelope = files.get(PUBLISHER_ENVELOPE);
  if (envelope === undefined) throw new RbsmError("signature_missing");
  const payload = await openEnvelope(envelope, {
    payloadType: PUBLISHER_PAYLOAD_TYPE,
    publicKey: trusted,
  });
  const statement = parseStatement(publisherStatementSchema, payload, "signature_invalid");
  if (statement.publisherKeyId !== publisherKeyIdOf(files)) {
    throw new RbsmError(
      "signature_invalid",
      "The statement names another key than the one that signed it",
    );
  }
  const manifest = known?.manifest ?? manifestOf(files);
  if (statement.plugin !== manifest.name || statement.version !== manifest.version) {
    throw new RbsmError(
      "manifest_mismatch",
      `The signature is for ${statement.plugin}@${statement.version}, the manifest for ${manifest.name}@${manifest.version}`,
    );
  }
  if (statement.treeDigest !== (known?.treeDigest ?? (await treeDigest(files)))) {
    throw new RbsmError("signature_invalid", "The files were changed after they were signed");
  }
  return { statement, manifest };
}

/** Id of the key that the bundle says it was signed with, not verified; null when it is unsigned. */
export function publisherKeyIdOf(files: ReadonlyMap<string, Uint8Array>): string | null {
  const envelope = files.get(PUBLISHER_ENVELOPE);
  return envelope === undefined ? null : parseEnvelope(envelope).signatures[0].keyid;
}

/**
 * The public key that travels in the bundle, checked to be acceptable; undefined when there is none.
 * It proves only that the bundle is consistent in itself. Throws `signature_invalid` or
 * `signature_key_rejected`.
 */
export async function bundledPublisherKey(
  files: ReadonlyMap<string, Uint8Array>,
): Promise<{ keyId: string; publicKey: Uint8Array } | undefined> {
  const entry = files.get(PUBLISHER_KEY);
  if (entry === undefined) return undefined;
  const text = utf8Decode(entry, "signature_invalid");
  if (text.length !== 44 || !text.endsWith("\n")) {
    throw new RbsmError(
      "signature_invalid",
      `${PUBLISHER_KEY} is not one base64url key and a line feed`,
    );
  }
  const publicKey = fromBase64url(text.slice(0, -1));
  assertPublicKey(publicKey);
  return { keyId: await keyId(publicKey), publicKey };
}

/** The archive digest in the publisher statement, not verified; null when there is none to read. */
export function announcedArchiveDigest(files: ReadonlyMap<string, Uint8Array>): string | null {
  const envelope = files.get(PUBLISHER_ENVELOPE);
  if (envelope === undefined) return null;
  const payload = fromBase64(parseEnvelope(envelope).payload);
  return (
    parseStatement(publisherStatementSchema, payload, "signature_invalid").archiveDigest ?? null
  );
}

/** Signs a release statement. The same statement gives the same bytes. */
export function signRelease(statement: ReleaseStatement, key: SigningKey): Promise<Envelope> {
  return signEnvelope(RELEASE_PAYLOAD_TYPE, utf8(JSON.stringify(statement)), key);
}

/** Verifies a release statement for one plugin and version. Throws `trust_release_invalid`. */
export async function openRelease(
  input: Uint8Array | string,
  keys: KeyLookup,
  expected: { readonly plugin: string; readonly version: string },
): Promise<ReleaseStatement> {
  let statement;
  try {
    const payload = await openEnvelope(input, {
      payloadType: RELEASE_PAYLOAD_TYPE,
      publicKey: keys,
    });
    statement = parseStatement(releaseStatementSchema, payload, "trust_release_invalid");
  } catch (cause) {
    throw new RbsmError("trust_release_invalid", undefined, {}, cause);
  }
  if (statement.plugin !== expected.plugin || statement.version !== expected.version) {
    throw new RbsmError(
      "trust_release_invalid",
      `The release statement is for ${statement.plugin}@${statement.version}, not ${expected.plugin}@${expected.version}`,
    );
  }
  return statement;
}

/** Parses the bytes of a statement. Throws `code`. */
export function parseStatement<T extends z.ZodType>(
  schema: T,
  payload: Uint8Array,
  code: ErrorCode,
): z.output<T> {
  const parsed = schema.safeParse(
    parseJson(payload, { maxBytes: TRUST_LIMITS.envelopeBytes, uniqueKeys: true, code }),
  );
  if (parsed.success) return parsed.data;
  throw new RbsmError(
    code,
    `The statement is not one of this kind: ${z.prettifyError(parsed.error)}`,
  );
}
