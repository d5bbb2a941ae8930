import { planSchema, RbsmError, visibilitySchema } from "@rising-bsm/protocol";
import type { Visibility } from "@rising-bsm/protocol";
import { z } from "zod";

const text = z.union([z.string(), z.object({ en: z.string(), de: z.string() })]);

/**
 * What the Worker reads of a manifest that it accepted once. It asks for shapes only: the manifest's
 * own schema may become stricter, and what was published before stays readable.
 */
const storedManifestSchema = z.object({
  permissions: z.array(
    z.object({ code: z.string(), reason: text.optional(), optional: z.boolean().default(false) }),
  ),
  dependencies: z.record(z.string(), z.string()),
  displayName: text.optional(),
  description: text.optional(),
  author: z
    .object({ name: z.string(), url: z.string().optional(), email: z.string().optional() })
    .optional(),
  homepage: z.string().optional(),
  repository: z.string().optional(),
  license: z.string().optional(),
  categories: z.array(z.string()),
  keywords: z.array(z.string()),
  engines: z.object({ "rising-bsm": z.string().optional(), runtime: z.string().optional() }),
  network: z.array(z.string()),
  pricing: z.object({ plans: z.array(planSchema) }).optional(),
  visibility: visibilitySchema.default("public"),
});

export type StoredManifest = z.output<typeof storedManifestSchema>;

/** The manifest as it was checked and normalised at publish. */
export function storedManifest(row: { readonly manifest: string }): StoredManifest {
  const parsed = storedManifestSchema.safeParse(JSON.parse(row.manifest));
  if (parsed.success) return parsed.data;
  throw new RbsmError("internal", "A stored manifest is not readable", {}, parsed.error);
}

const soldSchema = storedManifestSchema.pick({ pricing: true, visibility: true });

type Plan = z.output<typeof planSchema>;

/** What a plugin that is not public is licensed under when its manifest has no plans. */
const ACCESS_PLAN: Plan = { id: "access", kind: "free" };

/** The plans that licenses of the plugin are issued under. */
export function plansOf({ pricing, visibility }: z.output<typeof soldSchema>): Plan[] {
  return pricing?.plans ?? (visibility === "public" ? [] : [ACCESS_PLAN]);
}

/** The plans of a release, without a look at the rest of its manifest. */
export function storedPlans(row: { readonly manifest: string }): Plan[] {
  return plansOf(soldSchema.parse(JSON.parse(row.manifest)));
}

/** Who finds the plugin that shows this release. */
export function storedVisibility(row: { readonly manifest: string }): Visibility {
  return soldSchema.parse(JSON.parse(row.manifest)).visibility;
}

export function withReason(reason: string | null): false | { reason: string } {
  return reason === null ? false : { reason };
}
