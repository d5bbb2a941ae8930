import { planSchema, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";

const text = z.union([z.string(), z.object({ en: z.string(), de: z.string() })]);

/**
 * What the Worker reads of a manifest that it accepted once. It asks for shapes only: the manifest's
 * own schema may become stricter, and what was published before stays readable.
 */
const storedManifestSchema = z.object({
  permissions: z.array(z.object({ code: z.string(), reason: text.optional() })),
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
});

export type StoredManifest = z.output<typeof storedManifestSchema>;

/** The manifest as it was checked and normalised at publish. */
export function storedManifest(row: { readonly manifest: string }): StoredManifest {
  const parsed = storedManifestSchema.safeParse(JSON.parse(row.manifest));
  if (parsed.success) return parsed.data;
  throw new RbsmError("internal", "A stored manifest is not readable", {}, parsed.error);
}

const pricedSchema = storedManifestSchema.pick({ pricing: true });

/** The plans of a release: the one part of its manifest that selling looks at. */
export function storedPlans(row: {
  readonly manifest: string;
}): NonNullable<StoredManifest["pricing"]>["plans"] {
  return pricedSchema.parse(JSON.parse(row.manifest)).pricing?.plans ?? [];
}

export function withReason(reason: string | null): false | { reason: string } {
  return reason === null ? false : { reason };
}
