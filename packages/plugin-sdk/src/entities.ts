import type { Json } from "./json.ts";

/*
 * The application's data as plugins see it. Dates are ISO 8601 in UTC, a missing value is null. They
 * are type aliases, not interfaces, so that each of them can be stored and returned as Json.
 */

/** Where a customer stands. A deleted customer keeps its row and has the status DELETED. */
export type CustomerStatus =
  | "ACTIVE"
  | "INACTIVE"
  | "PENDING"
  | "ARCHIVED"
  | "SUSPENDED"
  | "DELETED";

/** What kind of customer it is. */
export type CustomerType = "PRIVATE" | "BUSINESS" | "INDIVIDUAL" | "GOVERNMENT" | "NON_PROFIT";

/** Somebody the business works for. */
export type Customer = {
  id: number;
  name: string;
  company: string | null;
  email: string | null;
  phone: string | null;
  address: string | null;
  postalCode: string | null;
  city: string | null;
  country: string;
  vatNumber: string | null;
  newsletter: boolean;
  status: CustomerStatus;
  type: CustomerType;
  createdAt: string;
  updatedAt: string;
};

/** Where an appointment stands. */
export type AppointmentStatus =
  | "PLANNED"
  | "CONFIRMED"
  | "CANCELLED"
  | "IN_PROGRESS"
  | "COMPLETED"
  | "RESCHEDULED"
  | "SCHEDULED"
  | "NO_SHOW";

/** Work at a time, mostly for a customer. */
export type Appointment = {
  id: number;
  title: string;
  customerId: number | null;
  appointmentDate: string;
  /** Minutes. */
  duration: number;
  location: string | null;
  description: string | null;
  status: AppointmentStatus;
  /** Id of the user who entered it. */
  createdBy: number | null;
  createdAt: string;
  updatedAt: string;
};

/** Where a request stands. */
export type RequestStatus = "NEW" | "IN_PROGRESS" | "COMPLETED" | "CANCELLED";

/** A message of somebody who wants something: from a form, a call, a chat. */
export type ContactRequest = {
  id: number;
  name: string;
  email: string;
  phone: string | null;
  service: string;
  message: string;
  status: RequestStatus;
  /** Id of the user who works on it. */
  processorId: number | null;
  customerId: number | null;
  appointmentId: number | null;
  /** How it came in, e.g. `form`, `email`, `chatbot`. */
  source: string | null;
  metadata: Json;
  createdAt: string;
  updatedAt: string;
};

/** A note on a customer, an appointment or a request. */
export type Note = {
  id: number;
  userId: number | null;
  userName: string;
  text: string;
  createdAt: string;
};

/** How the data of a request is to be shown. */
export type RequestDataType = "JSON" | "TEXT" | "HTML" | "MARKDOWN" | "FILE" | "CONVERSATION";

/** Structured data on a request, e.g. what a plugin found out about it. */
export type RequestData = {
  id: number;
  category: string;
  label: string;
  order: number;
  dataType: RequestDataType;
  data: Json;
  isValid: boolean;
  /** `plugin:@scope/name` for an entry of a plugin. */
  processedBy: string | null;
  version: number;
  createdAt: string;
  updatedAt: string;
};

/** What a notification is about. */
export type NotificationType =
  | "INFO"
  | "WARNING"
  | "ERROR"
  | "SUCCESS"
  | "SYSTEM"
  | "TASK"
  | "APPOINTMENT"
  | "REQUEST";

/** A message to a user inside the application. */
export type Notification = {
  id: number;
  userId: number;
  type: NotificationType;
  title: string;
  message: string | null;
  read: boolean;
  createdAt: string;
};

/** One page of a list; `total` counts the items of all pages. */
export type Page<T> = { items: T[]; page: number; limit: number; total: number };
