import { z } from "zod";
import { sha256Schema, timeSchema } from "./statements.ts";
import { advisoriesSchema } from "./trust-documents.ts";

const bytes = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/);

/** `PUT /v1/trust`: what a ceremony made, base64 each. */
export const trustRequestSchema = z.strictObject({
  /** Roots between the one in force and `root`, oldest first, for a marketplace that missed some. */
  roots: z.array(bytes).max(32).optional(),
  root: bytes,
  targets: bytes,
  serviceKeys: bytes,
  policy: bytes,
  revocations: bytes,
});

/** What a ceremony made, base64 each. */
export type TrustRequest = z.output<typeof trustRequestSchema>;

const roleSchema = z.object({ version: z.int(), sha256: sha256Schema, expiresAt: timeSchema });

/** `GET /v1/trust`: the metadata in force; a role that nothing was published of is absent. */
export const trustStateSchema = z.object({
  roles: z.object({
    root: roleSchema.optional(),
    targets: roleSchema.optional(),
    catalog: roleSchema.optional(),
    timestamp: roleSchema.optional(),
  }),
  /** Entries in the log. */
  logSize: z.int().nonnegative(),
});

/** The metadata in force. */
export type TrustState = z.output<typeof trustStateSchema>;

const advisorySchema = advisoriesSchema.shape.entries.element;

/** `PUT /v1/advisories/{id}`: an entry without its id. `issuedAt` is now when absent, and stays. */
export const advisoryRequestSchema = advisorySchema.omit({ id: true }).extend({
  issuedAt: timeSchema.optional(),
  /** `disable` is refused with the way that there is: only the offline list can. */
  action: z.enum(["warn", "block-install", "disable"]),
});

/** `GET /v1/advisories`: the entries in force. */
export const advisoryListSchema = z.object({ items: z.array(advisorySchema) });

/** An entry of the online list. */
export type Advisory = z.output<typeof advisorySchema>;

/** `POST /v1/catalog/check`: one part of the catalogue at a time. */
export const catalogCheckRequestSchema = z.strictObject({
  /** `nextCursor` of the part before; the first part when absent. */
  cursor: z.string().max(300).optional(),
  /** Plugins, or targets, of one part. */
  limit: z.int().min(1).max(100).default(20),
  /** Make again from the database what differs. */
  repair: z.boolean().default(false),
});

/** What is served otherwise than the database says. */
export const catalogDifferenceSchema = z.object({
  kind: z.enum([
    "bundle",
    "release",
    "proof",
    "log",
    "media",
    "document",
    "document-copy",
    "shard",
    "search",
    "unfinished",
    "target",
    "metadata",
  ]),
  /** Plugin, plugin@version, target, or key in the bucket. */
  subject: z.string(),
  message: z.string(),
  repaired: z.boolean(),
});

/** What one part of the check found. */
export const catalogCheckResultSchema = z.object({
  /** Plugins, targets and files that were looked at. */
  checked: z.int().nonnegative(),
  differences: z.array(catalogDifferenceSchema),
  nextCursor: z.string().nullable(),
});

/** What is served otherwise than the database says. */
export type CatalogDifference = z.output<typeof catalogDifferenceSchema>;

/** What one part of the check found. */
export type CatalogCheckResult = z.output<typeof catalogCheckResultSchema>;
