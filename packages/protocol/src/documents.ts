import { z } from "zod";
import { envelopeSchema } from "./dsse.ts";
import { pluginNameSchema } from "./plugin-name.ts";
import { KEY_NAME } from "./signed-note.ts";
import { sha256Schema, timeSchema, treeDigestSchema, versionSchema } from "./statements.ts";
import { textSchema } from "./text.ts";

/** Raw Ed25519 public key, base64url. */
export const publicKeySchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

const withReason = z.union([z.literal(false), z.object({ reason: z.string() })]);

/** One version in a plugin's document. */
export const documentVersionSchema = z.object({
  version: versionSchema,
  sha256: sha256Schema,
  size: z.int().positive(),
  treeDigest: treeDigestSchema,
  publishedAt: timeSchema,
  status: z.literal("published"),
  yanked: withReason,
  deprecated: withReason,
  permissions: z.array(z.string()),
  network: z.array(z.string()),
  dependencies: z.record(z.string(), z.string()),
  engines: z.object({ "rising-bsm": z.string().optional(), runtime: z.string().optional() }),
  paid: z.boolean(),
  bundle: z.string(),
  /** Place of the release in the log. */
  logIndex: z.int().nonnegative(),
});

/**
 * The static document of one plugin, which a host resolves and installs from without a query. Other
 * members may be added; readers ignore those they do not know.
 */
export const pluginDocumentSchema = z.object({
  type: z.literal("https://rising-bsm.com/plugin/v1"),
  name: pluginNameSchema,
  displayName: textSchema(200),
  publisher: z.object({
    name: z.string(),
    keys: z
      .array(
        z.object({
          keyId: sha256Schema,
          publicKey: publicKeySchema,
          /** Releases from this place in the log on do not count with this key. */
          revokedFrom: z.int().nonnegative().optional(),
        }),
      )
      .max(200),
    /** SHA-256 of the publisher's recovery key, which outranks every other; null when there is none. */
    recovery: sha256Schema.nullable(),
    /** Key statements in the order in which the log has them. */
    statements: z.array(envelopeSchema).max(200),
  }),
  /** Movable tags, such as `latest`, to versions. */
  channels: z.record(z.string(), z.string()),
  versions: z.array(documentVersionSchema),
});

/** The static document of one plugin. */
export type PluginDocument = z.output<typeof pluginDocumentSchema>;

const window = { publicKey: publicKeySchema, from: timeSchema, until: timeSchema.optional() };

const releaseKey = {
  keyId: sha256Schema,
  ...window,
  /** A key that was stolen signs nothing from this place in the log on. */
  untilIndex: z.int().nonnegative().optional(),
};

/** The marketplace's online keys: the TUF target `service-keys.json`. */
export const serviceKeysSchema = z.object({
  release: z.array(z.object(releaseKey)),
  lease: z.array(z.object({ kid: z.string().min(1), ...window })),
  /** A log's origin is also the name of its key; another key is another log. */
  log: z.array(z.object({ origin: z.string().regex(KEY_NAME), ...window })),
});

/** The marketplace's online keys. */
export type ServiceKeys = z.output<typeof serviceKeysSchema>;

/** Path of a plugin's document. */
export function indexPath(name: string): string {
  return `/index/${name}.json`;
}

/** Path of the one document of a plugin that the catalogue lists by its SHA-256; it never changes. */
export function documentPath(name: string, sha256: string): string {
  return `/index/${name}/${sha256}.json`;
}

/** Path of the proof that a version's release is in the log. */
export function proofPath(name: string, version: string): string {
  return `/index/${name}/${version}.tlog-proof`;
}

/** Path of a version's release statement. */
export function releasePath(name: string, version: string): string {
  return `/index/${name}/${version}.release.json`;
}

/** Path of a bundle. */
export function bundlePath(sha256: string): string {
  return `/b/${sha256}.rbsm`;
}
