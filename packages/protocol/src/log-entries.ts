import { z } from "zod";
import { publicKeySchema } from "./documents.ts";
import { equalBytes, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { pluginNameSchema, publisherNameSchema, scopeSchema } from "./plugin-name.ts";
import { parseStatement, sha256Schema, timeSchema, versionSchema } from "./statements.ts";

const release = { plugin: pluginNameSchema, version: versionSchema };

/** A release was co-signed; `statement` is the SHA-256 of its statement's payload. */
export const releaseEntrySchema = z.strictObject({
  type: z.literal("release"),
  ...release,
  statement: sha256Schema,
});

/**
 * What the log records, one JSON object an entry, members in the order given here and without white
 * space. No personal data, no licenses, no reasons.
 */
export const logEntrySchema = z.discriminatedUnion("type", [
  releaseEntrySchema,
  /** A release was withdrawn from new installations, or offered again. */
  z.strictObject({ type: z.literal("yank"), ...release, yanked: z.boolean(), at: timeSchema }),
  z.strictObject({
    type: z.literal("deprecate"),
    ...release,
    deprecated: z.boolean(),
    at: timeSchema,
  }),
  /** A plugin was removed; its name is never given again. */
  z.strictObject({ type: z.literal("remove"), plugin: pluginNameSchema, at: timeSchema }),
  /** A scope was given to a publisher; `from` is null for a new scope. */
  z.strictObject({
    type: z.literal("owner"),
    scope: scopeSchema,
    from: publisherNameSchema.nullable(),
    to: publisherNameSchema,
    at: timeSchema,
  }),
  /** A key signs for a publisher; `statement` is the SHA-256 of the key statement's payload, if one vouched. */
  z.strictObject({
    type: z.literal("key-add"),
    publisher: publisherNameSchema,
    keyId: sha256Schema,
    publicKey: publicKeySchema,
    /** SHA-256 of the publisher's recovery key as of this entry. */
    recovery: sha256Schema.nullable(),
    statement: sha256Schema.nullable(),
    at: timeSchema,
  }),
  /** A key's signatures on releases from entry `fromIndex` on count no more. */
  z.strictObject({
    type: z.literal("key-revoke"),
    publisher: publisherNameSchema,
    keyId: sha256Schema,
    fromIndex: z.int().nonnegative(),
    statement: sha256Schema.nullable(),
    at: timeSchema,
  }),
  /** Another root of trust came into force. */
  z.strictObject({
    type: z.literal("root"),
    version: z.int().positive(),
    sha256: sha256Schema,
    at: timeSchema,
  }),
  /** Another list of revocations, which alone can disable, came into force. */
  z.strictObject({ type: z.literal("revocations"), sha256: sha256Schema, at: timeSchema }),
]);

/** An entry of the log. */
export type LogEntry = z.output<typeof logEntrySchema>;

/**
 * The bytes of an entry: the same entry gives the same bytes everywhere. Throws `trust_log_invalid` for
 * what is no entry.
 */
export function encodeLogEntry(entry: LogEntry): Uint8Array<ArrayBuffer> {
  const parsed = logEntrySchema.safeParse(entry);
  if (parsed.success) return utf8(JSON.stringify(parsed.data));
  throw new RbsmError("trust_log_invalid", `No log entry: ${z.prettifyError(parsed.error)}`);
}

/** The entry of these bytes, which are the ones that `encodeLogEntry` gives. Throws `trust_log_invalid`. */
export function parseLogEntry(bytes: Uint8Array): LogEntry {
  const entry = parseStatement(logEntrySchema, bytes, "trust_log_invalid");
  if (equalBytes(encodeLogEntry(entry), bytes)) return entry;
  throw new RbsmError("trust_log_invalid", "The log entry is not in its one spelling");
}
