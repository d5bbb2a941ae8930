import { AUDIT_LIMITS, isErrorCode } from "@rising-bsm/protocol";
import { z } from "zod";
import { nextTurn } from "../runtime/event-loop-turns.ts";
import type { Change, HostStore } from "../store/host-store.ts";
import type { AuditRow } from "./broker.ts";

/*
 * audit / <plugin>/<number>-<process>   {rows}   some host calls of a plugin in the order in which
 * they ended. The name of the process keeps several hosts on one store apart, and a write that is
 * repeated because nobody knows whether it was stored replaces itself.
 * Each plugin has its own share of what is kept: one that calls all the time cannot push out of the
 * log what others did.
 */
const KIND = "audit";
const DIGITS = 16;

const documentSchema = z.object({
  rows: z.array(
    z.object({
      at: z.number(),
      plugin: z.string(),
      actor: z.union([z.number(), z.string()]).nullable(),
      method: z.string(),
      permission: z.string().nullable(),
      outcome: z.custom<AuditRow["outcome"]>((code) => code === "ok" || isErrorCode(code)),
      ms: z.number(),
    }),
  ),
});

/** Which rows to read. */
export interface AuditQuery {
  /** Of this plugin alone; of all when left out. */
  readonly plugin?: string | undefined;
  /** How many, 100 when left out; at most AUDIT_LIMITS.rowsPerPage. */
  readonly limit?: number | undefined;
}

/** The host calls of all plugins, as far as they are kept. */
export interface AuditLog {
  /** Remembers a row; it is stored within AUDIT_LIMITS.flushMs. */
  write(row: AuditRow): void;
  /** The newest rows, newest first. */
  read(query: AuditQuery): Promise<AuditRow[]>;
  /** Stores what is not stored yet. */
  close(): Promise<void>;
}

/** What of a plugin is in the store. */
interface Stored {
  readonly documents: { readonly key: string; readonly rows: number }[];
  last: number;
}

type Logger = { error(message: string, fields?: Record<string, unknown>): void };

/** Opens the log; what an earlier process stored is read when its plugin is next heard of. */
export function createAuditLog(store: HostStore, logger: Logger): AuditLog {
  const owner = crypto.randomUUID().slice(0, 8);
  const stored = new Map<string, Stored>();
  let waiting = new Map<string, AuditRow[]>();
  let timer: NodeJS.Timeout | undefined;
  let flushed: Promise<void> = Promise.resolve();

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    flushed = storeAfter(flushed);
    return flushed;
  }

  async function storeAfter(before: Promise<void>): Promise<void> {
    await before;
    const batch = waiting;
    waiting = new Map();
    await storeRows(batch).catch((error: unknown) => {
      putBack(batch);
      logger.error("Audit rows could not be stored", { error });
    });
  }

  async function storeRows(batch: Map<string, AuditRow[]>): Promise<void> {
    for (const [plugin, rows] of batch) {
      const before = stored.get(plugin) ?? (await readStored(store, plugin));
      stored.set(plugin, before);
      const after = await append(store, plugin, { before, rows: rows.slice(-KEPT), owner });
      stored.set(plugin, after);
      batch.delete(plugin);
      // A commit of SQLite holds the event loop; those of many plugins come in between other work.
      await nextTurn();
    }
  }

  /** What a store did not take is tried again with the next rows. */
  function putBack(batch: ReadonlyMap<string, AuditRow[]>): void {
    for (const [plugin, rows] of batch) {
      waiting.set(plugin, [...rows, ...(waiting.get(plugin) ?? [])].slice(-KEPT));
    }
  }

  return {
    write(row) {
      const rows = waiting.get(row.plugin) ?? [];
      waiting.set(row.plugin, rows);
      rows.push(row);
      // Whoever calls faster than the store stores loses the oldest rows, never the host's memory.
      if (rows.length > 2 * KEPT) rows.splice(0, rows.length - KEPT);
      timer ??= setTimeout(() => void flush(), AUDIT_LIMITS.flushMs).unref();
    },
    async read({ plugin, limit = 100 }) {
      await flush();
      const wanted = Math.max(0, Math.min(limit, AUDIT_LIMITS.rowsPerPage));
      let newest: AuditRow[] = [];
      for await (const rows of documentsOf(store, plugin === undefined ? "" : `${plugin}/`)) {
        // Of two at the same time the one that was stored later is newer.
        const asked = rows.filter((row) => plugin === undefined || row.plugin === plugin);
        newest = [...asked.toReversed(), ...newest].sort((a, b) => b.at - a.at).slice(0, wanted);
      }
      return newest;
    },
    close: flush,
  };
}

const KEPT = AUDIT_LIMITS.rowsPerPlugin;

/** Documents are read some at a time, and looked at in turns: all plugins' together are long. */
const DOCUMENTS_AT_ONCE = 4;

async function* documentsOf(store: HostStore, prefix: string): AsyncGenerator<AuditRow[]> {
  for (let after: string | undefined; ;) {
    const limit = DOCUMENTS_AT_ONCE;
    const page = await store.list(KIND, {
      prefix,
      limit,
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of page) {
      await nextTurn();
      yield documentSchema.parse(value).rows;
    }
    if (page.length < limit) return;
    after = page.at(-1)?.key;
  }
}

async function readStored(store: HostStore, plugin: string): Promise<Stored> {
  const documents = (await store.list(KIND, { prefix: `${plugin}/` })).map(({ key, value }) => {
    return { key, rows: documentSchema.parse(value).rows.length };
  });
  const last = Number(
    documents
      .at(-1)
      ?.key.slice(plugin.length + 1)
      .slice(0, DIGITS) ?? 0,
  );
  return { documents, last };
}

/** Adds documents with `rows` and drops the oldest ones that are not needed to keep KEPT rows. */
async function append(
  store: HostStore,
  plugin: string,
  { before, rows, owner }: { before: Stored; rows: readonly AuditRow[]; owner: string },
): Promise<Stored> {
  const documents = [...before.documents];
  const changes: Change[] = [];
  let { last } = before;
  for (let from = 0; from < rows.length; from += AUDIT_LIMITS.rowsPerDocument) {
    const part = rows.slice(from, from + AUDIT_LIMITS.rowsPerDocument);
    last += 1;
    const key = `${plugin}/${String(last).padStart(DIGITS, "0")}-${owner}`;
    documents.push({ key, rows: part.length });
    changes.push({ kind: KIND, key, value: { rows: part.map((row) => ({ ...row })) } });
  }
  let kept = documents.reduce((sum, document) => sum + document.rows, 0);
  for (let oldest = documents[0]; oldest !== undefined; oldest = documents[0]) {
    if (kept - oldest.rows < KEPT) break;
    kept -= oldest.rows;
    documents.shift();
    changes.push({ kind: KIND, key: oldest.key, value: null });
  }
  await store.commit(changes);
  return { documents, last };
}
