import { z } from "zod";
import { logEntrySchema } from "./log-entries.ts";
import { sha256Schema, timeSchema } from "./statements.ts";
import { advisoryListSchema } from "./trust-api.ts";

/** What can have changed: an entry of the log, or the administrator's advisories, which are not logged. */
const changeEventSchema = z.discriminatedUnion("type", [
  ...logEntrySchema.options,
  z.object({
    type: z.literal("advisory"),
    id: z.string(),
    /** Null: it was withdrawn. */
    entry: advisoryListSchema.shape.items.element.nullable(),
  }),
]);

/** One thing that the public was told. */
export const changeSchema = z.object({
  /** What comes after this one: `after` of a request. */
  cursor: z.string(),
  /** When it was stored. */
  at: timeSchema,
  /** Place in the log; null for an advisory. */
  logIndex: z.int().nullable(),
  /** Of a release: the digest of its bundle. */
  sha256: sha256Schema.optional(),
  change: changeEventSchema,
});

/** One thing that the public was told. */
export type Change = z.output<typeof changeSchema>;

/** `GET /v1/changes`, the oldest first. */
export const changePageSchema = z.object({
  items: z.array(changeSchema),
  /** `after` or `cursor` of the next request; also after the newest change, so that a caller can go on later. */
  nextCursor: z.string(),
  /** Whether there is more now. */
  more: z.boolean(),
});

/** `GET /v1/changes`, the oldest first. */
export type ChangePage = z.output<typeof changePageSchema>;
