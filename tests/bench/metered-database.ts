/** What D1 bills. */
export interface Bill {
  queries: number;
  rowsRead: number;
  rowsWritten: number;
  /** Milliseconds that the database, which does one thing at a time, was at work. */
  ms: number;
}

/** The database of a local Worker with a meter: each statement's rows are added to the bill. */
export function meterDatabase(database: D1Database, bill: Bill): D1Database {
  const unmetered = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  const count = <Result extends { readonly meta: D1Meta }>(result: Result): Result => {
    bill.queries += 1;
    bill.rowsRead += result.meta.rows_read;
    bill.rowsWritten += result.meta.rows_written;
    bill.ms += result.meta.duration;
    return result;
  };
  const meter = (statement: D1PreparedStatement): D1PreparedStatement => {
    const methods: Record<string | symbol, unknown> = {
      bind: (...values: unknown[]) => meter(statement.bind(...values)),
      all: async () => count(await statement.all()),
      run: async () => count(await statement.run()),
      // Rows without names come without a bill: what reads them is run once more for it.
      raw: async () => {
        count(await statement.all());
        return statement.raw();
      },
    };
    const metered = withMethods(statement, methods);
    unmetered.set(metered, statement);
    return metered;
  };
  const metering = <Session extends Pick<D1Database, "prepare" | "batch">>(session: Session) =>
    withMethods(session, {
      prepare: (sql: string) => meter(session.prepare(sql)),
      batch: async (statements: D1PreparedStatement[]) =>
        (await session.batch(statements.map((one) => unmetered.get(one) ?? one))).map(count),
      withSession: (constraint: D1SessionConstraint) => metering(database.withSession(constraint)),
    });
  return metering(database);
}

function withMethods<Target extends object>(
  target: Target,
  methods: Record<string | symbol, unknown>,
): Target {
  return new Proxy(target, {
    get: (of, property) =>
      property in methods ? methods[property] : Reflect.get(of, property, of),
  });
}
