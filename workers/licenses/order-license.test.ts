import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { beforeEach, describe, expect, test } from "vitest";
import type { AuditEntry } from "../schema.ts";
import { resetMarketplace } from "../testing.ts";
import type { Plan } from "./issue-license.ts";
import { insertOrderLicense, licenseForOrder, orderLicense, setPayment } from "./order-license.ts";
import type { Payment } from "./order-license.ts";
import { DAY_MS, NOON, sampleLicense } from "./sample-license.ts";
import { auditOf } from "./sample-plugin.ts";
import { licenses } from "./tables.ts";

const plan: Plan = { id: "pro", kind: "subscription", period: "month", seats: 1 };
const order = { id: "order-1", plugin: "@demo/invoices", plan, seats: 4, org: "Muster GmbH" };

describe("licenseForOrder()", () => {
  test("is the plan as it was ordered, until it is paid for", () => {
    const until = NOON + 33 * DAY_MS;
    expect(licenseForOrder(order, { until }, NOON)).toMatchObject({
      orderId: "order-1",
      plan: "pro",
      seats: 4,
      org: "Muster GmbH",
      until,
    });
  });

  test("has no end where the plan has none", () => {
    const forever = { ...order, plan: { id: "p", kind: "perpetual" as const } };
    expect(licenseForOrder(forever, { until: NOON }, NOON).until).toBeNull();
  });
});

test("an order's license has the same id and key each time, another order's has others", async () => {
  const [first, again, other] = await Promise.all(
    ["order-1", "order-1", "order-2"].map((id) => orderLicense(env, id)),
  );
  expect(again).toEqual(first);
  expect(other?.id).not.toBe(first?.id);
  expect(other?.licenseKey).not.toBe(first?.licenseKey);
  expect(first?.licenseKey).toMatch(/^RBSM(-[0-9A-Z]{4}){8}$/);
});

describe("in a batch", () => {
  const db = drizzle(env.DB);
  const license = sampleLicense({ orderId: "order-1", until: NOON });
  const entry = (action: string): AuditEntry => ({
    action,
    actor: "payments",
    subject: license.id,
    at: NOON,
    requestId: "request-1",
  });

  beforeEach(async () => {
    await resetMarketplace();
    await db.batch(insertOrderLicense(db, license, entry("license.issue")));
  });

  const pay = (payment: Omit<Payment, "licenseId">, action: string) =>
    db.batch(setPayment(db, { licenseId: license.id, ...payment }, entry(action)));
  const stored = async () => {
    const [row] = await db.select().from(licenses);
    return row;
  };

  test("a license is inserted once", async () => {
    await db.batch(insertOrderLicense(db, { ...license, seats: 9 }, entry("license.issue")));
    expect(await stored()).toEqual(license);
    expect(await auditOf(license.id)).toEqual(["license.issue"]);
  });

  test("a payment makes it longer, never shorter, and is told once", async () => {
    await pay({ payment: "ok", until: NOON + DAY_MS }, "license.paid");
    await pay({ payment: "ok", until: NOON + DAY_MS }, "license.paid");
    await pay({ payment: "ok", until: NOON }, "license.paid");
    expect(await stored()).toMatchObject({ until: NOON + DAY_MS, revision: 2 });
    expect(await auditOf(license.id)).toEqual(["license.issue", "license.paid"]);
  });

  test("a dispute stands until it is closed, and leaves what people decided", async () => {
    await pay({ payment: "disputed" }, "license.disputed");
    expect(await stored()).toMatchObject({ payment: "disputed", state: "active", until: NOON });
    await pay({ payment: "ok" }, "license.dispute_closed");
    expect(await stored()).toMatchObject({ payment: "ok", state: "active" });
    const told = ["license.issue", "license.disputed", "license.dispute_closed"];
    expect(await auditOf(license.id)).toEqual(told);
  });

  test("a license without an end stays without one", async () => {
    await env.DB.prepare("UPDATE licenses SET until = NULL").run();
    await pay({ payment: "ok", until: NOON + DAY_MS }, "license.paid");
    expect(await stored()).toMatchObject({ until: null, revision: 1 });
  });
});
