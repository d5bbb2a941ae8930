import {
  documentPath,
  fromBase64,
  hex,
  indexPath,
  proofPath,
  sha256Hex,
  shardTarget,
  utf8,
} from "@rising-bsm/protocol";
import type { Bindings } from "../env.ts";
import { createTree, rootAt } from "../log/log-tree.ts";
import { loadHeads, loadTile } from "../log/queries.ts";
import { signLog } from "../log/show-log.ts";
import { mediaKeys, storedDetails } from "../media/details.ts";
import { dropDetails } from "../media/queries.ts";
import { jsonObject, putOnce, textObject } from "../objects.ts";
import { exposeBundle, holdsBundle, bundleKey } from "../release/bundle-object.ts";
import { buildDocument } from "../release/plugin-document.ts";
import { loadDocumentFacts } from "../release/queries.ts";
import { signStatement, statementKey } from "../release/release-statement.ts";
import type { AuditEntry, Version } from "../schema.ts";
import { buildTargets } from "../trust/catalog-targets.ts";
import type { Check, Found } from "./check-plugin.ts";
import { holdsBytes } from "./holds-bytes.ts";
import { dropSearchRow, loadTrustFiles, markForRepair } from "./queries.ts";

/**
 * Makes again from the database what differs. Objects that never change are written here, over nothing:
 * wrong ones are deleted first. Documents, search rows, targets and heads are left to the next advance.
 * What only the bucket had, such as a bundle, stays missing.
 */
export async function repair(
  check: Check,
  found: readonly Found[],
  audit: AuditEntry,
): Promise<void> {
  const subjects = (...kinds: Found["kind"][]) => [
    ...new Set(found.flatMap(({ kind, subject }) => (kinds.includes(kind) ? [subject] : []))),
  ];
  await repairVersions(check, found);
  for (const plugin of subjects("document", "document-copy")) await dropDocument(check, plugin);
  for (const plugin of subjects("search")) await dropSearchRow(check.env.SEARCH, plugin);
  const shards = await Promise.all(subjects("shard").map((plugin) => shardTarget(plugin)));
  const targets = [...new Set([...shards, ...subjects("target")])];
  await storeTargets(check, targets);
  const files = subjects("metadata");
  await storeFiles(check, files);
  const plugins = subjects("document", "document-copy", "search", "unfinished");
  await markForRepair(check.db, { plugins, targets, metadata: files.length > 0 }, audit);
}

async function repairVersions(check: Check, found: readonly Found[]): Promise<void> {
  for (const { kind, subject } of found) {
    if (!isOfVersion(kind)) continue;
    const at = subject.lastIndexOf("@");
    const { versions } = await loadDocumentFacts(check.db, subject.slice(0, at));
    const row = versions.find(({ version }) => version === subject.slice(at + 1));
    if (row !== undefined) await VERSION_REPAIRS[kind](check, row);
  }
}

const VERSION_REPAIRS = {
  bundle: restoreBundle,
  release: storeStatement,
  proof: storeProof,
  media: dropMedia,
} as const;

function isOfVersion(kind: Found["kind"]): kind is keyof typeof VERSION_REPAIRS {
  return Object.hasOwn(VERSION_REPAIRS, kind);
}

/** The next pass makes them again from the bundle. */
async function dropMedia({ env, db }: Check, row: Version): Promise<void> {
  for (const [key, sha256] of mediaKeys(storedDetails(row))) await dropWrong(env, key, sha256);
  await dropDetails(db, row);
}

/** Only where the staged copy is still there. */
async function restoreBundle({ env, db }: Check, row: Version): Promise<void> {
  const { sha256, paid } = row;
  if (paid || !(await holdsBundle(env.PRIVATE, sha256))) return;
  await env.BUNDLES.delete(bundleKey(sha256));
  await exposeBundle({ from: env.PRIVATE, to: env.BUNDLES }, sha256);
  // What it shows was perhaps looked for while it was gone.
  await dropDetails(db, row);
}

async function storeStatement({ env }: Check, row: Version): Promise<void> {
  if (row.statement === null) return;
  const key = statementKey(row);
  const bytes = utf8(JSON.stringify(await signStatement(env, row.statement)));
  const object = jsonObject(key, bytes, "immutable");
  await env.BUNDLES.delete(key);
  await putOnce(env.BUNDLES, { ...object, customMetadata: { bundle: row.sha256 } });
}

async function storeProof({ env, db }: Check, row: Version): Promise<void> {
  const { shownLogSize: size } = await loadHeads(db);
  if (row.logIndex === null || row.logIndex >= size) return;
  const tree = createTree([], (tile) => loadTile(db, tile));
  const root = hex(await rootAt(tree, size));
  const log = { size, root, shownSize: size, tree, entries: new Map(), isCut: false };
  const proof = await (await signLog(env, log)).proofOf(row.logIndex);
  const key = proofPath(row.plugin, row.version).slice(1);
  await env.BUNDLES.delete(key);
  await putOnce(env.BUNDLES, textObject(key, proof, "immutable"));
}

/** Takes wrong bytes out of the way of the right ones, and the copy of a plugin that has none. */
async function dropDocument({ env, db }: Check, plugin: string): Promise<void> {
  const facts = await loadDocumentFacts(db, plugin);
  if (facts.owner === undefined) return;
  const { document } = buildDocument(plugin, facts.owner, facts);
  const sha256 = await sha256Hex(utf8(JSON.stringify(document)));
  await dropWrong(env, documentPath(plugin, sha256).slice(1), sha256);
  await dropWrong(env, indexPath(plugin).slice(1), sha256);
}

async function storeTargets({ env, db }: Check, targets: readonly string[]): Promise<void> {
  for (const { content } of await buildTargets(db, targets)) {
    if (content === null) continue;
    await dropWrong(env, content.key, content.sha256);
    await putOnce(env.BUNDLES, jsonObject(content.key, content.bytes, "immutable"));
  }
}

async function storeFiles({ env, db }: Check, keys: readonly string[]): Promise<void> {
  for (const { key, content } of await loadTrustFiles(db)) {
    if (!keys.includes(key)) continue;
    const bytes = fromBase64(content);
    await dropWrong(env, key, await sha256Hex(bytes));
    await putOnce(env.BUNDLES, jsonObject(key, bytes, "immutable"));
  }
  // Nobody can read on from a timestamp that is none.
  if (keys.includes("tuf/timestamp.json")) await env.BUNDLES.delete("tuf/timestamp.json");
}

async function dropWrong({ BUNDLES }: Bindings, key: string, sha256: string): Promise<void> {
  if (!(await holdsBytes(BUNDLES, key, sha256))) await BUNDLES.delete(key);
}
