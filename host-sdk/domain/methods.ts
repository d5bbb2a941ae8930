import type { Json } from "@rising-bsm/protocol";
import { z } from "zod";
import {
  appointmentInput,
  appointmentPatch,
  appointmentSchema,
  appointmentStatusInput,
  convertInput,
  customerInput,
  customerPatch,
  customerSchema,
  customerStatusInput,
  idSchema,
  noteSchema,
  noteText,
  notificationInput,
  notificationSchema,
  requestDataInput,
  requestDataSchema,
  requestInput,
  requestPatch,
  requestSchema,
  requestStatusInput,
} from "./entities.ts";
import {
  appointmentFilter,
  customerFilter,
  limitInput,
  notificationFilter,
  pageSchema,
  requestFilter,
} from "./filters.ts";

/** A host call: the permission it needs and the shapes of what goes in and comes out. */
export interface MethodContract<A extends z.ZodType, R extends z.ZodType<Json>> {
  readonly permission: string;
  /** A tuple. Arguments that may be left out are nullish: a missing one may cross as null. */
  readonly args: A;
  readonly result: R;
}

function method<A extends z.ZodType, R extends z.ZodType<Json>>(
  permission: string,
  args: A,
  result: R,
): MethodContract<A, R> {
  return { permission, args, result };
}

const nothing = z.null();
const onlyId = z.tuple([idSchema]);
const idAndText = z.tuple([idSchema, noteText]);
const optionalText = z.string().trim().max(10_000).nullish();
const notes = z.array(noteSchema);

const customer = customerSchema;
const appointment = appointmentSchema;
const request = requestSchema;

/** Everything of the application's data that a plugin can reach, by the name of the host call. */
export const DOMAIN_METHODS = {
  "customers.list": method(
    "customers.view",
    z.tuple([customerFilter.nullish()]),
    pageSchema(customer),
  ),
  "customers.get": method("customers.view", onlyId, customer.nullable()),
  "customers.create": method("customers.create", z.tuple([customerInput]), customer),
  "customers.update": method("customers.edit", z.tuple([idSchema, customerPatch]), customer),
  "customers.setStatus": method(
    "customers.edit",
    z.tuple([idSchema, customerStatusInput, optionalText]),
    customer,
  ),
  "customers.delete": method("customers.delete", onlyId, z.boolean()),
  "customers.notes.list": method("customers.view", onlyId, notes),
  "customers.notes.add": method("customers.edit", idAndText, noteSchema),

  "appointments.list": method(
    "appointments.view",
    z.tuple([appointmentFilter.nullish()]),
    pageSchema(appointment),
  ),
  "appointments.upcoming": method(
    "appointments.view",
    z.tuple([limitInput.nullish()]),
    z.array(appointment),
  ),
  "appointments.get": method("appointments.view", onlyId, appointment.nullable()),
  "appointments.create": method("appointments.create", z.tuple([appointmentInput]), appointment),
  "appointments.update": method(
    "appointments.edit",
    z.tuple([idSchema, appointmentPatch]),
    appointment,
  ),
  "appointments.setStatus": method(
    "appointments.edit",
    z.tuple([idSchema, appointmentStatusInput, optionalText]),
    appointment,
  ),
  "appointments.cancel": method(
    "appointments.edit",
    z.tuple([idSchema, optionalText]),
    appointment,
  ),
  "appointments.delete": method("appointments.delete", onlyId, z.boolean()),
  "appointments.notes.list": method("appointments.view", onlyId, notes),
  "appointments.notes.add": method("appointments.edit", idAndText, noteSchema),

  "requests.list": method("requests.view", z.tuple([requestFilter.nullish()]), pageSchema(request)),
  "requests.get": method("requests.view", onlyId, request.nullable()),
  "requests.create": method("requests.create", z.tuple([requestInput]), request),
  "requests.update": method("requests.edit", z.tuple([idSchema, requestPatch]), request),
  "requests.setStatus": method(
    "requests.edit",
    z.tuple([idSchema, requestStatusInput, optionalText]),
    request,
  ),
  "requests.assign": method(
    "requests.assign",
    z.tuple([idSchema, idSchema, optionalText]),
    request,
  ),
  "requests.linkCustomer": method("requests.edit", z.tuple([idSchema, idSchema]), request),
  "requests.convert": method(
    "requests.convert",
    z.tuple([idSchema, convertInput.nullish()]),
    z.object({ request, customer, appointment: appointment.nullable() }),
  ),
  "requests.delete": method("requests.delete", onlyId, z.boolean()),
  "requests.notes.list": method("requests.view", onlyId, notes),
  "requests.notes.add": method("requests.edit", idAndText, noteSchema),
  "requests.data.list": method("requests.view", onlyId, z.array(requestDataSchema)),
  "requests.data.put": method(
    "requests.edit",
    z.tuple([idSchema, requestDataInput]),
    requestDataSchema,
  ),

  "notifications.list": method(
    "notifications.view",
    z.tuple([notificationFilter.nullish()]),
    pageSchema(notificationSchema),
  ),
  "notifications.send": method("notifications.send", z.tuple([notificationInput]), nothing),
} as const;

/** Name of a host call that reaches the application's data, `customers.list` for instance. */
export type DomainMethod = keyof typeof DOMAIN_METHODS;

/** Whether a name is in the table. */
export function isDomainMethod(name: string): name is DomainMethod {
  return Object.hasOwn(DOMAIN_METHODS, name);
}
