import {
  advisoriesSchema,
  ADVISORIES_TARGET,
  CATALOG_ROLE,
  type CatalogShard,
  catalogShardSchema,
  CLIENT_LIMITS,
  documentPath,
  parseJson,
  type PluginDocument,
  pluginDocumentSchema,
  policySchema,
  POLICY_TARGET,
  RbsmError,
  revocationsSchema,
  REVOCATIONS_TARGET,
  serviceKeysSchema,
  SERVICE_KEYS_TARGET,
  shardTarget,
  targetPath,
  TRUST_LIMITS,
} from "@rising-bsm/protocol";
import type { TargetFile } from "tuf-js";
import type { TrustedMetadataStore } from "tuf-js/dist/store.js";
import type { z } from "zod";
import type { TargetFolder } from "./target-folder.ts";
import type { VerifiedTrust } from "./verified.ts";

/** The marketplace at one moment: everything read from one catalogue is of one snapshot. */
export interface Catalogue extends VerifiedTrust {
  /** A plugin's document, verified against its shard; `plugin_not_found`. */
  document(name: string): Promise<PluginDocument>;
}

/** The lists of a snapshot, and its documents. */
export type Listing = Omit<Catalogue, "refreshedAt" | "signedAt">;

/** Reads the lists that verified metadata names. Throws `trust_metadata_invalid`, `network_*`. */
export async function readListing(
  metadata: TrustedMetadataStore,
  folder: TargetFolder,
): Promise<Listing> {
  const readList = async <T>(target: string, schema: z.ZodType<T>): Promise<T> => {
    const list = await readTarget({ metadata, folder }, target, schema);
    if (list !== null) return list;
    throw invalid(`The trust metadata does not list ${target}`);
  };
  const shards = new Map<string, Promise<CatalogShard | null>>();
  const shardOf = async (name: string) => {
    const target = await shardTarget(name);
    const shard =
      shards.get(target) ?? readTarget({ metadata, folder }, target, catalogShardSchema);
    shards.set(target, shard);
    // One that failed is asked for again the next time.
    return shard.catch((error: unknown) => {
      shards.delete(target);
      throw error;
    });
  };
  return {
    serviceKeys: await readList(SERVICE_KEYS_TARGET, serviceKeysSchema),
    policy: await readList(POLICY_TARGET, policySchema),
    revocations: await readList(REVOCATIONS_TARGET, revocationsSchema),
    advisories: await readList(ADVISORIES_TARGET, advisoriesSchema),
    document: async (name) => readDocument(folder, await shardOf(name), name),
  };
}

interface Snapshot {
  readonly metadata: TrustedMetadataStore;
  readonly folder: TargetFolder;
}

/** Null: no role that may list the target does. */
async function readTarget<T>(
  { metadata, folder }: Snapshot,
  target: string,
  schema: z.ZodType<T>,
): Promise<T | null> {
  const entry = entryOf(metadata, target);
  if (entry === undefined) return null;
  const { sha256 } = entry.hashes;
  if (sha256 === undefined) throw invalid(`${target} is listed without its SHA-256`);
  const maxBytes = Math.min(entry.length, CLIENT_LIMITS.targetsBytes);
  const path = targetPath(target, sha256);
  const bytes = await folder.read({ what: target, path, sha256, maxBytes });
  return parse(bytes, { what: target, schema });
}

/** What is delegated is listed by the delegated role alone, and it lists nothing else. */
function entryOf(metadata: TrustedMetadataStore, target: string) {
  const offline = metadata.targets?.signed;
  const roles = [...(offline?.delegations?.rolesForTarget(target) ?? [])];
  const isDelegated = roles.some(({ role }) => role === CATALOG_ROLE);
  return listedBy(isDelegated ? metadata.getRole(CATALOG_ROLE)?.signed : offline, target);
}

type TargetsRole = NonNullable<TrustedMetadataStore["targets"]>["signed"];

function listedBy(role: TargetsRole | undefined, target: string): TargetFile | undefined {
  return role !== undefined && Object.hasOwn(role.targets, target)
    ? role.targets[target]
    : undefined;
}

async function readDocument(
  folder: TargetFolder,
  shard: CatalogShard | null,
  name: string,
): Promise<PluginDocument> {
  const sha256 =
    shard !== null && Object.hasOwn(shard.plugins, name) ? shard.plugins[name] : undefined;
  if (sha256 === undefined) {
    throw new RbsmError("plugin_not_found", `The marketplace has no plugin ${name}`, {
      plugin: name,
    });
  }
  const what = `the document of ${name}`;
  const path = documentPath(name, sha256);
  const maxBytes = TRUST_LIMITS.pluginDocumentBytes;
  const bytes = await folder.read({ what, path, sha256, maxBytes });
  const document = parse(bytes, { what, schema: pluginDocumentSchema });
  if (document.name === name) return document;
  throw invalid(`The catalogue lists the document of ${document.name} as that of ${name}`);
}

function parse<T>(
  bytes: Uint8Array,
  { what, schema }: { readonly what: string; readonly schema: z.ZodType<T> },
): T {
  const limits = { maxBytes: CLIENT_LIMITS.targetsBytes, code: "trust_metadata_invalid" } as const;
  const parsed = schema.safeParse(parseJson(bytes, limits));
  if (parsed.success) return parsed.data;
  throw invalid(`${what} has not the shape this host knows`);
}

/** Digests of everything that the metadata and the shards on disk list. */
export async function listedDigests(
  metadata: TrustedMetadataStore,
  folder: TargetFolder,
): Promise<Set<string>> {
  const digests = new Set<string>();
  for (const role of ["targets", CATALOG_ROLE]) {
    for (const entry of Object.values(metadata.getRole(role)?.signed.targets ?? {})) {
      const { sha256 } = entry.hashes;
      if (sha256 === undefined) continue;
      digests.add(sha256);
      const shard = catalogShardSchema.safeParse(await parsedIfStored(folder, sha256));
      for (const document of Object.values(shard.data?.plugins ?? {})) digests.add(document);
    }
  }
  return digests;
}

async function parsedIfStored(folder: TargetFolder, sha256: string): Promise<unknown> {
  const bytes = await folder.stored(sha256);
  try {
    return bytes === null ? null : JSON.parse(Buffer.from(bytes).toString());
  } catch {
    // A stolen key can list what is no JSON; it is no shard then.
    return null;
  }
}

function invalid(message: string): RbsmError {
  return new RbsmError("trust_metadata_invalid", message);
}
