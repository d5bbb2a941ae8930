import { RbsmError, hex, logEntrySchema, sha256Hex, utf8 } from "@rising-bsm/protocol";
import type { LogEntry } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import { statementOf } from "../release/release-statement.ts";
import type { Heads } from "../schema.ts";
import { assertInStep } from "./in-step.ts";
import { appendEntries, createTree, rootAt } from "./log-tree.ts";
import type { LogTree } from "./log-tree.ts";
import { ENTRIES_AT_ONCE, loadLog, loadTile, storeIntegration } from "./queries.ts";
import type { Integration, LoadedLog, Queued } from "./queries.ts";

const ATTEMPTS = 5;
/** Each costs several writes to the bucket in the same pass; other entries cost none of their own. */
const RELEASES_AT_ONCE = 24;

/** The log as the database has it now, and what of it the bucket may not have. */
export interface IntegratedLog {
  readonly size: number;
  /** Hexadecimal. */
  readonly root: string;
  readonly shownSize: number;
  readonly tree: LogTree;
  /** Texts by place, from the last bundle that the bucket has on. */
  readonly entries: ReadonlyMap<number, string>;
  /** More waited than could be taken at once. */
  readonly isCut: boolean;
}

/** Gives what waits its place in the log, in one compare-and-swap of the heads. */
export async function integrate(env: Bindings, db: Database): Promise<IntegratedLog> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const loaded = await loadLog(db);
    await assertInStep(db, env.BUNDLES, loaded.heads);
    const tree = createTree(loaded.edge, (tile) => loadTile(db, tile));
    await assertRoot(tree, loaded.heads);
    const { next, isCut } = await planIntegration(env, tree, loaded);
    if (next.queueIds.length > 0 && !(await storeIntegration(db, next))) continue;
    const entries = new Map(
      [...loaded.entries, ...next.entries].map((row) => [row.place, row.entry]),
    );
    const { shownLogSize: shownSize } = loaded.heads;
    return { size: next.size, root: next.root, shownSize, tree, entries, isCut };
  }
  throw new RbsmError("unavailable", "The log is being written by others");
}

async function assertRoot(tree: LogTree, { logSize, logRoot }: Heads): Promise<void> {
  if (hex(await rootAt(tree, logSize)) === logRoot) return;
  throw new RbsmError("internal", "The log's hashes in the database do not lead to its root");
}

async function planIntegration(
  env: Bindings,
  tree: LogTree,
  { heads, queue }: LoadedLog,
): Promise<{ next: Integration; isCut: boolean }> {
  const taken = upToReleases(queue, RELEASES_AT_ONCE);
  const entries: Integration["entries"][number][] = [];
  const releases: Integration["releases"][number][] = [];
  for (const queued of taken) {
    const place = heads.logSize + entries.length;
    if (queued.entry !== null) entries.push({ place, entry: queued.entry });
    else {
      const release = await placeRelease(env, queued, place);
      if (release === null) continue;
      releases.push(release);
      entries.push({ place, entry: await releaseEntry(release) });
    }
  }
  const bytes = entries.map(({ entry }) => utf8(entry));
  const hashes = await appendEntries(tree, heads.logSize, bytes);
  const size = heads.logSize + entries.length;
  const root = hex(await rootAt(tree, size));
  const queueIds = taken.map(({ queueId }) => queueId);
  const isCut = taken.length < queue.length || queue.length === ENTRIES_AT_ONCE;
  return { next: { heads, size, root, entries, hashes, releases, queueIds }, isCut };
}

function upToReleases(queue: readonly Queued[], limit: number): readonly Queued[] {
  const releases = queue.flatMap(({ entry }, at) => (entry === null ? [at] : []));
  return queue.slice(0, releases[limit] ?? queue.length);
}

/** The release's statement, fixed with its place; null for one that is gone or has its place already. */
async function placeRelease(
  env: Bindings,
  { release: row }: Queued,
  logIndex: number,
): Promise<Integration["releases"][number] | null> {
  if (row === null || row.seq === null || row.logIndex !== null) return null;
  const statement = await statementOf(env, row);
  return { plugin: row.plugin, version: row.version, statement, logIndex };
}

async function releaseEntry({
  plugin,
  version,
  statement,
}: Integration["releases"][number]): Promise<string> {
  const digest = await sha256Hex(utf8(statement));
  const entry: LogEntry = { type: "release", plugin, version, statement: digest };
  return JSON.stringify(logEntrySchema.parse(entry));
}
