/**
 * What every part of the plugin system agrees on: manifest, bundle, signatures, statements, tokens,
 * documents, errors and limits. It has no clock, randomness, network or storage of its own.
 */
export * from "./account-api.ts";
export * from "./api.ts";
export * from "./beacon-api.ts";
export {
  isSignatureEntry,
  MANIFEST_ENTRY,
  PUBLISHER_ENVELOPE,
  PUBLISHER_KEY,
  SIGNATURE_FOLDER,
} from "./bundle-profile.ts";
export * from "./catalog-api.ts";
export * from "./categories.ts";
export { checkImage, pixelBudget } from "./check-image.ts";
export * from "./check-media.ts";
export { openCheckpoint, openCosignedCheckpoint, signCheckpoint } from "./checkpoint.ts";
export type { Checkpoint, OpenedCheckpoint } from "./checkpoint.ts";
export { isCron } from "./cron.ts";
export * from "./documents.ts";
export * from "./dsse.ts";
export {
  base64,
  base64url,
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  hex,
  parseJson,
  sha256,
  sha256Hex,
  utf8,
  utf8Decode,
} from "./encoding.ts";
export type { Json, JsonLimits } from "./encoding.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./feed-api.ts";
export { keyThumbprint } from "./jws.ts";
export * from "./keys.ts";
export * from "./license-key.ts";
export * from "./limits.ts";
export * from "./log-entries.ts";
export * from "./manifest.ts";
export * from "./merkle.ts";
export { manifestSchema, visibilitySchema } from "./manifest-schema.ts";
export type { Manifest, ManifestPermission, Visibility } from "./manifest-schema.ts";
export { openBundle, openEntries } from "./open-bundle.ts";
export * from "./order-api.ts";
export * from "./osv-api.ts";
export * from "./offline-files.ts";
export * from "./pack-bundle.ts";
export * from "./permissions.ts";
export * from "./plugin-name.ts";
export * from "./publisher-keys.ts";
export * from "./read-bundle.ts";
export * from "./release-candidates.ts";
export * from "./resolve-plugins.ts";
export * from "./review-api.ts";
export * from "./scan-bundle.ts";
export { formatVerifierKey, KEY_NAME, parseVerifierKey } from "./signed-note.ts";
export type { NoteKey, NoteRole, VerifierKey } from "./signed-note.ts";
export * from "./search-api.ts";
export * from "./similar-names.ts";
export * from "./statements.ts";
export { suggest } from "./suggest.ts";
export * from "./tar.ts";
export * from "./text.ts";
export * from "./tlog-proof.ts";
export * from "./tlog-tiles.ts";
export * from "./tokens.ts";
export * from "./tree-digest.ts";
export * from "./trust-api.ts";
export * from "./trust-documents.ts";
export * from "./version.ts";
export * from "./version-intervals.ts";
export * from "./webhook-api.ts";
