import { RbsmError } from "@rising-bsm/protocol";
import type { BatchItem } from "drizzle-orm/batch";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import type { Bindings } from "../env.ts";
import {
  insertOrderLicense,
  licenseForOrder,
  orderLicense,
  setPayment,
} from "../licenses/order-license.ts";
import type { AuditEntry } from "../schema.ts";
import { decideOrder } from "./decide-order.ts";
import type { FactKind, OrderStanding } from "./decide-order.ts";
import type { PaymentEvent } from "./provider.ts";
import { factOf, loadOrder, writeEvent } from "./queries.ts";
import type { OrderFile } from "./queries.ts";
import type { Order } from "./tables.ts";

export interface Receipt {
  readonly provider: string;
  readonly event: PaymentEvent;
  readonly requestId: string;
  readonly now: number;
}

const TRIES = 5;

/**
 * Lets an event act, once: it is stored with the license that follows from all events of its order.
 * Events that arrive at the same time are decided one after the other.
 */
export async function applyEvent(
  env: Bindings,
  receipt: Receipt,
): Promise<"applied" | "repeated" | "unknown"> {
  const db = writeDatabase(env);
  for (let tries = 0; tries < TRIES; tries++) {
    const file = await loadOrder(db, receipt.event.orderId);
    if (file === null || file.order.provider !== receipt.provider) return "unknown";
    if (file.events.some(({ id }) => id === receipt.event.id)) return "repeated";
    const written = await writeEvent(
      db,
      await consequencesOf(env, db, { file, receipt }),
      receipt.now,
    );
    if (written !== "stale") return written === "written" ? "applied" : "repeated";
  }
  throw new RbsmError("unavailable", "The order is being changed by other events at this moment");
}

interface Occasion {
  readonly file: OrderFile;
  readonly receipt: Receipt;
}

async function consequencesOf(env: Bindings, db: Database, occasion: Occasion) {
  const { order, events } = occasion.file;
  const { event } = occasion.receipt;
  const standing = decideOrder([...events.map(factOf), event.fact]);
  const changes =
    order.licenseId === null
      ? await issue(env, db, { ...occasion, standing })
      : follow(db, { ...occasion, standing, licenseId: order.licenseId });
  return { order, event, ...changes };
}

type Decided = Occasion & { readonly standing: OrderStanding };

interface Changes {
  readonly licenseId: string | null;
  readonly consequences: readonly BatchItem<"sqlite">[];
  readonly audit: readonly AuditEntry[];
}

/** With the first payment there is a license, whatever else was said about the order before. */
async function issue(env: Bindings, db: Database, decided: Decided): Promise<Changes> {
  const { standing, file, receipt } = decided;
  const subject = { id: file.order.id, type: "order" } as const;
  if (standing.license === null) {
    return { licenseId: null, consequences: [], audit: [entryOf(receipt, subject)] };
  }
  const { payment, until, paidAt } = standing.license;
  const { id, keyHash } = await orderLicense(env, file.order.id);
  const terms = licenseForOrder(wishOf(file.order), { until }, startOf(file.order, paidAt, until));
  const issued = { ...entryOf(receipt, { id, type: "license" }), action: "license.issue" };
  const actions = ["paid", ...(payment === "ok" ? [] : [payment])];
  return {
    licenseId: id,
    consequences: insertOrderLicense(db, { id, keyHash, ...terms, payment }, issued),
    audit: actions.map((name) => ({ ...issued, action: `license.${name}` })),
  };
}

/** Updates are counted from the payment; where periods are paid, these say what ends when. */
function startOf({ createdAt }: Order, paidAt: number, until: number | null): number {
  return until === null ? paidAt : createdAt;
}

function wishOf({ id, plugin, plan, seats, org }: Order) {
  return { id, plugin, plan, seats: seats ?? undefined, org: org ?? undefined };
}

/** The license is told what its payment comes to now; nothing else of it is touched. */
function follow(db: Database, decided: Decided & { readonly licenseId: string }): Changes {
  const { standing, receipt, licenseId, file } = decided;
  const { kind } = receipt.event.fact;
  const entry = entryOf(receipt, { id: licenseId, type: "license" });
  const always = SAID_ANYHOW[kind];
  const action = CHANGES_PAYMENT[kind];
  if (action === undefined || standing.license === null) {
    const order = entryOf(receipt, { id: file.order.id, type: "order" });
    const said = always === undefined ? order : { ...entry, action: always };
    return { licenseId, consequences: [], audit: [said] };
  }
  const { payment, until } = standing.license;
  const paid = { licenseId, payment, ...(until === null ? {} : { until }) };
  return {
    licenseId,
    consequences: setPayment(db, paid, { ...entry, action }),
    audit: always === undefined ? [] : [{ ...entry, action: always }],
  };
}

/** What the change is called where a fact changes what the payment comes to. */
const CHANGES_PAYMENT: Readonly<Partial<Record<FactKind, string>>> = {
  paid: "license.paid",
  refunded: "license.refunded",
  disputed: "license.disputed",
  dispute_won: "license.dispute_closed",
  dispute_lost: "license.refunded",
};

/** What is recorded of a license also when nothing about it changes. */
const SAID_ANYHOW: Readonly<Partial<Record<FactKind, string>>> = {
  dispute_lost: "license.dispute_closed",
  cancelled: "license.cancelled",
};

function entryOf(
  { provider, event, requestId, now }: Receipt,
  subject: { readonly id: string; readonly type: "order" | "license" },
): AuditEntry {
  const { kind } = event.fact;
  return {
    at: now,
    actor: `provider:${provider}`,
    action: `${subject.type}.${kind}`,
    subject: subject.id,
    detail: { order: event.orderId, event: event.id, fact: kind },
    requestId,
  };
}
