import type {
  Appointment,
  AppointmentStatus,
  ContactRequest,
  Customer,
  CustomerStatus,
  CustomerType,
  NotificationType,
  RequestDataType,
  RequestStatus,
} from "./entities.ts";
import type { Json } from "./json.ts";

/** A status that `customers.setStatus` takes; deleting is `customers.delete`. */
export type SettableCustomerStatus = Exclude<CustomerStatus, "DELETED">;

/** A new customer. Lengths: name, company, email, city 100; phone 30; postalCode 10; vatNumber 50. */
export type CustomerInput = {
  name: string;
  company?: string | null;
  email?: string | null;
  phone?: string | null;
  address?: string | null;
  postalCode?: string | null;
  city?: string | null;
  /** Default `Deutschland`. */
  country?: string;
  vatNumber?: string | null;
  newsletter?: boolean;
  status?: SettableCustomerStatus;
  type?: CustomerType;
};

/** A new appointment: title up to 200 characters, an ISO date, 60 minutes unless it says more. */
export type AppointmentInput = {
  title: string;
  appointmentDate: string;
  customerId?: number | null;
  duration?: number;
  location?: string | null;
  description?: string | null;
  status?: AppointmentStatus;
};

/** A new request: name and email up to 100 characters, service up to 50. */
export type RequestInput = {
  name: string;
  email: string;
  service: string;
  message: string;
  phone?: string | null;
  source?: string | null;
  metadata?: Json;
};

/** How a request becomes a customer; without a word it takes the request's name and contact. */
export type ConvertInput = {
  customer?: Partial<CustomerInput>;
  note?: string | null;
  /** Makes an appointment for the new customer too. */
  appointment?: Omit<AppointmentInput, "customerId">;
};

/** What `requests.convert` made. */
export type Converted = {
  request: ContactRequest;
  customer: Customer;
  appointment: Appointment | null;
};

/** Data to attach to a request; the plugin's own entry of that category and label is replaced. */
export type RequestDataInput = {
  category: string;
  label: string;
  data: Json;
  order?: number;
  dataType?: RequestDataType;
};

/** A message to people of the team: to who installed the plugin, to a role or to one user. */
export type NotificationInput = {
  to: "installer" | { role: "ADMIN" | "MANAGER" | "EMPLOYEE" | "USER" } | { userId: number };
  title: string;
  message?: string | null;
  type?: NotificationType;
};

/** Which page of a list, and in which order. */
export type PageQuery<Sort extends string> = {
  /** From 1. */
  page?: number;
  /** 20 unless it says otherwise, 100 at most: a larger number is 100. */
  limit?: number;
  sortBy?: Sort;
  sortDirection?: "asc" | "desc";
};

/** Which customers. Deleted ones are left out unless the status asks for them. */
export type CustomerFilter = PageQuery<
  | "createdAt"
  | "updatedAt"
  | "name"
  | "email"
  | "company"
  | "city"
  | "type"
  | "status"
  | "newsletter"
  | "postalCode"
> & {
  /** In name, company, email, phone and city. */
  search?: string;
  status?: CustomerStatus;
  type?: CustomerType;
  city?: string;
  country?: string;
  postalCode?: string;
  newsletter?: boolean;
  createdAfter?: string;
  createdBefore?: string;
};

/** Which appointments. */
export type AppointmentFilter = PageQuery<
  "appointmentDate" | "title" | "status" | "customerId" | "createdAt" | "updatedAt"
> & {
  /** In title, location and description. */
  search?: string;
  status?: AppointmentStatus;
  customerId?: number;
  createdById?: number;
  startDate?: string;
  endDate?: string;
  today?: boolean;
  /** From now on, without those that are cancelled or over. */
  upcoming?: boolean;
  past?: boolean;
};

/** Which requests. The newest come first. */
export type RequestFilter = PageQuery<"createdAt" | "updatedAt" | "name" | "status" | "service"> & {
  /** In name, email and message. */
  search?: string;
  status?: RequestStatus;
  service?: string;
  processorId?: number;
  customerId?: number;
  unassigned?: boolean;
  notConverted?: boolean;
  startDate?: string;
  endDate?: string;
};

/** Which notifications of the acting user. */
export type NotificationFilter = PageQuery<"createdAt"> & {
  unread?: boolean;
  type?: NotificationType;
};
