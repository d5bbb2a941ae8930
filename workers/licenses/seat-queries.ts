import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { seatLimit } from "./seat.ts";
import type { License } from "./tables.ts";

export interface SeatWanted {
  readonly license: Pick<License, "id" | "seats" | "overage">;
  readonly instanceId: string;
  readonly overSeats: boolean;
  readonly now: number;
}

/** For the statement that takes the seat: two requests may have been admitted to one. */
export function seatIsFree({ license, instanceId, overSeats, now }: SeatWanted): SQL {
  const limit = seatLimit(license, overSeats);
  if (limit === null) return sql`1`;
  return sql`${limit} > (SELECT count(*) FROM activations
    WHERE license_id = ${license.id} AND held_until > ${now} AND instance_id <> ${instanceId})`;
}

export function exists(query: SQL): SQL {
  return sql`EXISTS (${query})`;
}
