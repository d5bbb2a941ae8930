import { STORAGE_LIMITS } from "@rising-bsm/protocol";
import { z } from "zod";
import { jsonValue } from "../domain/entities.ts";
import type { HostStore } from "../store/host-store.ts";
import { hostMethod, type CallSite, type HostMethod } from "./host-method.ts";
import { deleteValue, getValue, listKeys, setValue, type Shelf } from "./plugin-storage.ts";

const LIST_LIMIT = 1_000;
const DEFAULT_LIST_LIMIT = 100;
const YEAR_SECONDS = 366 * 86_400;

const keySchema = z
  .string()
  .min(1)
  .max(STORAGE_LIMITS.keyLength)
  .refine((key) => key.isWellFormed() && !key.includes("\0"), "a key is text without NUL");

const setOptions = z.strictObject({
  ttlSeconds: z
    .number()
    .positive()
    .max(10 * YEAR_SECONDS)
    .nullish(),
  ifVersion: z.int().min(0).nullish(),
});

const listOptions = z.strictObject({
  prefix: z.string().max(STORAGE_LIMITS.keyLength).nullish(),
  limit: z
    .int()
    .min(1)
    .transform((limit) => Math.min(limit, LIST_LIMIT))
    .nullish(),
  cursor: z.string().max(STORAGE_LIMITS.keyLength).nullish(),
});

/** The calls of a plugin's own storage: no permission, only quotas. */
export function storageCalls(store: HostStore): [string, HostMethod][] {
  const shelf = ({ context, now }: CallSite): Shelf => ({
    store,
    plugin: context.plugin,
    now,
    onTrial: context.trial?.over === false,
    maxBytes: context.storageBytes ?? STORAGE_LIMITS.totalBytes,
  });
  const get = hostMethod(null, z.tuple([keySchema]), ([key], site) => getValue(shelf(site), key));
  const set = hostMethod(
    null,
    // `set(key, undefined)` crosses without a value: undefined is null.
    z.tuple([keySchema, jsonValue.optional(), setOptions.nullish()]),
    ([key, value = null, options], site) => setValue(shelf(site), { key, value }, options ?? {}),
  );
  const remove = hostMethod(null, z.tuple([keySchema]), ([key], site) =>
    deleteValue(shelf(site), key),
  );
  const list = hostMethod(null, z.tuple([listOptions.nullish()]), ([options], site) =>
    listKeys(shelf(site), {
      prefix: options?.prefix ?? "",
      limit: options?.limit ?? DEFAULT_LIST_LIMIT,
      cursor: options?.cursor,
    }),
  );
  return [
    ["storage.get", get],
    ["storage.set", { ...set, quotas: ["writes"] }],
    ["storage.delete", { ...remove, quotas: ["writes"] }],
    ["storage.list", list],
  ];
}
