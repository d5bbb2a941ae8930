import { writeDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { carryOutTransfer, listDueTransfers } from "./scope-queries.ts";

const TRANSFERS_A_RUN = 50;

/** Gives away the scopes whose cool-down is over; `advance` then shows it. */
export async function carryOutTransfers(env: Bindings, now: Date): Promise<void> {
  const db = writeDatabase(env);
  const at = now.getTime();
  for (const due of await listDueTransfers(db, { now: at, limit: TRANSFERS_A_RUN })) {
    await carryOutTransfer(db, due, {
      at,
      actor: "cron",
      action: "scope.transfer",
      subject: due.scope,
      detail: { from: due.from, to: due.toPublisher },
      requestId: "cron",
    });
  }
}
