import { z } from "zod";
import { MANIFEST_LIMITS } from "./limits.ts";

const TYPES = ["string", "number", "integer", "boolean", "array", "object"] as const;
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: "must be text, a number, true, false or null",
});
const text = z.string().max(MANIFEST_LIMITS.descriptionChars);
const count = z.int().min(0);

/** One field of a settings form: the part of JSON Schema 2020-12 that a form can show. */
export const configFieldSchema = z.strictObject({
  type: z.enum(TYPES).optional(),
  title: text.optional(),
  description: text.optional(),
  default: z.json().optional(),
  examples: z.array(z.json()).max(MANIFEST_LIMITS.listItems).optional(),
  enum: z.array(scalar).min(1).max(MANIFEST_LIMITS.listItems).optional(),
  const: scalar.optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  minLength: count.optional(),
  maxLength: count.optional(),
  format: z.enum(["email", "uri", "date", "date-time", "time", "color", "multiline"]).optional(),
  minItems: count.optional(),
  maxItems: count.optional(),
  uniqueItems: z.boolean().optional(),
  required: z.array(z.string()).max(MANIFEST_LIMITS.listItems).optional(),
  additionalProperties: z.boolean().optional(),
  get items(): z.ZodOptional<typeof configFieldSchema> {
    return configFieldSchema.optional();
  },
  get properties(): z.ZodOptional<z.ZodRecord<z.ZodString, typeof configFieldSchema>> {
    return z.record(z.string(), configFieldSchema).optional();
  },
});

/** The settings form of a plugin: an object of fields. */
export const configSchema = z.strictObject({
  ...configFieldSchema.shape,
  $schema: z.literal("https://json-schema.org/draft/2020-12/schema").optional(),
  type: z.literal("object"),
});
