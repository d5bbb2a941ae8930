import { boundary } from "./families/boundary.ts";
import { builtins } from "./families/builtins.ts";
import { cpu } from "./families/cpu.ts";
import { errors } from "./families/errors.ts";
import { escapes } from "./families/escapes.ts";
import { lifecycle } from "./families/lifecycle.ts";
import { memory } from "./families/memory.ts";
import { network } from "./families/network.ts";
import { offHeap } from "./families/off-heap.ts";
import { prototypes } from "./families/prototypes.ts";
import { quota } from "./families/quota.ts";
import { shams } from "./families/shams.ts";
import type { Family, Payload } from "./payload.ts";

/** Every payload by family. */
export const CORPUS: Readonly<Record<string, Family>> = {
  cpu,
  memory,
  "off heap": offHeap,
  builtins,
  boundary,
  errors,
  prototypes,
  escapes,
  network,
  quota,
  lifecycle,
};

/** The payload of that name; the shams too, which are no part of the corpus. */
export function findPayload(family: string, name: string): Payload {
  const payload = family === "shams" ? shams[name] : CORPUS[family]?.[name];
  if (payload === undefined) throw new Error(`There is no payload "${name}" in ${family}`);
  return payload;
}
