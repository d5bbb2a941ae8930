import type { Json } from "@rising-bsm/protocol";
import { z } from "zod";

/*
 * What a plugin sees of the application's data. Dates are ISO 8601 in UTC, enums upper case, a
 * missing value is null. The lengths are those of the application's columns: a longer text would
 * fail in its database with an error that names tables.
 */

/** Any JSON value, checked where it entered the host. */
export const jsonValue = z.custom<Json>((value) => value !== undefined);

export const idSchema = z.int().min(1);
const LONG_TEXT = 10_000;
const longText = z.string().max(LONG_TEXT);
const dateTime = z.iso.datetime({ offset: true });

/** Date as a plugin may write it: with any offset, or only the day. Becomes UTC. */
export const dateInput = z.union([dateTime, z.iso.date()]).transform(toIso);

function toIso(text: string): string {
  return new Date(text).toISOString();
}

/** A required text that is not only spaces. */
function requiredText(length: number) {
  return z.string().trim().min(1).max(length);
}

/** An enum as a plugin may write it: rows of old installations and people use lower case. */
function enumInput<const T extends readonly [string, ...string[]]>(values: T) {
  return z.preprocess(upperCase, z.enum(values));
}

function upperCase(value: unknown): unknown {
  return typeof value === "string" ? value.toUpperCase() : value;
}

export const CUSTOMER_STATUSES = [
  "ACTIVE",
  "INACTIVE",
  "PENDING",
  "ARCHIVED",
  "SUSPENDED",
  "DELETED",
] as const;
export const CUSTOMER_TYPES = [
  "PRIVATE",
  "BUSINESS",
  "INDIVIDUAL",
  "GOVERNMENT",
  "NON_PROFIT",
] as const;
export const APPOINTMENT_STATUSES = [
  "PLANNED",
  "CONFIRMED",
  "CANCELLED",
  "IN_PROGRESS",
  "COMPLETED",
  "RESCHEDULED",
  "SCHEDULED",
  "NO_SHOW",
] as const;
export const REQUEST_STATUSES = ["NEW", "IN_PROGRESS", "COMPLETED", "CANCELLED"] as const;
export const NOTIFICATION_TYPES = [
  "INFO",
  "WARNING",
  "ERROR",
  "SUCCESS",
  "SYSTEM",
  "TASK",
  "APPOINTMENT",
  "REQUEST",
] as const;
export const DATA_TYPES = ["JSON", "TEXT", "HTML", "MARKDOWN", "FILE", "CONVERSATION"] as const;
export const ROLES = ["ADMIN", "MANAGER", "EMPLOYEE", "USER"] as const;

/** A status a plugin may filter by. */
export const customerStatusFilter = enumInput(CUSTOMER_STATUSES);
/** A status a plugin may set: DELETED needs `customers.delete` and its own call. */
export const customerStatusInput = z.preprocess(
  upperCase,
  z.enum(CUSTOMER_STATUSES).exclude(["DELETED"]),
);
export const customerTypeInput = enumInput(CUSTOMER_TYPES);
export const appointmentStatusInput = enumInput(APPOINTMENT_STATUSES);
export const requestStatusInput = enumInput(REQUEST_STATUSES);
export const notificationTypeInput = enumInput(NOTIFICATION_TYPES);

const changeTimes = { createdAt: dateTime, updatedAt: dateTime };

