import { z } from "zod";
import { publicKeySchema } from "./documents.ts";
import { sha256Hex, utf8 } from "./encoding.ts";
import { pluginNameSchema, publisherNameSchema } from "./plugin-name.ts";
import { sha256Schema, timeSchema } from "./statements.ts";
import { isInRange, isVersionRange } from "./version.ts";

/** TUF target of the offline role: the marketplace's online keys. */
export const SERVICE_KEYS_TARGET = "service-keys.json";
/** TUF target of the offline role: publishers' keys that it vouches for. */
export const POLICY_TARGET = "policy.json";
/** TUF target of the offline role: what is revoked, up to `disable`. */
export const REVOCATIONS_TARGET = "revocations.json";

/** Name of the delegated online TUF role. */
export const CATALOG_ROLE = "catalog";
/** What the online role may list. */
export const CATALOG_PATHS = ["catalog/*"] as const;
/** The online list of advisories, which can warn and block installations. */
export const ADVISORIES_TARGET = "catalog/advisories.json";

/** Target of the shard that lists the plugin: the first byte of the name's SHA-256, in hexadecimal. */
export async function shardTarget(plugin: string): Promise<string> {
  return `catalog/${(await sha256Hex(utf8(plugin))).slice(0, 2)}.json`;
}

/** URL path of a target under consistent snapshots (TUF specification §6.2). */
export function targetPath(target: string, sha256: string): string {
  const at = target.lastIndexOf("/") + 1;
  return `/tuf/targets/${target.slice(0, at)}${sha256}.${target.slice(at)}`;
}

/** A part of the catalogue: SHA-256 of the document of each plugin. */
export const catalogShardSchema = z.strictObject({
  type: z.literal("https://rising-bsm.com/catalog-shard/v1"),
  plugins: z.record(pluginNameSchema, sha256Schema),
});

/** A range that is not valid would revoke nothing, an empty one everything. */
const rangeSchema = z
  .string()
  .min(1)
  .refine(isVersionRange, { error: "must be a range of versions such as <1.2.3" });

/** What an entry of a revocation list speaks of. */
export const revocationMatchSchema = z.union([
  z.strictObject({ sha256: sha256Schema }),
  z.strictObject({ plugin: pluginNameSchema, versions: rangeSchema }),
  /** Releases that the key signed from this place in the log on. */
  z.strictObject({ publisherKeyId: sha256Schema, fromIndex: z.int().nonnegative() }),
]);

const localized = z.union([
  z.string().min(1).max(2_000),
  z.strictObject({ en: z.string().min(1).max(2_000), de: z.string().min(1).max(2_000) }),
]);

const entry = {
  /** Stable name of the entry, e.g. `RBSA-2026-0001`. */
  id: z.string().regex(/^[A-Za-z0-9-]{1,64}$/),
  match: revocationMatchSchema,
  reason: localized,
  /** Address of the advisory. */
  advisory: z.url({ protocol: /^https?$/ }).optional(),
  issuedAt: timeSchema,
};

/** The offline list: the only one that can disable what is installed. */
export const revocationsSchema = z.strictObject({
  type: z.literal("https://rising-bsm.com/revocations/v1"),
  entries: z
    .array(z.strictObject({ ...entry, action: z.enum(["warn", "block-install", "disable"]) }))
    .max(10_000),
});

/** The online list: it warns and blocks installations, never more. */
export const advisoriesSchema = z.strictObject({
  type: z.literal("https://rising-bsm.com/advisories/v1"),
  entries: z
    .array(z.strictObject({ ...entry, action: z.enum(["warn", "block-install"]) }))
    .max(10_000),
});

/** Keys that the offline role vouches for when a publisher has lost all of theirs. */
export const policySchema = z.strictObject({
  type: z.literal("https://rising-bsm.com/policy/v1"),
  publisherKeys: z
    .array(
      z.strictObject({
        publisher: publisherNameSchema,
        keyId: sha256Schema,
        publicKey: publicKeySchema,
        reason: z.string().max(2_000),
      }),
    )
    .max(1_000),
});

/** A part of the catalogue. */
export type CatalogShard = z.output<typeof catalogShardSchema>;
/** The offline list of revocations. */
export type Revocations = z.output<typeof revocationsSchema>;
/** The online list of advisories. */
export type Advisories = z.output<typeof advisoriesSchema>;
/** Keys that the offline role vouches for. */
export type Policy = z.output<typeof policySchema>;

/** An entry of either list. */
export type Revocation = Revocations["entries"][number];

/** A release as revocations see it; `logIndex` is null where it is not known. */
export interface RevocableRelease {
  readonly plugin: string;
  readonly version: string;
  readonly sha256: string;
  readonly publisherKeyId: string;
  readonly logIndex: number | null;
}

/** The entries that speak of the release, the strictest first. */
export function revocationsOf(
  release: RevocableRelease,
  entries: readonly Revocation[],
): Revocation[] {
  const strictness = { disable: 0, "block-install": 1, warn: 2 };
  return entries
    .filter(({ match }) => matches(match, release))
    .sort((a, b) => strictness[a.action] - strictness[b.action]);
}

function matches(match: Revocation["match"], release: RevocableRelease): boolean {
  if ("sha256" in match) return match.sha256 === release.sha256;
  if ("plugin" in match) {
    return match.plugin === release.plugin && isInRange(release.version, match.versions);
  }
  // A release whose place is not known is taken for a new one.
  const index = release.logIndex ?? Infinity;
  return match.publisherKeyId === release.publisherKeyId && index >= match.fromIndex;
}
