import {
  RbsmError,
  catalogShardSchema,
  documentPath,
  encodeLogEntry,
  fromBase64,
  indexPath,
  openTlogProof,
  parseEnvelope,
  proofPath,
  sha256Hex,
  shardTarget,
  targetPath,
  utf8,
  utf8Decode,
} from "@rising-bsm/protocol";
import type { CatalogDifference, NoteKey } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { mediaKeys, storedDetails } from "../media/details.ts";
import { holdsBundle } from "../release/bundle-object.ts";
import { buildDocument } from "../release/plugin-document.ts";
import { loadDocumentFacts } from "../release/queries.ts";
import type { DocumentFacts } from "../release/queries.ts";
import { statementKey } from "../release/release-statement.ts";
import type { Version } from "../schema.ts";
import { storedVisibility } from "../stored-manifest.ts";
import { holdsBytes } from "./holds-bytes.ts";
import { entriesAt, findTarget, searchedAt } from "./queries.ts";
import type { CheckedPlugin } from "./queries.ts";

/** A difference as it was found, before anything was done about it. */
export type Found = Omit<CatalogDifference, "repaired">;

export interface Check {
  readonly env: Bindings;
  readonly db: Database;
  /** There is a catalogue; before the first ceremony there is none. */
  readonly isPublished: boolean;
  /** Every log that hosts know: proofs of an earlier one stay good. */
  readonly logs: readonly NoteKey[];
  /** Contents of the shards that this part has read: plugin → SHA-256 of its document. */
  readonly shards: Map<string, Promise<Readonly<Record<string, string>>>>;
}

/** Everything that is served of the plugin, against its rows. */
export async function checkPlugin(check: Check, plugin: CheckedPlugin): Promise<Found[]> {
  const { env, db } = check;
  const { name } = plugin;
  if (plugin.isBehind === 1) {
    return [{ kind: "unfinished", subject: name, message: "A change is not shown yet" }];
  }
  const facts = await loadDocumentFacts(db, name);
  if (facts.owner === undefined) return [];
  const places = facts.versions.flatMap(({ logIndex }) => (logIndex === null ? [] : [logIndex]));
  const logged = await entriesAt(db, places);
  const versions = await Promise.all(facts.versions.map((row) => checkVersion(check, row, logged)));
  const isListed = plugin.removedAt === null && facts.versions.length > 0;
  const expected = isListed
    ? utf8(JSON.stringify(buildDocument(name, facts.owner, facts).document))
    : null;
  return [
    ...versions.flat(),
    ...(await checkDocument(env, plugin, expected)),
    ...(await checkShard(check, plugin)),
    ...(await checkSearch(env, plugin, isListed && isPublic(facts))),
  ];
}

/** Search finds a plugin whose newest release is for everybody. */
function isPublic({ owner, versions }: DocumentFacts): boolean {
  const shown = versions.find(({ version }) => version === owner?.latest);
  return shown !== undefined && storedVisibility(shown) === "public";
}

async function checkVersion(
  check: Check,
  row: Version,
  logged: ReadonlyMap<number, string>,
): Promise<Found[]> {
  const { env } = check;
  const subject = `${row.plugin}@${row.version}`;
  const bucket = row.paid ? env.PRIVATE : env.BUNDLES;
  const entry = encodeLogEntry({
    type: "release",
    plugin: row.plugin,
    version: row.version,
    statement: await sha256Hex(utf8(row.statement ?? "")),
  });
  const isLogged = logged.get(row.logIndex ?? -1) === new TextDecoder().decode(entry);
  const findings: [Found["kind"], boolean, string][] = [
    ["bundle", await holdsBundle(bucket, row.sha256), "The bundle is not stored with these bytes"],
    ["release", await holdsStatement(env, row), "The release statement is missing or another one"],
    ["proof", await holdsProof(check, row, entry), "The log proof is missing or does not verify"],
    ["log", isLogged, "The log has another entry at its place"],
    ["media", await holdsMedia(env, row), "Its images or texts are missing or others"],
  ];
  return findings.flatMap(([kind, isRight, message]) =>
    isRight ? [] : [{ kind, subject, message }],
  );
}

/** Whether every image and text that its page shows is there, and it is known which these are. */
async function holdsMedia({ BUNDLES }: Bindings, row: Version): Promise<boolean> {
  if (row.details === null) return false;
  const held = await Promise.all(
    mediaKeys(storedDetails(row)).map(([key, sha256]) => holdsBytes(BUNDLES, key, sha256)),
  );
  return held.every(Boolean);
}

async function holdsStatement({ BUNDLES }: Bindings, row: Version): Promise<boolean> {
  const object = await BUNDLES.get(statementKey(row));
  if (object === null || object.customMetadata?.["bundle"] !== row.sha256) return false;
  return isRight(async () => {
    const { payload } = parseEnvelope(await object.text());
    return utf8Decode(fromBase64(payload), "internal") === row.statement;
  });
}

async function holdsProof({ env, logs }: Check, row: Version, entry: Uint8Array): Promise<boolean> {
  const object = await env.BUNDLES.get(proofPath(row.plugin, row.version).slice(1));
  if (object === null) return false;
  return isRight(async () => {
    const { index } = await openTlogProof(await object.text(), entry, logs);
    return index === row.logIndex;
  });
}

/** What cannot be read is not right. */
async function isRight(check: () => Promise<boolean>): Promise<boolean> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof RbsmError) return false;
    throw error;
  }
}

async function checkDocument(
  { BUNDLES }: Bindings,
  { name, documentSha256 }: CheckedPlugin,
  expected: Uint8Array<ArrayBuffer> | null,
): Promise<Found[]> {
  const sha256 = expected === null ? null : await sha256Hex(expected);
  const found: Found[] = [];
  if (sha256 !== documentSha256) {
    const message = "The document that the database names is not the one of its rows";
    found.push({ kind: "document", subject: name, message });
  }
  if (sha256 === null) return found;
  if (!(await holdsBytes(BUNDLES, documentPath(name, sha256).slice(1), sha256))) {
    found.push({ kind: "document", subject: name, message: "The document is missing or another" });
  }
  if (!(await holdsBytes(BUNDLES, indexPath(name).slice(1), sha256))) {
    found.push({ kind: "document-copy", subject: name, message: "The copy is missing or old" });
  }
  return found;
}

async function checkShard(check: Check, plugin: CheckedPlugin): Promise<Found[]> {
  if (!check.isPublished) return [];
  const target = await shardTarget(plugin.name);
  const known = check.shards.get(target) ?? readShard(check, target);
  check.shards.set(target, known);
  const listed = (await known)[plugin.name] ?? null;
  if (listed === plugin.documentSha256) return [];
  const message = `${target} lists ${listed ?? "nothing"} for it`;
  return [{ kind: "shard", subject: plugin.name, message }];
}

async function readShard(
  { env, db }: Check,
  target: string,
): Promise<Readonly<Record<string, string>>> {
  const row = await findTarget(db, target);
  if (row === undefined) return {};
  const object = await env.BUNDLES.get(targetPath(target, row.sha256).slice(1));
  const parsed = catalogShardSchema.safeParse(await object?.json().catch(() => null));
  return parsed.success ? parsed.data.plugins : {};
}

async function checkSearch(
  { SEARCH }: Bindings,
  { name, updatedAt }: CheckedPlugin,
  isListed: boolean,
): Promise<Found[]> {
  const at = await searchedAt(SEARCH, name);
  if (at === (isListed ? updatedAt : null)) return [];
  const message = isListed ? "The search row is missing or old" : "Search still finds it";
  return [{ kind: "search", subject: name, message }];
}
