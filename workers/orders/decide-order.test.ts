import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import {
  array,
  assert,
  constant,
  constantFrom,
  integer,
  option,
  property,
  record,
  shuffledSubarray,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { decideOrder, FACT_KINDS } from "./decide-order.ts";
import type { FactKind, PaymentFact } from "./decide-order.ts";

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 9, 10, 12);

function fact(kind: FactKind, more: Partial<PaymentFact> = {}): PaymentFact {
  return { kind, at: NOON, dispute: null, until: null, ...more };
}

const anyFact = record({
  kind: constantFrom(...FACT_KINDS),
  at: integer({ min: 0, max: 9 }).map((day) => NOON + day * DAY_MS),
  dispute: constantFrom("du_1", "du_2"),
  until: option(integer({ min: 0, max: 9 }).map((day) => NOON + day * DAY_MS)),
});
const facts = array(anyFact, { maxLength: 12 });

describe("decideOrder()", () => {
  test("does not ask in which order facts came, nor how often", () => {
    const shuffled = facts.chain((all) =>
      record({
        all: constant(all),
        other: shuffledSubarray([...all, ...all], { minLength: 2 * all.length }),
      }),
    );
    assert(
      property(shuffled, ({ all, other }) => {
        expect(decideOrder(other)).toEqual(decideOrder(all));
      }),
      { numRuns: 500 },
    );
  });

  test("gives nothing that was not paid, and never ends before what was paid does", () => {
    assert(
      property(facts, (all) => {
        const { license, paidUntil } = decideOrder(all);
        const paid = all.filter(({ kind }) => kind === "paid");
        expect(license === null).toBe(paid.length === 0);
        for (const { until } of paid) {
          if (license?.until !== null) expect(paidUntil).toBeGreaterThanOrEqual(until ?? Infinity);
        }
      }),
    );
  });

  test("a further payment never leaves a license shorter or worse but for disputes", () => {
    assert(
      property(facts, anyFact, (all, next) => {
        const before = decideOrder(all).license;
        const after = decideOrder([...all, { ...next, kind: "paid" }]).license;
        expect(after).not.toBeNull();
        if (before === null) return;
        expect(after?.until ?? Infinity).toBeGreaterThanOrEqual(before.until ?? Infinity);
        if (before.payment === "ok" && next.until !== null) expect(after?.payment).toBe("ok");
      }),
    );
  });

  test.for<[string, PaymentFact[], object]>([
    ["nothing", [], { state: "open", license: null }],
    ["a checkout that ran out", [fact("expired")], { state: "expired", license: null }],
    ["a payment after all", [fact("expired"), fact("paid")], { state: "paid" }],
    ["a refund before its payment", [fact("refunded"), fact("paid")], { state: "refunded" }],
    ["part of the money back", [fact("paid"), fact("partly_refunded")], { state: "paid" }],
    ["cancelled", [fact("paid"), fact("cancelled")], { state: "paid", cancelledAt: NOON }],
    [
      "two disputes of which one is won",
      [
        fact("paid"),
        fact("disputed", { dispute: "a" }),
        fact("disputed", { dispute: "b" }),
        fact("dispute_won", { dispute: "a" }),
      ],
      { state: "disputed" },
    ],
    [
      "a dispute whose end came first",
      [fact("paid"), fact("dispute_won", { dispute: "a" }), fact("disputed", { dispute: "a" })],
      { state: "paid" },
    ],
    [
      "a lost dispute",
      [fact("paid"), fact("disputed", { dispute: "a" }), fact("dispute_lost", { dispute: "a" })],
      { state: "refunded" },
    ],
    [
      "the newest period refunded",
      [fact("paid", { until: NOON }), fact("refunded", { until: NOON })],
      { state: "refunded" },
    ],
    [
      "an earlier period refunded",
      [fact("paid", { until: NOON + DAY_MS }), fact("refunded", { until: NOON })],
      { state: "paid" },
    ],
    [
      "paid again after a refund that names no period",
      [fact("refunded"), fact("paid", { until: NOON + DAY_MS, at: NOON + 1 })],
      { state: "paid" },
    ],
  ])("%s", ([, all, expected]) => {
    expect(decideOrder(all)).toMatchObject(expected);
  });

  test("leaves the provider some days to collect the next period", () => {
    const { license, paidUntil } = decideOrder([fact("paid", { until: NOON })]);
    expect(paidUntil).toBe(NOON);
    expect(license?.until).toBe(NOON + LICENSE_LIMITS.collectionMs);
  });
});
