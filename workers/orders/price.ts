import { ORDER_LIMITS, RbsmError } from "@rising-bsm/protocol";
import type { Plan } from "../licenses/issue-license.ts";

/** Currencies that are charged in whole units, and in thousandths. All others have hundredths. */
const NO_DECIMALS = new Set(
  "BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split(" "),
);
const THREE_DECIMALS = new Set("BHD IQD JOD KWD LYD OMR TND".split(" "));

/** What is charged, in the smallest unit of the currency. */
export interface Price {
  readonly currency: string;
  readonly unitAmount: number;
  /** How often the plan is bought: seats beyond the plan's own are bought with whole plans. */
  readonly quantity: number;
  readonly amount: number;
  /** How often it is charged again; null is once. */
  readonly every: "month" | "year" | null;
}

/** Whether the plan can be bought here at all. */
export function isForSale({ kind, price }: Plan): boolean {
  return kind !== "free" && kind !== "trial" && price !== undefined && price.amount > 0;
}

/** What the plan costs for so many seats. Throws `request_invalid` when it is not sold like that. */
export function priceOf(plan: Plan, seats: number | undefined): Price {
  const { price } = plan;
  if (price === undefined || !isForSale(plan)) {
    throw invalid(`The plan "${plan.id}" is not for sale here`, "Ask the publisher for a license.");
  }
  const unitAmount = minorUnits(price);
  const quantity = quantityOf(plan, seats);
  const amount = unitAmount * quantity;
  if (amount > ORDER_LIMITS.amount) {
    throw invalid("That is more than can be charged at once", "Order fewer seats.");
  }
  return { currency: price.currency, unitAmount, quantity, amount, every: intervalOf(plan) };
}

/** Digits after the point of amounts in this currency. */
export function decimalsOf(currency: string): number {
  if (NO_DECIMALS.has(currency)) return 0;
  return THREE_DECIMALS.has(currency) ? 3 : 2;
}

/** A manifest's price is a decimal number; what is not a whole number of units cannot be charged. */
function minorUnits({ amount, currency }: NonNullable<Plan["price"]>): number {
  const exact = amount * 10 ** decimalsOf(currency);
  const units = Math.round(exact);
  if (units < 1 || Math.abs(exact - units) > 1e-6) {
    throw invalid(
      `${amount} ${currency} cannot be charged`,
      "The publisher has to mend the price.",
    );
  }
  return units;
}

function quantityOf({ seats: included = 1 }: Plan, seats: number | undefined): number {
  if (seats === undefined) return 1;
  if (included === -1) {
    throw invalid("The plan is for any number of seats", "Order it without `seats`.");
  }
  if (seats % included !== 0) {
    throw invalid(
      `The plan is sold in steps of ${included} seats`,
      `Order ${Math.ceil(seats / included) * included} seats.`,
    );
  }
  return seats / included;
}

/** As the license's own term: a subscription ends some day, a floating one where it has a period. */
export function intervalOf({ kind, period }: Pick<Plan, "kind" | "period">): Price["every"] {
  if (kind === "subscription") return period ?? "month";
  return kind === "floating" ? (period ?? null) : null;
}

function invalid(message: string, fix: string): RbsmError {
  return new RbsmError("request_invalid", message, { fix });
}
