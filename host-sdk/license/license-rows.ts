import type { Json } from "@rising-bsm/protocol";
import { z } from "zod";
import type { HostStore } from "../store/host-store.ts";

/** Kind of every row here. Plugin names start with "@", so the two fixed keys are never one. */
export const LICENSE_KIND = "license";
const INSTANCE_KEY = "instance";
const CLOCK_KEY = "clock";

const instanceSchema = z.strictObject({
  instanceId: z.string(),
  /** The instance key that the id was given to. */
  keyId: z.string().optional(),
});
const clockSchema = z.strictObject({ floor: z.number() });

const seatSchema = z.strictObject({
  activationId: z.string().nullable(),
  lease: z.string().nullable(),
  /** Written before a renewal is sent: the same id after a crash gets the same lease. */
  renewalRid: z.string().nullable(),
  /** The same for an activation, which is a new one when the license key is another. */
  activation: z.strictObject({ rid: z.string(), keyHash: z.string() }).nullable(),
  /** Signed word that the lease was destroyed, until the marketplace has heard it. */
  receipt: z.string().nullable(),
});

/** What is stored of one plugin's license. The license key is not: the activation replaces it. */
export type SeatRow = Readonly<z.output<typeof seatSchema>>;

/** A plugin without any license yet. */
export const NO_SEAT: SeatRow = {
  activationId: null,
  lease: null,
  renewalRid: null,
  activation: null,
  receipt: null,
};

/** The plugin's row and its version, `null` when there is none. */
export async function readSeat(
  store: HostStore,
  plugin: string,
): Promise<{ seat: SeatRow; version: number | null }> {
  const row = await store.get(LICENSE_KIND, plugin);
  return row === null
    ? { seat: NO_SEAT, version: null }
    : { seat: seatSchema.parse(row.value), version: row.version };
}

/** Every plugin that has a row. */
export async function listSeats(store: HostStore): Promise<{ plugin: string; seat: SeatRow }[]> {
  const rows = await store.list(LICENSE_KIND, { prefix: "@" });
  return rows.map(({ key, value }) => ({ plugin: key, seat: seatSchema.parse(value) }));
}

/** The id the marketplace gave this instance, and to which key; null before registration. */
export async function readInstance(
  store: HostStore,
): Promise<z.output<typeof instanceSchema> | null> {
  const row = await store.get(LICENSE_KIND, INSTANCE_KEY);
  return row === null ? null : instanceSchema.parse(row.value);
}

/** Stores the instance's id; another process storing it first is the same id. */
export async function writeInstance(
  store: HostStore,
  { instanceId, keyId }: { instanceId: string; keyId: string },
): Promise<void> {
  const value = { instanceId, keyId };
  await store.commit([{ kind: LICENSE_KIND, key: INSTANCE_KEY, value }]);
}

/** The time floor, 0 for a new host. */
export async function readFloor(store: HostStore): Promise<number> {
  const row = await store.get(LICENSE_KIND, CLOCK_KEY);
  return row === null ? 0 : clockSchema.parse(row.value).floor;
}

/** The changes that store a seat together with the floor its lease has raised. */
export function seatChanges(
  plugin: string,
  { seat, version, floor }: { seat: SeatRow; version: number | null; floor?: number },
) {
  const value: Json = { ...seat };
  const stored = { kind: LICENSE_KIND, key: plugin, value, ifVersion: version };
  if (floor === undefined) return [stored];
  return [stored, { kind: LICENSE_KIND, key: CLOCK_KEY, value: { floor } }];
}
