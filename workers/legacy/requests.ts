import { z } from "zod";
import { LICENSE_TYPES } from "./license-types.ts";

/** What hosts of the old system send as an id: a number of their own, or a name. */
const idSchema = z.union([z.string().min(1).max(130), z.number().int().min(0)]);

/** `POST /licenses/verify`. Its signature needs a key that no host has, and is not looked at. */
export const presentedSchema = z.object({
  licenseKey: z.string().min(1).max(100),
  pluginId: idSchema,
  hardwareId: z.string().regex(/^[0-9a-f]{64}$/i, "Invalid hardware ID"),
});

/** `POST /licenses`. */
export const orderSchema = z.object({
  pluginId: idSchema,
  type: z.enum(LICENSE_TYPES),
  userId: idSchema.nullish(),
  expiresAt: z.iso.datetime({ offset: true }).nullish(),
  hardwareId: presentedSchema.shape.hardwareId.nullish(),
  maxInstalls: z.union([z.literal(-1), z.number().int().min(1).max(1_000_000)]).nullish(),
  usageLimits: z.record(z.string().max(64), z.unknown()).nullish(),
});
export type LegacyOrderRequest = z.output<typeof orderSchema>;

/** `POST /licenses/KEY/transfer`. */
export const transferSchema = z.object({ newUserId: idSchema });
/** `POST /licenses/KEY/revoke`. */
export const revocationSchema = z.object({ reason: z.string().max(500).nullish() });

/** `POST /plugins/ID/download`: free plugins need no key. */
export const downloadSchema = z.object({
  licenseKey: z.string().max(100).nullish(),
  hardwareId: z.string().max(256).nullish(),
});

const SORTS = {
  downloads: "popular",
  rating: "popular",
  createdAt: "new",
  updatedAt: "updated",
  name: "relevance",
} as const;

const wholeNumber = (most: number, missing: number) =>
  z.coerce.number().int().min(1).max(most).default(missing);

/** `GET /plugins`. Pages are walked to, so their number has an end. */
export const searchSchema = z.object({
  query: z.string().default(""),
  category: z.string().optional(),
  status: z.string().default("approved"),
  sortBy: z
    .string()
    .transform((name) => Object.entries(SORTS).find(([known]) => known === name)?.[1])
    .optional(),
  page: wholeNumber(10, 1),
  limit: wholeNumber(100, 20),
});
export type LegacySearch = z.output<typeof searchSchema>;
