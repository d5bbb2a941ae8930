/**
 * The marketplace Worker with a meter on its databases: `/bill` answers what each kind of request has
 * cost since it was last asked.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Bindings } from "../../workers/env.ts";
import worker from "../../workers/index.ts";
import { type Bill, meterDatabase } from "./metered-database.ts";

export interface KindBill extends Bill {
  requests: number;
}

const bills = new Map<string, KindBill>();
const current = new AsyncLocalStorage<KindBill>();
const nobody = newBill();

function newBill(): KindBill {
  return { requests: 0, rowsRead: 0, rowsWritten: 0, ms: 0, queries: 0 };
}

/** Whatever is added to it is added to the bill of the request under way. */
const running: Bill = {
  get rowsRead() {
    return bill().rowsRead;
  },
  set rowsRead(rows) {
    bill().rowsRead = rows;
  },
  get rowsWritten() {
    return bill().rowsWritten;
  },
  set rowsWritten(rows) {
    bill().rowsWritten = rows;
  },
  get ms() {
    return bill().ms;
  },
  set ms(ms) {
    bill().ms = ms;
  },
  get queries() {
    return bill().queries;
  },
  set queries(queries) {
    bill().queries = queries;
  },
};

function bill(): KindBill {
  return current.getStore() ?? nobody;
}

let metered: Bindings | undefined;

function meter(env: Bindings): Bindings {
  const DB = meterDatabase(env.DB, running);
  return (metered ??= { ...env, DB, SEARCH: meterDatabase(env.SEARCH, running) });
}

function billOf(kind: string): KindBill {
  const known = bills.get(kind) ?? newBill();
  bills.set(kind, known);
  known.requests += 1;
  return known;
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/bill") {
      const answer = Response.json(Object.fromEntries(bills));
      bills.clear();
      return answer;
    }
    // The first two parts of the path, but for the names of files.
    const kind = /^\/(?:v1\/\w+|\w+)/.exec(pathname)?.[0] ?? "/";
    return current.run(billOf(kind), () => worker.fetch(request, meter(env), context));
  },
  scheduled: (controller, env) =>
    current.run(billOf("cron"), () => worker.scheduled(controller, meter(env))),
} satisfies ExportedHandler<Bindings>;
