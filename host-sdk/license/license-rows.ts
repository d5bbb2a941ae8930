import type { Json } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Change, HostStore } from "../store/host-store.ts";
import type { LicenseClock } from "./license-clock.ts";

/*
 * license / <instance key id> instance | clock | told | @scope/name
 * Several hosts may share a store: each has an instance key, and with it licenses, of its own.
 */
const LICENSE_KIND = "license";

const instanceSchema = z.strictObject({ instanceId: z.string() });

const clockSchema = z.strictObject({
  floor: z.number(),
  /** Server time and the counter at one moment, of use until the machine is started anew. */
  offset: z
    .strictObject({ server: z.number(), monotonic: z.number(), boot: z.string() })
    .nullable()
    .default(null),
  /** Ids of the lease keys that were listed when the floor was last moved. */
  kids: z.array(z.string()).nullable().default(null),
});

/** What signed times have taught this host, as it is stored. */
export type ClockRow = z.output<typeof clockSchema>;

const toldSchema = z.record(z.string(), z.string());

const seatSchema = z.strictObject({
  activationId: z.string().nullable(),
  lease: z.string().nullable(),
  /** Of the lease, also where its key is not known any more; 0 without one. */
  seq: z.int().min(0),
  /** Written before a renewal is sent: the same id after a crash gets the same lease. */
  renewalRid: z.string().nullable(),
  /** The same for an activation, which is a new one when the license key is another. */
  activation: z
    .strictObject({
      rid: z.string(),
      keyHash: z.string(),
      /** Of one that was asked for by file: the answer has to name it, whenever it comes. */
      nonce: z.string().nullable().default(null),
    })
    .nullable(),
  /** Signed word that the lease was destroyed, until the marketplace has heard it. */
  receipt: z.string().nullable(),
  /** The marketplace's signed word that it does not renew this lease. */
  refusal: z.string().nullable(),
  /** The marketplace takes this installation for a copy until the license key is entered again. */
  clone: z.boolean(),
});

/** What is stored of one plugin's license. The license key is not: the activation replaces it. */
export type SeatRow = Readonly<z.output<typeof seatSchema>>;

/** A plugin without any license yet. */
export const NO_SEAT: SeatRow = {
  activationId: null,
  lease: null,
  seq: 0,
  renewalRid: null,
  activation: null,
  receipt: null,
  refusal: null,
  clone: false,
};

/** A seat and the version of its row, `null` when there is none. */
export interface StoredSeat {
  readonly seat: SeatRow;
  readonly version: number | null;
}

/** A seat to store, if its row has this version, and what goes into the same commit. */
export interface SeatWrite extends StoredSeat {
  readonly clock?: ClockRow;
  readonly instanceId?: string;
}

/** The rows of one instance's licenses. */
export interface LicenseRows {
  /** The plugin's seat, empty without a row. */
  seat(plugin: string): Promise<StoredSeat>;
  /** Every plugin that has a row; null is one that cannot be read. */
  seats(): Promise<{ readonly plugin: string; readonly seat: SeatRow | null }[]>;
  /** Answers the new version of the row; `conflict_row_version` when another write came first. */
  writeSeat(plugin: string, write: SeatWrite): Promise<number>;
  /** The id the marketplace gave this instance; null before registration. */
  instanceId(): Promise<string | null>;
  /** Stores it; another process storing it first is the same id. */
  writeInstanceId(instanceId: string): Promise<void>;
  /** What was learnt of the time; nothing on a new host. */
  clock(): Promise<ClockRow>;
  writeClock(clock: ClockRow): Promise<void>;
  /** The last word to listeners about each plugin's license. */
  told(): Promise<Readonly<Record<string, string>>>;
  writeTold(told: Readonly<Record<string, string>>): Promise<void>;
}

const NO_CLOCK: ClockRow = { floor: 0, offset: null, kids: null };

/**
 * The rows that belong to the instance key with this id. One that is damaged, or that a newer version
 * of this code has written, is as if it were not there: no license stops a host from starting.
 */
export function createLicenseRows(store: HostStore, keyId: string): LicenseRows {
  const rowOf = (name: string) => `${keyId} ${name}`;
  const put = (name: string, value: Json): Change => ({
    kind: LICENSE_KIND,
    key: rowOf(name),
    value,
  });
  const read = async <T>(name: string, schema: z.ZodType<T>): Promise<T | null> => {
    const row = await store.get(LICENSE_KIND, rowOf(name));
    return row === null ? null : (schema.safeParse(row.value).data ?? null);
  };
  return {
    async seat(plugin) {
      const row = await store.get(LICENSE_KIND, rowOf(plugin));
      if (row === null) return { seat: NO_SEAT, version: null };
      return { seat: seatSchema.safeParse(row.value).data ?? NO_SEAT, version: row.version };
    },
    async seats() {
      const rows = await store.list(LICENSE_KIND, { prefix: rowOf("@") });
      return rows.map(({ key, value }) => ({
        plugin: key.slice(rowOf("").length),
        seat: seatSchema.safeParse(value).data ?? null,
      }));
    },
    writeSeat: (plugin, { seat, version, clock, instanceId }) =>
      store.commit([
        { ...put(plugin, seat), ifVersion: version },
        ...(clock === undefined ? [] : [put("clock", clock)]),
        ...(instanceId === undefined ? [] : [put("instance", { instanceId })]),
      ]),
    instanceId: async () => (await read("instance", instanceSchema))?.instanceId ?? null,
    writeInstanceId: async (instanceId) =>
      void (await store.commit([put("instance", { instanceId })])),
    clock: async () => (await read("clock", clockSchema)) ?? NO_CLOCK,
    writeClock: async (clock) => void (await store.commit([put("clock", clock)])),
    told: async () => (await read("told", toldSchema)) ?? {},
    writeTold: async (told) => void (await store.commit([put("told", { ...told })])),
  };
}

/** The clock as another process on the same machine can go on with it. */
export function clockRow(
  { floor, offset }: LicenseClock,
  { kids, boot }: { kids: readonly string[] | null; boot: string | undefined },
): ClockRow {
  const kept = offset === null || boot === undefined ? null : { ...offset, boot };
  return { floor, offset: kept, kids: kids === null ? null : [...kids] };
}
