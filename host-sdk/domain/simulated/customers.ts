import type { z } from "zod";
import { customerSchema, type customerInput, type Customer } from "../entities.ts";
import type { CustomerFilter } from "../filters.ts";
import { DOMAIN_METHODS as M } from "../methods.ts";
import { containsText, equals, equalsText, isBetween, pageOf } from "./listing.ts";
import {
  addNote,
  emit,
  implement,
  indexOf,
  listNotes,
  nextId,
  notFound,
  writeNote,
  type World,
} from "./state.ts";

export const customerHandlers = {
  "customers.list": implement(M["customers.list"], ([filter], { state }) => {
    const found = state.customers.filter((customer) => matches(customer, filter ?? {}));
    const { sortBy = "name" } = filter ?? {};
    return pageOf(found, filter ?? {}, { by: (customer) => customer[sortBy], direction: "asc" });
  }),
  "customers.get": implement(
    M["customers.get"],
    ([id], { state }) => state.customers.find((customer) => customer.id === id) ?? null,
  ),
  "customers.create": implement(M["customers.create"], ([input], world) =>
    createCustomer(world, input),
  ),
  "customers.update": implement(M["customers.update"], ([id, patch], world) => {
    const { status, ...fields } = patch;
    const updated = changeCustomer(world, id, fields);
    emit(world, "customers.updated", { customer: updated });
    return status === undefined ? updated : setStatus(world, id, status);
  }),
  "customers.setStatus": implement(M["customers.setStatus"], ([id, status, reason], world) => {
    const customer = setStatus(world, id, status);
    addNote(world, { owner: "customer", id }, reason);
    return customer;
  }),
  "customers.delete": implement(M["customers.delete"], ([id], world) => {
    const exists = world.state.customers.some((c) => c.id === id && c.status !== "DELETED");
    if (exists) {
      const customer = changeCustomer(world, id, { status: "DELETED" });
      emit(world, "customers.deleted", { customer });
    }
    return exists;
  }),
  "customers.notes.list": implement(M["customers.notes.list"], ([id], world) => {
    requireCustomer(world, id);
    return listNotes(world, "customer", id);
  }),
  "customers.notes.add": implement(M["customers.notes.add"], ([id, text], world) => {
    requireCustomer(world, id);
    return writeNote(world, { owner: "customer", id }, text);
  }),
};

export function createCustomer(world: World, input: z.output<typeof customerInput>): Customer {
  const customer = customerSchema.parse({
    company: null,
    email: null,
    phone: null,
    address: null,
    postalCode: null,
    city: null,
    country: "Deutschland",
    vatNumber: null,
    newsletter: false,
    status: "ACTIVE",
    type: "PRIVATE",
    ...input,
    id: nextId(world, "customer"),
    createdAt: world.now,
    updatedAt: world.now,
  });
  world.state.customers.push(customer);
  emit(world, "customers.created", { customer });
  return customer;
}

/** Throws `not_found` for a customer that never was or that is deleted. */
export function requireCustomer({ state }: World, id: number): void {
  const customer = state.customers[indexOf(state.customers, id, "customer")];
  if (customer?.status === "DELETED") throw notFound("customer", id);
}

function changeCustomer(world: World, id: number, changes: object): Customer {
  requireCustomer(world, id);
  const index = indexOf(world.state.customers, id, "customer");
  const before = world.state.customers[index];
  const after = customerSchema.parse({ ...before, ...changes, updatedAt: world.now });
  world.state.customers[index] = after;
  return after;
}

function setStatus(world: World, id: number, status: Customer["status"]): Customer {
  const before = world.state.customers.find((customer) => customer.id === id)?.status;
  const customer = changeCustomer(world, id, { status });
  if (before !== status) {
    emit(world, "customers.status_changed", { customer, previousStatus: before ?? null });
  }
  return customer;
}

function matches(customer: Customer, filter: CustomerFilter): boolean {
  const { name, company, email, phone, city } = customer;
  return [
    filter.status === undefined ? customer.status !== "DELETED" : customer.status === filter.status,
    containsText(filter.search, [name, company, email, phone, city]),
    equals(filter.type, customer.type),
    equalsText(filter.city, city),
    equalsText(filter.country, customer.country),
    equals<string | null>(filter.postalCode, customer.postalCode),
    equals(filter.newsletter, customer.newsletter),
    isBetween(customer.createdAt, filter.createdAfter, filter.createdBefore),
  ].every(Boolean);
}