export const customerSchema = z.object({
  id: idSchema,
  name: z.string(),
  company: z.string().nullable(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
  address: z.string().nullable(),
  postalCode: z.string().nullable(),
  city: z.string().nullable(),
  country: z.string(),
  vatNumber: z.string().nullable(),
  newsletter: z.boolean(),
  status: z.enum(CUSTOMER_STATUSES),
  type: z.enum(CUSTOMER_TYPES),
  ...changeTimes,
});

export const appointmentSchema = z.object({
  id: idSchema,
  title: z.string(),
  customerId: idSchema.nullable(),
  appointmentDate: dateTime,
  /** Minutes. */
  duration: z.int(),
  location: z.string().nullable(),
  description: z.string().nullable(),
  status: z.enum(APPOINTMENT_STATUSES),
  createdBy: idSchema.nullable(),
  ...changeTimes,
});

export const requestSchema = z.object({
  id: idSchema,
  name: z.string(),
  email: z.string(),
  phone: z.string().nullable(),
  service: z.string(),
  message: z.string(),
  status: z.enum(REQUEST_STATUSES),
  processorId: idSchema.nullable(),
  customerId: idSchema.nullable(),
  appointmentId: idSchema.nullable(),
  source: z.string().nullable(),
  metadata: jsonValue,
  ...changeTimes,
});

export const noteSchema = z.object({
  id: idSchema,
  userId: idSchema.nullable(),
  userName: z.string(),
  text: z.string(),
  createdAt: dateTime,
});

export const requestDataSchema = z.object({
  id: idSchema,
  category: z.string(),
  label: z.string(),
  order: z.int(),
  dataType: z.enum(DATA_TYPES),
  data: jsonValue,
  isValid: z.boolean(),
  processedBy: z.string().nullable(),
  version: z.int(),
  ...changeTimes,
});

export const notificationSchema = z.object({
  id: idSchema,
  userId: idSchema,
  type: z.enum(NOTIFICATION_TYPES),
  title: z.string(),
  message: z.string().nullable(),
  read: z.boolean(),
  createdAt: dateTime,
});

/** A customer as plugins see one. */
export type Customer = z.output<typeof customerSchema>;
/** An appointment as plugins see one. */
export type Appointment = z.output<typeof appointmentSchema>;
/** A request that came in, from the website for instance, until it is converted or closed. */
export type ContactRequest = z.output<typeof requestSchema>;
/** A note on a customer, appointment or request; `userId` is null when the writer is no user. */
export type Note = z.output<typeof noteSchema>;
/** What a plugin or the application found out about a request. */
export type RequestData = z.output<typeof requestDataSchema>;
/** A notification of one user. */
export type Notification = z.output<typeof notificationSchema>;

const customerFields = {
  company: z.string().max(100).nullish(),
  email: z.email().max(100).nullish(),
  phone: z.string().max(30).nullish(),
  address: longText.nullish(),
  postalCode: z.string().max(10).nullish(),
  city: z.string().max(100).nullish(),
  country: requiredText(100).optional(),
  vatNumber: z.string().max(50).nullish(),
  newsletter: z.boolean().optional(),
  status: customerStatusInput.optional(),
  type: customerTypeInput.optional(),
};

export const customerInput = z.strictObject({ name: requiredText(100), ...customerFields });
export const customerPatch = customerInput.partial();

const appointmentFields = {
  customerId: idSchema.nullish(),
  duration: z
    .int()
    .min(1)
    .max(7 * 24 * 60)
    .optional(),
  location: z.string().max(200).nullish(),
  description: longText.nullish(),
  status: appointmentStatusInput.optional(),
};

export const appointmentInput = z.strictObject({
  title: requiredText(200),
  appointmentDate: dateInput,
  ...appointmentFields,
});
export const appointmentPatch = appointmentInput.partial();

export const requestInput = z.strictObject({
  name: requiredText(100),
  email: z.email().max(100),
  phone: z.string().max(30).nullish(),
  service: requiredText(50),
  message: requiredText(LONG_TEXT),
  source: z.string().max(50).nullish(),
  metadata: jsonValue.optional(),
});
export const requestPatch = requestInput.partial();

export const convertInput = z.strictObject({
  /** What the new customer should have besides, or instead of, the request's name and contact. */
  customer: customerPatch.optional(),
  note: longText.nullish(),
  appointment: appointmentInput.omit({ customerId: true }).optional(),
});

export const requestDataInput = z.strictObject({
  category: requiredText(50),
  label: requiredText(100),
  order: z.int().min(0).optional(),
  dataType: enumInput(DATA_TYPES).optional(),
  data: jsonValue,
});

export const notificationInput = z.strictObject({
  to: z.union([
    z.literal("installer"),
    z.strictObject({ role: enumInput(ROLES) }),
    z.strictObject({ userId: idSchema }),
  ]),
  title: requiredText(100),
  message: longText.nullish(),
  type: notificationTypeInput.optional(),
});

export const noteText = requiredText(LONG_TEXT);
