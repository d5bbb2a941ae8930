import { z } from "zod";
import { timeSchema } from "./statements.ts";
import { revocationMatchSchema } from "./trust-documents.ts";

const osvEvent = z.union([
  /** `0` is from the beginning. */
  z.object({ introduced: z.string() }),
  z.object({ fixed: z.string() }),
  z.object({ last_affected: z.string() }),
]);

/** `GET /v1/advisories/{id}.osv.json`: an advisory in the Open Source Vulnerability format. */
export const osvEntrySchema = z.object({
  schema_version: z.literal("1.6.0"),
  id: z.string(),
  published: timeSchema,
  modified: timeSchema,
  withdrawn: timeSchema.optional(),
  summary: z.string(),
  details: z.string(),
  affected: z.array(
    z.object({
      package: z.object({ ecosystem: z.literal("Rising-BSM"), name: z.string() }),
      ranges: z.array(z.object({ type: z.literal("SEMVER"), events: z.array(osvEvent) })),
    }),
  ),
  references: z.array(z.object({ type: z.literal("ADVISORY"), url: z.string() })),
  database_specific: z.object({
    /** What hosts do with an affected release. */
    action: z.enum(["warn", "block-install"]),
    /** What the advisory speaks of, in the words of this marketplace. */
    match: revocationMatchSchema,
    reason: z.object({ en: z.string(), de: z.string() }),
  }),
});

/** An advisory in the Open Source Vulnerability format. */
export type OsvEntry = z.output<typeof osvEntrySchema>;

/** `GET /v1/advisories/osv.json`: those in force. */
export const osvListSchema = z.object({ vulns: z.array(osvEntrySchema) });
