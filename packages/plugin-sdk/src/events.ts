import type {
  Appointment,
  AppointmentStatus,
  ContactRequest,
  Customer,
  CustomerStatus,
  RequestStatus,
} from "./entities.ts";

/** What every event says. */
export type EventBase = {
  /** When it happened. */
  at: string;
  /** Name of the plugin that caused it; null for a user of the application. */
  origin: string | null;
};

/** Something happened to a customer. */
export type CustomerEvent = EventBase & { customer: Customer };

/** Something happened to an appointment. */
export type AppointmentEvent = EventBase & { appointment: Appointment };

/** Something happened to a request. */
export type RequestEvent = EventBase & { request: ContactRequest };

/** Every event a plugin can name under `hooks`, with what its function gets. */
export type HookEvents = {
  "customers.created": CustomerEvent;
  "customers.updated": CustomerEvent;
  "customers.status_changed": CustomerEvent & { previousStatus: CustomerStatus | null };
  "customers.deleted": CustomerEvent;
  "appointments.created": AppointmentEvent;
  "appointments.updated": AppointmentEvent;
  "appointments.status_changed": AppointmentEvent & { previousStatus: AppointmentStatus | null };
  "appointments.deleted": AppointmentEvent;
  "requests.created": RequestEvent;
  "requests.updated": RequestEvent;
  "requests.status_changed": RequestEvent & { previousStatus: RequestStatus | null };
  "requests.assigned": RequestEvent;
  "requests.converted": RequestEvent & { customer: Customer; appointment: Appointment | null };
  "requests.deleted": RequestEvent;
};

/** Name of an event. */
export type HookEvent = keyof HookEvents;
