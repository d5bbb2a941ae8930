import { env } from "cloudflare:workers";
import {
  catalogShardSchema,
  decodeEntries,
  decodeTile,
  documentPath,
  encodeLogEntry,
  entriesPath,
  equalBytes,
  fromBase64,
  indexPath,
  leafHash,
  openCheckpoint,
  openRelease,
  openTlogProof,
  parseEnvelope,
  parseLogEntry,
  pluginDocumentSchema,
  proofPath,
  releasePath,
  sha256Hex,
  shardTarget,
  subtreeRoot,
  tilePath,
  tileReader,
  tileWidth,
  treeRoot,
} from "@rising-bsm/protocol";
import type { Hash, LogEntry } from "@rising-bsm/protocol";
import { settings, signingKey } from "../env.ts";
import { readTarget } from "../trust/sample-client.ts";

/** What somebody finds who has nothing but the bucket and the log's public key, and does not trust it. */

async function read(path: string, bucket = env.BUNDLES): Promise<Uint8Array<ArrayBuffer>> {
  const object = await bucket.get(path);
  if (object === null) throw new Error(`The bucket lacks ${path}`);
  return new Uint8Array(await object.arrayBuffer());
}

async function logKeys() {
  const { publicKey } = await signingKey(env, "LOG_KEY");
  return [{ name: settings(env).LOG_ORIGIN, publicKey }];
}

/** Every entry, after hashing them all up to the signed root, tile by tile. */
export async function readWholeLog(): Promise<LogEntry[]> {
  const { size, root } = await openCheckpoint(await read("log/checkpoint"), await logKeys());
  const entries: Uint8Array<ArrayBuffer>[] = [];
  while (entries.length < size) {
    const index = entries.length / 256;
    const width = tileWidth(size, { level: 0, index });
    entries.push(...decodeEntries(await read(`log/${entriesPath(index, width)}`), width));
  }
  let level = 0;
  let hashes: readonly Hash[] = await Promise.all(entries.map(leafHash));
  while (hashes.length > 0) hashes = await checkTiles(level++, hashes);
  const computed = await treeRoot(tileReader(size, readTile), size);
  if (!equalBytes(computed, root)) throw new Error("The entries do not lead to the signed root");
  return entries.map(parseLogEntry);
}

async function readTile(tile: Parameters<typeof tilePath>[0]): Promise<Hash[]> {
  return decodeTile(await read(`log/${tilePath(tile)}`), tile.width);
}

/** Compares the tiles of a level with the hashes that belong in them; gives those of the next. */
async function checkTiles(level: number, hashes: readonly Hash[]): Promise<Hash[]> {
  const next: Hash[] = [];
  for (let start = 0; start < hashes.length; start += 256) {
    const expected = hashes.slice(start, start + 256);
    const stored = await readTile({ level, index: start / 256, width: expected.length });
    if (!expected.every((hash, at) => equalBytes(hash, stored[at] ?? new Uint8Array()))) {
      throw new Error(`Tile ${level}/${start / 256} is not of these entries`);
    }
    if (expected.length === 256) next.push(await subtreeRoot(expected));
  }
  return next;
}

interface Row {
  readonly plugin: string;
  readonly version: string;
  readonly sha256: string;
  readonly status: string;
  readonly log_index: number | null;
}

/**
 * Demands that log, database, bucket and catalogue agree on every release, and gives the log's entries.
 * Of what the database has, nothing may wait.
 */
export async function auditMarketplace(): Promise<LogEntry[]> {
  const entries = await readWholeLog();
  await checkDatabase(entries);
  const rows = await select<Row>(
    "SELECT * FROM versions WHERE status NOT IN ('in_review', 'rejected') ORDER BY log_index",
  );
  const released = entries.flatMap((entry, at) =>
    entry.type === "release" ? [`${at} ${entry.plugin}@${entry.version}`] : [],
  );
  const known = rows.map((row) => `${row.log_index} ${row.plugin}@${row.version}`);
  assertSame("releases of log and database", released, known);
  for (const row of rows) await checkRelease(row, entries[row.log_index ?? -1]);
  for (const plugin of new Set(rows.map((row) => row.plugin))) {
    await checkDocument(
      plugin,
      rows.filter((row) => row.plugin === plugin),
    );
  }
  return entries;
}

