import { isDeepStrictEqual } from "node:util";
import { type Envelope, followKeys } from "@rising-bsm/protocol";
import type { HostStore } from "../store/host-store.ts";
import { KIND, pinJson, readPin } from "./rows.ts";

/**
 * Pins what a plugin's publisher has signed about their keys, without waiting for an installation: a
 * marketplace that hides a revocation later hides it from nobody who has seen it. Only signatures of
 * pinned keys change anything, never what the catalogue says itself. Runs while no other operation does.
 */
export async function keepKeyStatements(
  store: HostStore,
  name: string,
  statements: readonly Envelope[],
): Promise<void> {
  const pin = await readPin(store, name);
  if (pin === null) return;
  const { publisher, keys, recovery, highest } = pin;
  const followed = await followKeys({ publisher, keys, recovery }, statements);
  const value = pinJson({ ...followed, highest });
  if (isDeepStrictEqual(value, pinJson(pin))) return;
  await store.commit([{ kind: KIND.pin, key: name, value }]);
}
