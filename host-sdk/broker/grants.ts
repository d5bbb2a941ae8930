import { normalizePermission } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Actor } from "../lifecycle/actor.ts";

/** Whether a version is still being tried out: until that is over its storage can be put back. */
export interface Trial {
  over: boolean;
}

/** On whose behalf a plugin's code runs: made by the host for each call, opaque to the runtime. */
export interface BrokerContext {
  /** Name of the plugin, not of its load. */
  readonly plugin: string;
  /** Permissions an administrator granted to the plugin. */
  readonly grants: readonly string[];
  /** Plugins the manifest names under `dependencies`: the ones it may call. */
  readonly dependencies: readonly string[];
  /** null: nobody in particular (a hook, a schedule, a call of the host itself). */
  readonly actor: Actor | null;
  /** How many plugins called each other to get here; 0 for a call of the host. */
  readonly depth: number;
  /** How much the plugin may store; left out: the default. */
  readonly storageBytes?: number | undefined;
  /** Left out: the version is no longer on trial. */
  readonly trial?: Trial | undefined;
}

const actorSchema = z.object({
  id: z.union([z.number(), z.string()]),
  permissions: z.union([z.literal("all"), z.array(z.string()).readonly()]),
});

export const brokerContextSchema = z.object({
  plugin: z.string(),
  grants: z.array(z.string()).readonly(),
  dependencies: z.array(z.string()).readonly(),
  actor: actorSchema.nullable(),
  depth: z.int().min(0),
  storageBytes: z.int().min(0).optional(),
  // By reference: the trial ends while the context is in use.
  trial: z.custom<Trial>(isTrial).optional(),
});

function isTrial(value: unknown): value is Trial {
  return typeof value === "object" && value !== null && "over" in value;
}

/** Who stands in the way of a call: nobody granted it to the plugin, or the user may not do it. */
export type Missing = "grant" | "actor";

/**
 * What a permission needs: the plugin's grant and the acting user's right, never one alone. A plugin
 * can neither lend a user rights that they lack nor use rights of a user that it was not granted.
 */
export function missingFor(context: BrokerContext, permission: string): Missing | null {
  if (!contains(context.grants, permission)) return "grant";
  const rights = context.actor?.permissions ?? "all";
  return rights === "all" || contains(rights, permission) ? null : "actor";
}

function contains(codes: readonly string[], permission: string): boolean {
  return codes.some((code) => normalizePermission(code).some((known) => known === permission));
}
