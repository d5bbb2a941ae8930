import type {
  Appointment,
  AppointmentStatus,
  ContactRequest,
  Customer,
  Note,
  Notification,
  Page,
  RequestData,
  RequestStatus,
} from "./entities.ts";
import type {
  AppointmentFilter,
  AppointmentInput,
  Converted,
  ConvertInput,
  CustomerFilter,
  CustomerInput,
  NotificationFilter,
  NotificationInput,
  RequestDataInput,
  RequestFilter,
  RequestInput,
  SettableCustomerStatus,
} from "./inputs.ts";
import type { Json } from "./json.ts";

/**
 * Everything a plugin can do: `this.api` in each of its functions, and the argument of `onActivate`.
 * A call that the manifest's `permissions` do not cover fails with `code` `permission_denied`; a
 * wrong argument is `request_invalid`, an id that does not exist `not_found`.
 */
export interface PluginApi {
  /** Writes a line to the plugin's log: 256 lines and 64 KiB a call. */
  log(
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Record<string, Json>,
  ): void;
  readonly storage: StorageApi;
  readonly customers: CustomersApi;
  readonly appointments: AppointmentsApi;
  readonly requests: RequestsApi;
  readonly notifications: NotificationsApi;
  readonly license: LicenseApi;
  readonly plugins: PluginsApi;
  /** What the administrator entered in the settings form that the manifest's `config` describes. */
  readonly config: Readonly<Record<string, Json>>;
}

/** The plugin's own keys and values: 5 MiB, 1,000 keys, 256 KiB a value; needs no permission. */
export interface StorageApi {
  /** The value, or null when there is none or it expired. */
  get(key: string): Promise<Json>;
  /** Fails with `limit_storage` when it does not fit. */
  set(key: string, value: Json, options?: SetOptions): Promise<{ version: number }>;
  /** False when there was no such key. */
  delete(key: string): Promise<boolean>;
  /** Keys in order; `cursor` continues a list that has more. */
  list(options?: {
    prefix?: string;
    limit?: number;
    cursor?: string;
  }): Promise<{ keys: string[]; cursor?: string }>;
}

/** How a value is stored. */
export type SetOptions = {
  /** The value is gone after so many seconds. */
  ttlSeconds?: number;
  /**
   * Version the value must still have, as `set` answered it; 0: there must be none. Otherwise the
   * call fails with `conflict_row_version` and stores nothing.
   */
  ifVersion?: number;
};

/** Notes on one kind of thing. */
export interface NotesApi {
  list(id: number): Promise<Note[]>;
  add(id: number, text: string): Promise<Note>;
}

/** Needs `customers.view`, `customers.create`, `customers.edit` or `customers.delete`. */
export interface CustomersApi {
  list(filter?: CustomerFilter): Promise<Page<Customer>>;
  get(id: number): Promise<Customer | null>;
  create(input: CustomerInput): Promise<Customer>;
  update(id: number, patch: Partial<CustomerInput>): Promise<Customer>;
  setStatus(id: number, status: SettableCustomerStatus, reason?: string): Promise<Customer>;
  /** Marks the customer as deleted; false when it was already or never existed. */
  delete(id: number): Promise<boolean>;
  readonly notes: NotesApi;
}

/** Needs `appointments.view`, `appointments.create`, `appointments.edit` or `appointments.delete`. */
export interface AppointmentsApi {
  list(filter?: AppointmentFilter): Promise<Page<Appointment>>;
  /** The next ones, 20 unless it says otherwise, without those that are cancelled or over. */
  upcoming(limit?: number): Promise<Appointment[]>;
  get(id: number): Promise<Appointment | null>;
  create(input: AppointmentInput): Promise<Appointment>;
  update(id: number, patch: Partial<AppointmentInput>): Promise<Appointment>;
  setStatus(id: number, status: AppointmentStatus, note?: string): Promise<Appointment>;
  cancel(id: number, note?: string): Promise<Appointment>;
  /** False when there was none. */
  delete(id: number): Promise<boolean>;
  readonly notes: NotesApi;
}

/** Needs `requests.view`, `.create`, `.edit`, `.assign`, `.convert` or `.delete`. */
export interface RequestsApi {
  list(filter?: RequestFilter): Promise<Page<ContactRequest>>;
  get(id: number): Promise<ContactRequest | null>;
  create(input: RequestInput): Promise<ContactRequest>;
  update(id: number, patch: Partial<RequestInput>): Promise<ContactRequest>;
  setStatus(id: number, status: RequestStatus, note?: string): Promise<ContactRequest>;
  /** Gives it to a user; a new request is then in progress. */
  assign(id: number, userId: number, note?: string): Promise<ContactRequest>;
  linkCustomer(id: number, customerId: number): Promise<ContactRequest>;
  /** Makes a customer of it; one that belongs to a customer already is `conflict_state`. */
  convert(id: number, input?: ConvertInput): Promise<Converted>;
  /** False when there was none. */
  delete(id: number): Promise<boolean>;
  readonly notes: NotesApi;
  /** Structured data on a request. */
  readonly data: {
    list(id: number): Promise<RequestData[]>;
    put(id: number, entry: RequestDataInput): Promise<RequestData>;
  };
}

/** Needs `notifications.send` or `notifications.view`. */
export interface NotificationsApi {
  send(notification: NotificationInput): Promise<void>;
  /** Those of the acting user. */
  list(filter?: NotificationFilter): Promise<Page<Notification>>;
}

/** What the license allows. Never needs the network. */
export interface LicenseApi {
  /** Whether an entitlement is on: `true`, or a number other than 0. */
  has(entitlement: string): boolean;
  info(): LicenseInfo;
}

/** A license as the plugin may show it; times are ISO 8601. */
export type LicenseInfo = {
  /** grace: the end is near or past, show a hint. restricted: paid entitlements are off. */
  state: "none" | "active" | "grace" | "restricted";
  kind: "free" | "perpetual" | "subscription" | "trial" | "floating" | null;
  /** Who the license was sold to. */
  org: string | null;
  entitlements: Record<string, boolean | number>;
  /** End of the paid time. */
  until: string | null;
  /** Versions published later are not covered. */
  updatesUntil: string | null;
  /** When the state changes if no renewal gets through. */
  stateUntil: string | null;
  seats: number | null;
  users: number | null;
};

/** Other plugins. */
export interface PluginsApi {
  /**
   * Calls a method of a plugin that the manifest names under `dependencies`. It runs with that
   * plugin's permissions and for the same user.
   */
  call(name: string, method: string, ...args: Json[]): Promise<Json>;
}
