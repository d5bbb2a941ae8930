import { AUDIT_LIMITS, isErrorCode } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Change, HostStore } from "../store/host-store.ts";
import type { AuditRow } from "./broker.ts";

/*
 * audit / <plugin>/<number>   {rows}   some host calls of a plugin in the order in which they ended
 * Each plugin has its own share of what is kept: one that calls all the time cannot push out of the
 * log what others did.
 */
const KIND = "audit";

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
      const after = await append(store, plugin, { before, rows: rows.slice(-KEPT) });
      stored.set(plugin, after);
      batch.delete(plugin);
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
      const range = plugin === undefined ? {} : { prefix: `${plugin}/` };
      const documents = await store.list(KIND, range);
      const rows = documents.flatMap(({ value }) => documentSchema.parse(value).rows);
      return rows
        .filter((row) => plugin === undefined || row.plugin === plugin)
        .reverse()
        .sort((a, b) => b.at - a.at)
        .slice(0, Math.max(0, Math.min(limit, AUDIT_LIMITS.rowsPerPage)));
    },
    close: flush,
  };
}

const KEPT = AUDIT_LIMITS.rowsPerPlugin;

async function readStored(store: HostStore, plugin: string): Promise<Stored> {
  const documents = (await store.list(KIND, { prefix: `${plugin}/` })).map(({ key, value }) => {
    return { key, rows: documentSchema.parse(value).rows.length };
  });
  const last = Number(documents.at(-1)?.key.slice(plugin.length + 1) ?? 0);
  return { documents, last };
}

/** Adds documents with `rows` and drops the oldest ones that are not needed to keep KEPT rows. */
async function append(
  store: HostStore,
  plugin: string,
  { before, rows }: { before: Stored; rows: readonly AuditRow[] },
): Promise<Stored> {
  const documents = [...before.documents];
  const changes: Change[] = [];
  let { last } = before;
  for (let from = 0; from < rows.length; from += AUDIT_LIMITS.rowsPerDocument) {
    const part = rows.slice(from, from + AUDIT_LIMITS.rowsPerDocument);
    last += 1;
    const key = `${plugin}/${String(last).padStart(16, "0")}`;
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
