import {
  definePlugin,
  type Appointment,
  type Customer,
  type PluginApi,
} from "@rising-bsm/plugin-sdk";
import { describeDay, findOverlaps, planDay } from "./plan-day.ts";

const DAY_SECONDS = 86_400;
const LARGEST_PAGE = 100;
const DEFAULT_TRAVEL_MINUTES = 15;
const ROLES = ["ADMIN", "MANAGER", "EMPLOYEE"] as const;

export default definePlugin({
  methods: {
    /** The day's appointments in order; without a date, those of today. */
    async plan(date?: string | null) {
      const appointments = await dayOf(this.api, date);
      const customers = await customersOf(this.api, appointments);
      return { date: date ?? "today", visits: planDay(appointments, customers) };
    },
    /** Pairs of the day's appointments with too little time between them. */
    async overlaps(date?: string | null) {
      return findOverlaps(await dayOf(this.api, date), travelMinutes(this.api));
    },
    /** The next appointments of all days. */
    async next(limit?: number | null) {
      const appointments = await this.api.appointments.upcoming(limit ?? 5);
      return planDay(appointments, await customersOf(this.api, appointments));
    },
  },
  hooks: {
    async "appointments.created"({ appointment }) {
      await warnOfOverlap(this.api, appointment);
    },
    async "appointments.updated"({ appointment }) {
      await warnOfOverlap(this.api, appointment);
    },
  },
  schedules: {
    async morning() {
      const appointments = await dayOf(this.api);
      const visits = planDay(appointments, await customersOf(this.api, appointments));
      await this.api.notifications.send({
        to: { role: role(this.api) },
        type: "APPOINTMENT",
        title: `Heute / today: ${visits.length}`,
        message: describeDay(visits),
      });
    },
  },
});

function travelMinutes(api: PluginApi): number {
  const { travelMinutes: minutes } = api.config;
  return typeof minutes === "number" ? minutes : DEFAULT_TRAVEL_MINUTES;
}

function role(api: PluginApi): (typeof ROLES)[number] {
  return ROLES.find((known) => known === api.config["role"]) ?? "EMPLOYEE";
}

async function dayOf(api: PluginApi, date?: string | null): Promise<Appointment[]> {
  const day = date ? { startDate: date, endDate: `${date}T23:59:59.999Z` } : { today: true };
  return (await api.appointments.list({ ...day, limit: LARGEST_PAGE })).items;
}

/** The customers behind the appointments; none of them where the plugin may not see customers. */
async function customersOf(
  api: PluginApi,
  appointments: readonly Appointment[],
): Promise<Map<number, Customer>> {
  const ids = new Set(appointments.flatMap(({ customerId }) => customerId ?? []));
  const found = await Promise.allSettled([...ids].map((id) => api.customers.get(id)));
  const customers = found.flatMap((result) =>
    result.status === "fulfilled" && result.value !== null ? [result.value] : [],
  );
  return new Map(customers.map((customer) => [customer.id, customer]));
}

/** Warns once a day of each pair: an appointment that is moved about would warn each time. */
async function warnOfOverlap(api: PluginApi, appointment: Appointment): Promise<void> {
  const day = await dayOf(api, appointment.appointmentDate.slice(0, 10));
  const overlap = findOverlaps(day, travelMinutes(api)).find(({ ids }) =>
    ids.includes(appointment.id),
  );
  if (overlap === undefined) return;
  const key = `warned/${overlap.ids.join("-")}`;
  if ((await api.storage.get(key)) !== null) return;
  await api.storage.set(key, true, { ttlSeconds: DAY_SECONDS });
  const message = `#${overlap.ids.join(" / #")}: ${overlap.missingMinutes} min`;
  await api.notifications.send({
    to: "installer",
    type: "WARNING",
    title: "Termine zu knapp / appointments too close",
    message,
  });
  await noteOverlap(api, appointment.id, message);
}

async function noteOverlap(api: PluginApi, id: number, message: string): Promise<void> {
  try {
    await api.appointments.notes.add(id, `Zu knapp / too close: ${message}`);
  } catch (error) {
    // The permission for notes is optional; the notification has been sent by now.
    api.log("info", `No note on appointment ${id}: ${String(error)}`);
  }
}
