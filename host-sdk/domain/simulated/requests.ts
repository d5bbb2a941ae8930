import { RbsmError } from "@rising-bsm/protocol";
import type { z } from "zod";
import {
  requestDataSchema,
  requestSchema,
  type ContactRequest,
  type RequestData,
  type requestDataInput,
} from "../entities.ts";
import type { RequestFilter } from "../filters.ts";
import { DOMAIN_METHODS as M } from "../methods.ts";
import { createAppointment } from "./appointments.ts";
import { createCustomer, requireCustomer } from "./customers.ts";
import { containsText, equals, equalsText, isBetween, onlyIf, pageOf } from "./listing.ts";
import {
  addNote,
  emit,
  implement,
  indexOf,
  listNotes,
  nextId,
  notFound,
  USERS,
  writeNote,
  type World,
} from "./state.ts";

export const requestHandlers = {
  "requests.list": implement(M["requests.list"], ([filter], { state }) => {
    const found = state.requests.filter((request) => matches(request, filter ?? {}));
    const { sortBy = "createdAt" } = filter ?? {};
    const direction = sortBy === "createdAt" ? "desc" : "asc";
    return pageOf(found, filter ?? {}, { by: (request) => request[sortBy], direction });
  }),
  "requests.get": implement(
    M["requests.get"],
    ([id], { state }) => state.requests.find((request) => request.id === id) ?? null,
  ),
  "requests.create": implement(M["requests.create"], ([input], world) => {
    const request = requestSchema.parse({
      phone: null,
      source: "api",
      metadata: null,
      ...input,
      id: nextId(world, "request"),
      status: "NEW",
      processorId: null,
      customerId: null,
      appointmentId: null,
      createdAt: world.now,
      updatedAt: world.now,
    });
    world.state.requests.push(request);
    emit(world, "requests.created", { request });
    return request;
  }),
  "requests.update": implement(M["requests.update"], ([id, patch], world) => {
    const request = change(world, id, patch);
    emit(world, "requests.updated", { request });
    return request;
  }),
  "requests.setStatus": implement(M["requests.setStatus"], ([id, status, note], world) => {
    const request = setStatus(world, id, status);
    addNote(world, { owner: "request", id }, note);
    return request;
  }),
  "requests.assign": implement(M["requests.assign"], ([id, userId, note], world) => {
    if (!USERS.some((user) => user.id === userId)) throw notFound("user", userId);
    const request = change(world, id, { processorId: userId });
    addNote(world, { owner: "request", id }, note);
    emit(world, "requests.assigned", { request });
    return request.status === "NEW" ? setStatus(world, id, "IN_PROGRESS") : request;
  }),
  "requests.linkCustomer": implement(M["requests.linkCustomer"], ([id, customerId], world) => {
    requireCustomer(world, customerId);
    const request = change(world, id, { customerId });
    emit(world, "requests.updated", { request });
    return request;
  }),
  "requests.convert": implement(M["requests.convert"], ([id, input], world) =>
    convert(world, id, input ?? {}),
  ),
  "requests.delete": implement(M["requests.delete"], ([id], world) => {
    const { requests, trash } = world.state;
    const index = requests.findIndex((request) => request.id === id);
    const removed = index < 0 ? [] : requests.splice(index, 1);
    trash.requests.push(...removed);
    for (const request of removed) emit(world, "requests.deleted", { request });
    return removed.length > 0;
  }),
  "requests.notes.list": implement(M["requests.notes.list"], ([id], world) => {
    indexOf(world.state.requests, id, "request");
    return listNotes(world, "request", id);
  }),
  "requests.notes.add": implement(M["requests.notes.add"], ([id, text], world) => {
    indexOf(world.state.requests, id, "request");
    return writeNote(world, { owner: "request", id }, text);
  }),
  "requests.data.list": implement(M["requests.data.list"], ([id], world) => {
    indexOf(world.state.requests, id, "request");
    return world.state.requestData
      .filter((row) => row.requestId === id)
      .map((row) => row.entry)
      .toSorted((a, b) => a.order - b.order || a.id - b.id);
  }),
  "requests.data.put": implement(M["requests.data.put"], ([id, input], world) => {
    indexOf(world.state.requests, id, "request");
    return putData(world, id, input);
  }),
};

function change(world: World, id: number, changes: object): ContactRequest {
  const index = indexOf(world.state.requests, id, "request");
  const before = world.state.requests[index];
  const after = requestSchema.parse({ ...before, ...changes, updatedAt: world.now });
  world.state.requests[index] = after;
  return after;
}

function setStatus(world: World, id: number, status: ContactRequest["status"]): ContactRequest {
  const before = world.state.requests.find((request) => request.id === id)?.status;
  const request = change(world, id, { status });
  if (before !== status) {
    emit(world, "requests.status_changed", { request, previousStatus: before ?? null });
  }
  return request;
}

type ConvertInput = NonNullable<z.output<(typeof M)["requests.convert"]["args"]>[1]>;

function convert(world: World, id: number, input: ConvertInput) {
  const { name, email, phone, customerId } = change(world, id, {});
  if (customerId !== null) {
    throw new RbsmError(
      "conflict_state",
      `Request ${id} belongs to customer ${customerId} already`,
    );
  }
  const customer = createCustomer(world, {
    name,
    email,
    phone,
    ...withoutUndefined(input.customer),
  });
  const appointment = input.appointment
    ? createAppointment(world, { ...input.appointment, customerId: customer.id })
    : null;
  change(world, id, { customerId: customer.id, appointmentId: appointment?.id ?? null });
  const request = setStatus(world, id, "COMPLETED");
  addNote(world, { owner: "request", id }, input.note);
  emit(world, "requests.converted", { request, customer, appointment });
  return { request, customer, appointment };
}

/** A patch with a name that is really there or really missing, never undefined. */
function withoutUndefined(patch: ConvertInput["customer"]) {
  const { name, ...rest } = patch ?? {};
  return name === undefined ? rest : { ...rest, name };
}

/** Writes a plugin's entry; its own entry of the same category and label is replaced. */
function putData(
  world: World,
  requestId: number,
  input: z.output<typeof requestDataInput>,
): RequestData {
  const processedBy = `plugin:${world.context.plugin}`;
  const rows = world.state.requestData;
  const index = rows.findIndex(
    ({ requestId: of, entry }) =>
      of === requestId &&
      entry.processedBy === processedBy &&
      entry.category === input.category &&
      entry.label === input.label,
  );
  const before = rows[index]?.entry ?? {
    id: nextId(world, "requestData"),
    order: 0,
    dataType: "JSON",
    version: 0,
    createdAt: world.now,
  };
  const entry = requestDataSchema.parse({
    ...before,
    ...input,
    isValid: true,
    processedBy,
    version: before.version + 1,
    updatedAt: world.now,
  });
  rows.splice(index < 0 ? rows.length : index, 1, { requestId, entry });
  return entry;
}

function matches(request: ContactRequest, filter: RequestFilter): boolean {
  return [
    containsText(filter.search, [request.name, request.email, request.message]),
    equals(filter.status, request.status),
    equalsText(filter.service, request.service),
    equals<number | null>(filter.processorId, request.processorId),
    equals<number | null>(filter.customerId, request.customerId),
    onlyIf(filter.unassigned, request.processorId === null),
    onlyIf(filter.notConverted, request.customerId === null),
    isBetween(request.createdAt, filter.startDate, filter.endDate),
  ].every(Boolean);
}
