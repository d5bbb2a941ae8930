import type { Activation, License } from "./tables.ts";

/** Seats that instances may take: the first ones are the license's, the others its overage. */
export type Seats = Pick<License, "seats" | "overage">;

/** Where an instance sits when others hold `taken` seats; null is nowhere. */
export function findSeat({ seats, overage }: Seats, taken: number): "seat" | "overage" | null {
  if (seats === null || taken < seats) return "seat";
  return taken < seats + overage ? "overage" : null;
}

/** How many may hold the license for somebody to sit there; null is any number. */
export function seatLimit({ seats, overage }: Seats, overSeats: boolean): number | null {
  return seats === null ? null : seats + (overSeats ? overage : 0);
}

/**
 * Whether the seats have to be counted before the lease goes on: its seat was free for others since
 * it ran out, or is one of the overage and may have become a seat.
 */
export function needsSeat(
  activation: Pick<Activation, "heldUntil" | "overSeats">,
  now: number,
): boolean {
  return activation.heldUntil <= now || activation.overSeats;
}
