import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";

const actorSchema = z.object({
  id: z.union([z.string(), z.number()]),
  name: z.string().optional(),
  permissions: z.union([z.literal("all"), z.array(z.string())]),
});

/** Somebody on whose behalf a plugin is called. */
export interface Actor {
  readonly id: string | number;
  readonly name?: string;
  /** Codes of the application; "all" is an administrator. */
  readonly permissions: readonly string[] | "all";
}

/**
 * What an application without types passes as the acting user: an actor, or null for nobody. A
 * wrong one is `usage`, since somebody with too few or too many rights would be worse.
 */
export function checkActor(actor: unknown): Actor | null {
  if (actor === undefined || actor === null) return null;
  const parsed = actorSchema.safeParse(actor);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RbsmError(
      "usage",
      `The actor is not valid: ${["actor", ...(issue?.path ?? [])].join(".")}: ${issue?.message}`,
      { fix: 'Pass {id, name?, permissions: ["customers.view"]}, or permissions: "all".' },
    );
  }
  const { id, name, permissions } = parsed.data;
  return { id, permissions, ...(name === undefined ? {} : { name }) };
}
