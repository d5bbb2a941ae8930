import {
  indexPath,
  parseLogEntry,
  pluginDocumentSchema,
  statementDigest,
  utf8,
} from "@rising-bsm/protocol";
import type { LogEntry, PluginDocument } from "@rising-bsm/protocol";
import type { Database } from "../database.ts";
import { writeDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { advance } from "./advance.ts";
import { readTimestampVersion } from "./in-step.ts";
import { loadHeads } from "./queries.ts";
import { readHistory, rootOfHistory, takeEntries } from "./recover-log.ts";
import type { History } from "./recover-log.ts";
import {
  countLostReleases,
  findDocumented,
  forgetQueued,
  loadEntries,
  restoreKey,
  restoreMark,
  restoreOwner,
  restoreRemoval,
  restoreRevocation,
  restoreStatements,
  storeRecoveredHeads,
} from "./recover-queries.ts";
import { recoverAdvisories } from "./recover-advisories.ts";
import { recoverRelease } from "./recover-release.ts";
import type { Lost } from "./recover-release.ts";

/** Each may be a bundle of the greatest size that has to be read. */
const RESTORED_AT_ONCE = 32;

/** Where a recovery stands: it is done in requests of which each can be repeated. */
export interface Step {
  readonly step: "verify" | "restore" | "finish";
  /** Place in the log. */
  readonly from: number;
}

export interface Progress {
  readonly size: number;
  readonly next: Step | null;
  readonly lost: readonly Lost[];
}

/**
 * Brings a database that was set back up to what was published since: first all entries of the log,
 * verified against its signed root, then what they speak of, and the heads last, so that nothing is
 * published in between.
 */
export async function recover(env: Bindings, { step, from }: Step): Promise<Progress> {
  const db = writeDatabase(env);
  const history = await readHistory(env);
  if (step === "verify") return verify(env, db, { history, from });
  if (step === "restore") return restore(env, db, { history, from });
  return finish(env, db, history);
}

interface Part {
  readonly history: History;
  readonly from: number;
}

async function verify(env: Bindings, db: Database, { history, from }: Part): Promise<Progress> {
  const { size } = history;
  const { logSize } = await loadHeads(db);
  // A database that has the bucket's log and more is not behind: its own entries are not shown yet.
  if (logSize >= size) return { size, next: { step: "finish", from: size }, lost: [] };
  const until = await takeEntries(env, db, { from, size });
  if (until < size) return { size, next: { step: "verify", from: until }, lost: [] };
  await rootOfHistory(db, history);
  return { size, next: { step: "restore", from: logSize }, lost: [] };
}

async function restore(env: Bindings, db: Database, { history, from }: Part): Promise<Progress> {
  await rootOfHistory(db, history);
  const { size } = history;
  const until = Math.min(size, from + RESTORED_AT_ONCE);
  const lost: Lost[] = [];
  for (const { place, entry: text } of await loadEntries(db, { from, until })) {
    const one = await restoreEntry(env, db, { entry: parseLogEntry(utf8(text)), text, place });
    if (one !== null) lost.push(one);
  }
  const next = until < size ? ("restore" as const) : ("finish" as const);
  return { size, next: { step: next, from: until }, lost };
}

async function finish(env: Bindings, db: Database, history: History): Promise<Progress> {
  const known = await loadHeads(db);
  const { size } = history;
  const shownVersion = await readTimestampVersion(env.BUNDLES);
  const tufVersion = Math.max(known.tufVersion, shownVersion);
  if (shownVersion > known.tufVersion) await recoverAdvisories(env, db);
  if (known.logSize >= size) {
    const { logSize, logRoot, shownLogSize } = known;
    await storeRecoveredHeads(db, known, { logSize, logRoot, shownLogSize, tufVersion });
  } else {
    const logRoot = await rootOfHistory(db, history);
    if ((await countLostReleases(db, known.logSize)) > 0) {
      console.error({ recovery: "Releases of the log have no row" });
    }
    const shownLogSize = history.checkpoint.size;
    await storeRecoveredHeads(db, known, { logSize: size, logRoot, shownLogSize, tufVersion });
  }
  await advance(env);
  return { size, next: null, lost: [] };
}

interface Placed {
  readonly entry: LogEntry;
  readonly text: string;
  readonly place: number;
}

/** What the entry speaks of; an entry whose effect is there already changes nothing. */
async function restoreEntry(
  env: Bindings,
  db: Database,
  { entry, text, place }: Placed,
): Promise<Lost | null> {
  switch (entry.type) {
    case "release":
      await recoverStatements(env, db, entry.plugin);
      return recoverRelease(env, db, { entry, place });
    case "owner":
      await restoreOwner(db, { entry, text });
      return null;
    case "key-add":
      await restoreKey(db, { entry, text });
      await recoverStatements(env, db, await findDocumented(db, entry.publisher));
      return null;
    case "key-revoke":
      await restoreRevocation(db, { entry, text });
      await recoverStatements(env, db, await findDocumented(db, entry.publisher));
      return null;
    case "yank":
    case "deprecate":
      await restoreMark(db, { entry, text }, await reasonOf(env, entry));
      return null;
    case "remove":
      await restoreRemoval(db, { entry, text });
      return null;
    default:
      // Roots and revocations lie in the bucket with the files of their ceremony.
      await forgetQueued(db, text);
      return null;
  }
}

/** Reasons are not logged; the plugin's document has the one of the newest mark. */
async function reasonOf(
  env: Bindings,
  entry: Extract<LogEntry, { type: "yank" | "deprecate" }>,
): Promise<string> {
  const document = await readDocument(env, entry.plugin);
  const shown = document?.versions.find(({ version }) => version === entry.version);
  const mark = entry.type === "yank" ? shown?.yanked : shown?.deprecated;
  return typeof mark === "object" ? mark.reason : "The reason was lost with the database";
}

/** What publishers said about their keys lies in the documents of their plugins. */
async function recoverStatements(
  env: Bindings,
  db: Database,
  plugin: string | undefined,
): Promise<void> {
  const document = plugin === undefined ? null : await readDocument(env, plugin);
  if (document === null) return;
  const statements = document.publisher.statements.map(async (envelope) => ({
    envelope,
    digest: await statementDigest(envelope),
  }));
  await restoreStatements(db, document.publisher.name, await Promise.all(statements));
}

async function readDocument(env: Bindings, plugin: string): Promise<PluginDocument | null> {
  const object = await env.BUNDLES.get(indexPath(plugin).slice(1));
  return object === null ? null : pluginDocumentSchema.parse(await object.json());
}
