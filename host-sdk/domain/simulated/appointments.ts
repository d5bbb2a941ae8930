import type { z } from "zod";
import { appointmentSchema, type appointmentInput, type Appointment } from "../entities.ts";
import { DEFAULT_PAGE_LIMIT, type AppointmentFilter } from "../filters.ts";
import { DOMAIN_METHODS as M } from "../methods.ts";
import { requireCustomer } from "./customers.ts";
import { containsText, equals, isBetween, onlyIf, pageOf } from "./listing.ts";
import {
  actingUser,
  addNote,
  emit,
  implement,
  indexOf,
  listNotes,
  nextId,
  writeNote,
  type World,
} from "./state.ts";

const OVER: readonly Appointment["status"][] = ["CANCELLED", "COMPLETED", "NO_SHOW"];

export const appointmentHandlers = {
  "appointments.list": implement(M["appointments.list"], ([filter], { state, now }) => {
    const found = state.appointments.filter((item) => matches(item, filter ?? {}, now));
    const { sortBy = "appointmentDate" } = filter ?? {};
    return pageOf(found, filter ?? {}, { by: (item) => item[sortBy], direction: "asc" });
  }),
  "appointments.upcoming": implement(M["appointments.upcoming"], ([limit], { state, now }) => {
    const found = state.appointments.filter((appointment) => isUpcoming(appointment, now));
    const query = { limit: limit ?? DEFAULT_PAGE_LIMIT };
    return pageOf(found, query, { by: (item) => item.appointmentDate, direction: "asc" }).items;
  }),
  "appointments.get": implement(
    M["appointments.get"],
    ([id], { state }) => state.appointments.find((appointment) => appointment.id === id) ?? null,
  ),
  "appointments.create": implement(M["appointments.create"], ([input], world) =>
    createAppointment(world, input),
  ),
  "appointments.update": implement(M["appointments.update"], ([id, patch], world) => {
    const { status, ...fields } = patch;
    if (fields.customerId) requireCustomer(world, fields.customerId);
    const appointment = change(world, id, fields);
    emit(world, "appointments.updated", { appointment });
    return status === undefined ? appointment : setStatus(world, id, status);
  }),
  "appointments.setStatus": implement(M["appointments.setStatus"], ([id, status, note], world) => {
    const appointment = setStatus(world, id, status);
    addNote(world, { owner: "appointment", id }, note);
    return appointment;
  }),
  "appointments.cancel": implement(M["appointments.cancel"], ([id, note], world) => {
    const appointment = setStatus(world, id, "CANCELLED");
    addNote(world, { owner: "appointment", id }, note);
    return appointment;
  }),
  "appointments.delete": implement(M["appointments.delete"], ([id], world) => {
    const { appointments, trash } = world.state;
    const index = appointments.findIndex((appointment) => appointment.id === id);
    const removed = index < 0 ? [] : appointments.splice(index, 1);
    trash.appointments.push(...removed);
    for (const appointment of removed) emit(world, "appointments.deleted", { appointment });
    return removed.length > 0;
  }),
  "appointments.notes.list": implement(M["appointments.notes.list"], ([id], world) => {
    indexOf(world.state.appointments, id, "appointment");
    return listNotes(world, "appointment", id);
  }),
  "appointments.notes.add": implement(M["appointments.notes.add"], ([id, text], world) => {
    indexOf(world.state.appointments, id, "appointment");
    return writeNote(world, { owner: "appointment", id }, text);
  }),
};

export function createAppointment(
  world: World,
  input: z.output<typeof appointmentInput>,
): Appointment {
  if (input.customerId) requireCustomer(world, input.customerId);
  const appointment = appointmentSchema.parse({
    customerId: null,
    duration: 60,
    location: null,
    description: null,
    status: "PLANNED",
    ...input,
    id: nextId(world, "appointment"),
    createdBy: actingUser(world.context).id,
    createdAt: world.now,
    updatedAt: world.now,
  });
  world.state.appointments.push(appointment);
  emit(world, "appointments.created", { appointment });
  return appointment;
}

function change(world: World, id: number, changes: object): Appointment {
  const index = indexOf(world.state.appointments, id, "appointment");
  const before = world.state.appointments[index];
  const after = appointmentSchema.parse({ ...before, ...changes, updatedAt: world.now });
  world.state.appointments[index] = after;
  return after;
}

function setStatus(world: World, id: number, status: Appointment["status"]): Appointment {
  const before = world.state.appointments.find((item) => item.id === id)?.status;
  const appointment = change(world, id, { status });
  if (before !== status) {
    emit(world, "appointments.status_changed", { appointment, previousStatus: before ?? null });
  }
  return appointment;
}

function isUpcoming(appointment: Appointment, now: string): boolean {
  return appointment.appointmentDate >= now && !OVER.includes(appointment.status);
}

function matches(appointment: Appointment, filter: AppointmentFilter, now: string): boolean {
  const { title, location, description, appointmentDate } = appointment;
  const today = now.slice(0, "2026-01-01".length);
  return [
    containsText(filter.search, [title, location, description]),
    equals(filter.status, appointment.status),
    equals<number | null>(filter.customerId, appointment.customerId),
    equals<number | null>(filter.createdById, appointment.createdBy),
    isBetween(appointmentDate, filter.startDate, filter.endDate),
    onlyIf(filter.today, appointmentDate.startsWith(today)),
    onlyIf(filter.upcoming, isUpcoming(appointment, now)),
    onlyIf(filter.past, appointmentDate < now),
  ].every(Boolean);
}
