import { z } from "zod";
import { pluginNameSchema } from "./plugin-name.ts";
import { sha256Schema, timeSchema, versionSchema } from "./statements.ts";
import { textSchema } from "./text.ts";

/** An image of a plugin; its size is in pixels. */
export const shownImageSchema = z.object({ url: z.string(), width: z.int(), height: z.int() });

/** A plugin that needs another one, and which versions of it. */
export const dependentSchema = z.object({ name: pluginNameSchema, range: z.string() });

/** `GET /v1/plugins/@s/n/dependents`: the public plugins that need it, the most popular first. */
export const dependentPageSchema = z.object({
  items: z.array(dependentSchema),
  nextCursor: z.string().nullable(),
});

/** Neighbouring versions, by semver, that ask for the same host versions. */
export const compatibilitySchema = z.object({
  /** Of Rising-BSM; null is any. */
  range: z.string().nullable(),
  from: versionSchema,
  to: versionSchema,
  versions: z.int(),
});

/** Neighbouring versions that ask for the same host versions. */
export type Compatibility = z.output<typeof compatibilitySchema>;

/** Size of a version's bundle in bytes. */
export const versionSizeSchema = z.object({ version: versionSchema, size: z.int() });

/** Size of a version's bundle. */
export type VersionSize = z.output<typeof versionSizeSchema>;

/** Who signed the version that is shown, and where the log has it. */
export const releaseSignatureSchema = z.object({
  /** SHA-256 of the publisher's public key. */
  keyId: sha256Schema,
  /** When the marketplace first knew that key as the publisher's. */
  keyEnrolledAt: timeSchema,
  logIndex: z.int(),
  /** URL paths of the marketplace's statement, and of the proof that it is in the log. */
  statement: z.string(),
  proof: z.string(),
});

/** What a plugin's own page shows beside its card and manifest. Paths are URL paths of the marketplace. */
export const pluginFactsShape = {
  /** Instances that have it now. */
  installs: z.int().optional(),
  /** Reviews that the rating is made of. */
  ratings: z.int().optional(),
  screenshots: z.array(shownImageSchema).optional(),
  /** Path of an HTML fragment; null when the release has none. */
  readme: z.string().nullable().optional(),
  changelog: z.string().nullable().optional(),
  dependents: z.object({ count: z.int(), first: z.array(dependentSchema) }).optional(),
  /** The highest versions first, as in `sizes`. */
  compatibility: z.array(compatibilitySchema).optional(),
  sizes: z.array(versionSizeSchema).optional(),
  signature: releaseSignatureSchema.nullable().optional(),
};

const listChange = z.object({ added: z.array(z.string()), removed: z.array(z.string()) });
const change = z.object({ from: z.string(), to: z.string() });
const recordChange = z.object({
  added: z.record(z.string(), z.string()),
  removed: z.record(z.string(), z.string()),
  changed: z.record(z.string(), change),
});

/** One of two versions that are compared. */
export const comparedVersionSchema = z.object({
  version: versionSchema,
  publishedAt: timeSchema,
  sha256: sha256Schema,
  size: z.int(),
  publisherKeyId: sha256Schema,
  /** Name of the publisher whose key it is. */
  publisher: z.string(),
});

/** What a version says it changed. */
export const changelogSectionSchema = z.object({
  version: versionSchema,
  /** HTML fragment, as `/media/….html` has them. */
  html: z.string(),
});

/** `GET /v1/plugins/@s/n/compare`: what `to` asks for and is, compared with `from`. */
export const versionComparisonSchema = z.object({
  plugin: pluginNameSchema,
  from: comparedVersionSchema,
  to: comparedVersionSchema,
  permissions: z.object({
    added: z.array(
      z.object({
        code: z.string(),
        reason: textSchema(2_000).nullable(),
        optional: z.boolean(),
      }),
    ),
    removed: z.array(z.string()),
    /** Asked for by both: now only if the administrator likes, or now in any case. */
    madeOptional: z.array(z.string()),
    madeRequired: z.array(z.string()),
  }),
  /** Hosts that it may reach. */
  network: listChange,
  /** Addresses that it answers without a signed-in user, as "METHOD /path". */
  publicRoutes: listChange,
  hooks: listChange,
  secrets: listChange,
  /** Cron expressions by name. */
  schedules: recordChange,
  /** Ranges by plugin, and by engine. */
  dependencies: recordChange,
  engines: recordChange,
  /** What it asks for of time, memory and storage, as in its manifest. */
  limits: recordChange,
  /** Bytes that `to` has more. */
  sizeChange: z.int(),
  publisherKeyChanged: z.boolean(),
  /** Sections of the higher version's changelog above the lower version, the highest first. */
  changelog: z.array(changelogSectionSchema),
});

/** What changes between two versions. */
export type VersionComparison = z.output<typeof versionComparisonSchema>;