async function select<T>(sql: string): Promise<T[]> {
  return (await env.DB.prepare(sql).all<T>()).results;
}

function assertSame(what: string, found: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what} differ: ${one} and ${other}`);
}

async function checkDatabase(entries: readonly LogEntry[]): Promise<void> {
  const stored = await select<{ entry: string }>("SELECT entry FROM log_entries ORDER BY place");
  const expected = entries.map((entry) => new TextDecoder().decode(encodeLogEntry(entry)));
  assertSame(
    "entries of bucket and database",
    stored.map(({ entry }) => entry),
    expected,
  );
  const waiting = await select("SELECT * FROM log_queue");
  const [heads] = await select<Record<string, unknown>>("SELECT * FROM heads");
  const { log_size, shown_log_size, tuf_version, shown_tuf_version, holder } = heads ?? {};
  assertSame("what waits and nothing", [waiting, holder], [[], null]);
  assertSame("heads and log", [log_size, shown_log_size], [entries.length, entries.length]);
  assertSame("heads and timestamp", tuf_version, shown_tuf_version);
}

async function checkRelease(row: Row, entry: LogEntry | undefined): Promise<void> {
  const { plugin, version } = row;
  assertSame(`status of ${plugin}@${version}`, row.status, "published");
  const { publicKey } = await signingKey(env, "RELEASE_KEY");
  const envelope = await read(releasePath(plugin, version).slice(1));
  const statement = await openRelease(envelope, () => publicKey, { plugin, version });
  assertSame("statement and row", statement.bundleSha256, row.sha256);
  const digest = await sha256Hex(fromBase64(parseEnvelope(envelope).payload));
  assertSame("entry and statement", entry, { type: "release", plugin, version, statement: digest });
  const proof = new TextDecoder().decode(await read(proofPath(plugin, version).slice(1)));
  const leaf = encodeLogEntry({ type: "release", plugin, version, statement: digest });
  const { index, checkpoint } = await openTlogProof(proof, leaf, await logKeys());
  assertSame("index of the proof", index, row.log_index);
  const { size } = await openCheckpoint(await read("log/checkpoint"), await logKeys());
  const then = await treeRoot(tileReader(size, readTile), checkpoint.size);
  if (!equalBytes(then, checkpoint.root)) throw new Error(`The proof of ${plugin} forks the log`);
}

async function checkDocument(plugin: string, rows: readonly Row[]): Promise<void> {
  const shard = catalogShardSchema.parse(await readTarget(await shardTarget(plugin)));
  const sha256 = shard.plugins[plugin] ?? "";
  const bytes = await read(documentPath(plugin, sha256).slice(1));
  assertSame("document and its name", await sha256Hex(bytes), sha256);
  assertSame(
    "copy of the document",
    await sha256Hex(await read(indexPath(plugin).slice(1))),
    sha256,
  );
  const { versions } = pluginDocumentSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const listed = versions
    .map((one) => ({ version: one.version, sha256: one.sha256, log_index: one.logIndex }))
    .toSorted((a, b) => a.log_index - b.log_index);
  const known = rows.map(({ version, sha256: bundle, log_index }) => ({
    version,
    sha256: bundle,
    log_index,
  }));
  assertSame("document and database", listed, known);
  for (const one of versions) {
    const bundle = await read(one.bundle.slice(1), one.paid ? env.PRIVATE : env.BUNDLES);
    assertSame("bundle", await sha256Hex(bundle), one.sha256);
  }
}
