import {
  type Advisories,
  advisoriesSchema,
  CLIENT_LIMITS,
  equalBytes,
  parseJson,
  type Policy,
  policySchema,
  RbsmError,
  type Revocations,
  revocationsSchema,
  type ServiceKeys,
  serviceKeysSchema,
} from "@rising-bsm/protocol";
import { z } from "zod";

/** What the last successful refresh proved. Run-time decisions read only this copy. */
export interface VerifiedTrust {
  readonly serviceKeys: ServiceKeys;
  readonly policy: Policy;
  /** The offline list: it alone can disable. */
  readonly revocations: Revocations;
  /** The online list: it warns and blocks. */
  readonly advisories: Advisories;
  /** ISO time of the last refresh that found nothing expired. */
  readonly refreshedAt: string;
  /** ISO time at which the marketplace signed its timestamp. */
  readonly signedAt: string;
}

const storedSchema = z.object({
  trust: z.object({
    serviceKeys: serviceKeysSchema,
    policy: policySchema,
    revocations: revocationsSchema,
    advisories: advisoriesSchema,
    refreshedAt: z.iso.datetime(),
    signedAt: z.iso.datetime(),
  }),
  /** Text of the heads, so that a lost `tuf` folder forgets no version. */
  heads: z.object({ timestamp: z.string(), snapshot: z.string() }),
  etag: z.string().nullable(),
  /** ISO time at which a newer root was last asked for. */
  rootsAskedAt: z.iso.datetime(),
  /** Versions of the two roles that list files. */
  listed: z.string(),
});

/** The document `trust/verified.json`. */
export type StoredTrust = z.output<typeof storedSchema>;

/** Reads the document; null when there is none, `trust_metadata_invalid` when it is damaged. */
export function parseStoredTrust(bytes: Uint8Array | null): StoredTrust | null {
  if (bytes === null) return null;
  const limits = {
    maxBytes: 4 * CLIENT_LIMITS.targetsBytes,
    code: "trust_metadata_invalid",
  } as const;
  const parsed = storedSchema.safeParse(parseJson(bytes, limits));
  if (parsed.success) return parsed.data;
  throw new RbsmError("trust_metadata_invalid", "The stored trust state is damaged", {
    fix: "Check for updates: a refresh writes trust/verified.json again.",
  });
}

/**
 * `parseStoredTrust` that parses the same bytes once: every release that is checked and every page asks,
 * and lists of thousands of entries hold the event loop for a while.
 */
export function createStoredTrustReader(): typeof parseStoredTrust {
  let last: { readonly bytes: Uint8Array; readonly stored: StoredTrust | null } | null = null;
  return (bytes) => {
    if (bytes === null) return null;
    if (last === null || !equalBytes(last.bytes, bytes))
      last = { bytes, stored: parseStoredTrust(bytes) };
    return last.stored;
  };
}
