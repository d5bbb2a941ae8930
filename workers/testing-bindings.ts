import type { Bindings } from "./env.ts";

/** What stands between the Worker under test and its databases and buckets. */
interface Taps {
  /** Around each call that may write: may run it, refuse it, or run it and refuse nevertheless. */
  readonly write: <T>(run: () => Promise<T>) => Promise<T>;
  /** Around each other query. */
  readonly read?: <T>(run: () => Promise<T>) => Promise<T>;
  /** After each query. */
  readonly query: (meta: { readonly rows_read: number; readonly rows_written: number }) => void;
}

function tapBindings(bindings: Bindings, taps: Taps): Bindings {
  return {
    ...bindings,
    DB: tapDatabase(bindings.DB, taps),
    SEARCH: tapDatabase(bindings.SEARCH, taps),
    BUNDLES: tapBucket(bindings.BUNDLES, taps),
    PRIVATE: tapBucket(bindings.PRIVATE, taps),
  };
}

export type Fault = "failed" | "failed but stored";

/** Bindings whose n-th write goes wrong; `hit()` says whether there was an n-th. */
export function failingAt(bindings: Bindings, nth: number, fault: Fault) {
  let writes = 0;
  const write = async <T>(run: () => Promise<T>): Promise<T> => {
    writes += 1;
    if (writes !== nth) return run();
    if (fault === "failed but stored") await run();
    throw new Error(`Injected: write ${nth} ${fault}`);
  };
  return { bindings: tapBindings(bindings, { write, query: () => {} }), hit: () => writes >= nth };
}

/** Bindings that count calls that may write, queries, and the rows these read and write, as D1 bills them. */
export function counting(bindings: Bindings) {
  const count = { queries: 0, rowsRead: 0, rowsWritten: 0, writes: 0 };
  const query: Taps["query"] = (meta) => {
    count.queries += 1;
    count.rowsRead += meta.rows_read;
    count.rowsWritten += meta.rows_written;
  };
  const write = <T>(run: () => Promise<T>): Promise<T> => {
    count.writes += 1;
    return run();
  };
  return { bindings: tapBindings(bindings, { write, query }), count };
}

/** Bindings that count calls to databases and buckets, which a Worker has a thousand of in one request. */
export function countingCalls(bindings: Bindings) {
  const count = { calls: 0 };
  const call = <T>(run: () => Promise<T>): Promise<T> => {
    count.calls += 1;
    return run();
  };
  const bucket = (of: R2Bucket) =>
    withMethods(tapBucket(of, { write: call, query: () => {} }), {
      get: (...args: Parameters<R2Bucket["get"]>) => call(() => of.get(...args)),
      head: (key: string) => call(() => of.head(key)),
      list: (options?: R2ListOptions) => call(() => of.list(options)),
    });
  const taps = { write: call, read: call, query: () => {} };
  const tapped = tapBindings(bindings, taps);
  const buckets = { BUNDLES: bucket(bindings.BUNDLES), PRIVATE: bucket(bindings.PRIVATE) };
  return { bindings: { ...tapped, ...buckets }, count };
}

/** Bindings that count every operation on their buckets. */
export function countingObjects(bindings: Bindings) {
  const count = { operations: 0 };
  const METHODS = new Set(["get", "head", "put", "delete", "list", "createMultipartUpload"]);
  const bucket = (of: R2Bucket) =>
    new Proxy(of, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== "function") return member;
        if (METHODS.has(String(property))) count.operations += 1;
        return member.bind(target);
      },
    });
  const buckets = { BUNDLES: bucket(bindings.BUNDLES), PRIVATE: bucket(bindings.PRIVATE) };
  return { bindings: { ...bindings, ...buckets }, count };
}

/** Bindings whose database does something before the n-th batch. */
export function beforeBatch(env: Bindings, nth: number, event: () => Promise<unknown>): Bindings {
  let batches = 0;
  const withSession = (constraint: D1SessionConstraint) => {
    const session = env.DB.withSession(constraint);
    return {
      prepare: (query: string) => session.prepare(query),
      getBookmark: () => session.getBookmark(),
      batch: async (statements: D1PreparedStatement[]) => {
        batches += 1;
        if (batches === nth) await event();
        return session.batch(statements);
      },
    };
  };
  const DB = new Proxy(env.DB, {
    get(target, property) {
      if (property === "withSession") return withSession;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return { ...env, DB };
}

/** A bucket that, as R2 does, refuses a second write to a key within the interval. */
export function refusingFastWrites(bucket: R2Bucket, intervalMs: number) {
  const lastWrites = new Map<string, number>();
  let refused = 0;
  const put = async (...args: Parameters<R2Bucket["put"]>) => {
    const [key] = args;
    const last = lastWrites.get(key) ?? 0;
    if (Date.now() - last < intervalMs) {
      refused += 1;
      throw new Error(`put: Reduce your concurrent request rate for the same object. (10058)`);
    }
    lastWrites.set(key, Date.now());
    return bucket.put(...args);
  };
  return { bucket: withMethods(bucket, { put }), refused: () => refused };
}

/** The bucket with some of its methods replaced. */
export function withMethods(bucket: R2Bucket, methods: object): R2Bucket {
  return new Proxy(bucket, {
    get(target, property) {
      if (property in methods) return Reflect.get(methods, property);
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

function tapBucket(bucket: R2Bucket, { write }: Taps): R2Bucket {
  return withMethods(bucket, {
    put: (...args: Parameters<R2Bucket["put"]>) => write(() => bucket.put(...args)),
    delete: (...args: Parameters<R2Bucket["delete"]>) => write(() => bucket.delete(...args)),
  });
}

function tapDatabase(database: D1Database, taps: Taps): D1Database {
  return {
    prepare: (sql) => tapStatement(database.prepare(sql), taps),
    batch: (statements) => tapBatch(() => database.batch(statements), taps),
    exec: (sql) => database.exec(sql),
    dump: () => database.dump(),
    withSession: (constraint) => tapSession(database.withSession(constraint), taps),
  };
}

function tapSession(session: D1DatabaseSession, taps: Taps): D1DatabaseSession {
  return {
    prepare: (sql) => tapStatement(session.prepare(sql), taps),
    batch: (statements) => tapBatch(() => session.batch(statements), taps),
    getBookmark: () => session.getBookmark(),
  };
}

async function tapBatch<T>(run: () => Promise<D1Result<T>[]>, taps: Taps): Promise<D1Result<T>[]> {
  const results = await taps.write(run);
  for (const { meta } of results) taps.query(meta);
  return results;
}

/** Patched in place: a batch takes only statements that the binding itself has made. */
function tapStatement(statement: D1PreparedStatement, taps: Taps): D1PreparedStatement {
  const { read = (run) => run() } = taps;
  const original = {
    bind: statement.bind.bind(statement),
    run: statement.run.bind(statement),
    all: statement.all.bind(statement),
    raw: statement.raw.bind(statement),
    first: statement.first.bind(statement),
  };
  Object.assign(statement, {
    bind: (...values: unknown[]) => tapStatement(original.bind(...values), taps),
    run: async () => {
      const result = await taps.write(() => original.run());
      taps.query(result.meta);
      return result;
    },
    all: async () => {
      const result = await read(() => original.all());
      taps.query(result.meta);
      return result;
    },
    // Neither of these gives figures, so the query runs once more for them.
    first: async (...column: Parameters<typeof original.first>) => {
      taps.query((await original.all()).meta);
      return read(() => original.first(...column));
    },
    raw: async () => {
      taps.query((await original.all()).meta);
      return read(() => original.raw());
    },
  });
  return statement;
}
