import type { Appointment, Customer } from "@rising-bsm/plugin-sdk";

/** One appointment of a plan. */
export type PlannedVisit = {
  id: number;
  start: string;
  end: string;
  title: string;
  status: Appointment["status"];
  location: string | null;
  customer: { name: string; phone: string | null } | null;
  /** Free minutes before it, counted from the end of the one before; null for the first. */
  gapMinutes: number | null;
};

/** Two appointments with less time between them than it takes to get from one to the other. */
export type Overlap = { ids: [number, number]; missingMinutes: number };

const MINUTE_MS = 60_000;
const OVER: readonly Appointment["status"][] = ["CANCELLED", "NO_SHOW"];

/** The appointments that take place, in order, with the gaps between them. */
export function planDay(
  appointments: readonly Appointment[],
  customers: ReadonlyMap<number, Customer>,
): PlannedVisit[] {
  const day = takingPlace(appointments);
  return day.map((appointment, index) => {
    const before = day[index - 1];
    const customer = customers.get(appointment.customerId ?? 0);
    return {
      id: appointment.id,
      start: appointment.appointmentDate,
      end: new Date(endOf(appointment)).toISOString(),
      title: appointment.title,
      status: appointment.status,
      location: appointment.location,
      customer: customer ? { name: customer.name, phone: customer.phone } : null,
      gapMinutes: before ? minutesBetween(before, appointment) : null,
    };
  });
}

/** Every pair of neighbours that is too close. */
export function findOverlaps(
  appointments: readonly Appointment[],
  travelMinutes: number,
): Overlap[] {
  const day = takingPlace(appointments);
  return day.flatMap((appointment, index): Overlap[] => {
    const before = day[index - 1];
    if (before === undefined) return [];
    const missingMinutes = travelMinutes - minutesBetween(before, appointment);
    return missingMinutes > 0 ? [{ ids: [before.id, appointment.id], missingMinutes }] : [];
  });
}

/** The plan as lines a person reads. */
export function describeDay(visits: readonly PlannedVisit[]): string {
  if (visits.length === 0) return "Keine Termine / no appointments";
  return visits
    .map(({ start, title, customer, location }) =>
      [start.slice(11, 16), title, customer?.name, location].filter(Boolean).join(" · "),
    )
    .join("\n");
}

function takingPlace(appointments: readonly Appointment[]): Appointment[] {
  return appointments
    .filter((appointment) => !OVER.includes(appointment.status))
    .toSorted((a, b) => startOf(a) - startOf(b));
}

function minutesBetween(before: Appointment, after: Appointment): number {
  return Math.round((startOf(after) - endOf(before)) / MINUTE_MS);
}

function startOf(appointment: Appointment): number {
  return Date.parse(appointment.appointmentDate);
}

function endOf(appointment: Appointment): number {
  return startOf(appointment) + appointment.duration * MINUTE_MS;
}
