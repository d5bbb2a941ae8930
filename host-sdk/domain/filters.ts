import { z } from "zod";
import {
  appointmentStatusInput,
  customerStatusFilter,
  customerTypeInput,
  dateInput,
  idSchema,
  notificationTypeInput,
  requestStatusInput,
} from "./entities.ts";

/** Items on the largest page and on one that names no limit. The application itself has no maximum. */
export const PAGE_LIMIT = 100;
export const DEFAULT_PAGE_LIMIT = 20;

/** How many a plugin asks for: more than the largest page is the largest page. */
export const limitInput = z
  .int()
  .min(1)
  .transform((limit) => Math.min(limit, PAGE_LIMIT));

const search = z.string().trim().max(200);

function pageOf<const T extends readonly [string, ...string[]]>(sortFields: T) {
  return {
    page: z.int().min(1).optional(),
    limit: limitInput.optional(),
    sortBy: z.enum(sortFields).optional(),
    sortDirection: z.enum(["asc", "desc"]).optional(),
  };
}

export const CUSTOMER_SORTS = [
  "createdAt",
  "updatedAt",
  "name",
  "email",
  "company",
  "city",
  "type",
  "status",
  "newsletter",
  "postalCode",
] as const;

export const customerFilter = z.strictObject({
  search: search.optional(),
  status: customerStatusFilter.optional(),
  type: customerTypeInput.optional(),
  city: z.string().optional(),
  country: z.string().optional(),
  postalCode: z.string().optional(),
  newsletter: z.boolean().optional(),
  createdAfter: dateInput.optional(),
  createdBefore: dateInput.optional(),
  ...pageOf(CUSTOMER_SORTS),
});

export const APPOINTMENT_SORTS = [
  "appointmentDate",
  "title",
  "status",
  "customerId",
  "createdAt",
  "updatedAt",
] as const;

export const appointmentFilter = z.strictObject({
  search: search.optional(),
  status: appointmentStatusInput.optional(),
  customerId: idSchema.optional(),
  createdById: idSchema.optional(),
  startDate: dateInput.optional(),
  endDate: dateInput.optional(),
  today: z.boolean().optional(),
  upcoming: z.boolean().optional(),
  past: z.boolean().optional(),
  ...pageOf(APPOINTMENT_SORTS),
});

export const REQUEST_SORTS = ["createdAt", "updatedAt", "name", "status", "service"] as const;

export const requestFilter = z.strictObject({
  search: search.optional(),
  status: requestStatusInput.optional(),
  service: z.string().optional(),
  processorId: idSchema.optional(),
  customerId: idSchema.optional(),
  unassigned: z.boolean().optional(),
  notConverted: z.boolean().optional(),
  startDate: dateInput.optional(),
  endDate: dateInput.optional(),
  ...pageOf(REQUEST_SORTS),
});

export const notificationFilter = z.strictObject({
  unread: z.boolean().optional(),
  type: notificationTypeInput.optional(),
  ...pageOf(["createdAt"]),
});

/** What `customers.list` is asked for. */
export type CustomerFilter = z.output<typeof customerFilter>;
/** What `appointments.list` is asked for. */
export type AppointmentFilter = z.output<typeof appointmentFilter>;
/** What `requests.list` is asked for. */
export type RequestFilter = z.output<typeof requestFilter>;

/** One page of a list; `total` counts the items of all pages. */
export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    page: z.int().min(1),
    limit: z.int().min(1).max(PAGE_LIMIT),
    total: z.int().min(0),
  });
}
