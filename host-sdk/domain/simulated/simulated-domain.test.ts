import type { Json } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import type { z } from "zod";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { DomainEvent, DomainPort } from "../domain-port.ts";
import { DOMAIN_METHODS, isDomainMethod, type DomainMethod } from "../methods.ts";
import { createSimulatedDomain, SIMULATED_NOW } from "./simulated-domain.ts";

const NOW = new Date(SIMULATED_NOW).toISOString();

let domain: DomainPort;
let events: DomainEvent[];

beforeEach(async () => {
  domain = await createSimulatedDomain();
  events = [];
  domain.onEvent((event) => events.push(event));
});

/** Calls as the broker does and checks that the answer is what the table promises. */
async function call<M extends DomainMethod>(method: M, ...args: Json[]): Promise<Answer<M>> {
  const result = await domain.call(method, args, { plugin: "@acme/test", actorId: null });
  DOMAIN_METHODS[method].result.parse(result);
  return result as Answer<M>;
}

type Answer<M extends DomainMethod> = z.output<(typeof DOMAIN_METHODS)[M]["result"]>;
type ListMethod = "customers.list" | "appointments.list" | "requests.list";

async function totalOf(method: ListMethod, filter: Json = {}): Promise<number> {
  return (await call(method, filter)).total;
}

test("the simulated business has 20 customers, 40 appointments and 15 requests", async () => {
  expect(await totalOf("customers.list")).toBe(20);
  expect(await totalOf("appointments.list")).toBe(40);
  expect(await totalOf("requests.list")).toBe(15);
});

test("the simulated business is German and English", async () => {
  const { items } = await call("customers.list", { limit: 100 });
  const countries = new Set(items.map((customer) => customer.country));
  expect([...countries]).toEqual(expect.arrayContaining(["Deutschland", "United Kingdom"]));
  expect(await totalOf("requests.list", { search: "dringend" })).toBeGreaterThan(0);
  expect(await totalOf("requests.list", { search: "urgent" })).toBeGreaterThan(0);
});

test("the same seed gives the same business, another seed another one", async () => {
  const all = async (seed: number): Promise<Json> => {
    const made = await createSimulatedDomain({ seed });
    const context = { plugin: "@acme/test", actorId: null };
    return [
      await made.call("customers.list", [{ limit: 100 }], context),
      await made.call("appointments.list", [{ limit: 100 }], context),
      await made.call("requests.list", [{ limit: 100 }], context),
    ];
  };
  expect(await all(7)).toEqual(await all(7));
  expect(await all(7)).not.toEqual(await all(8));
});

test("every entity of the seed is one that a plugin could write", async () => {
  const { items } = await call("customers.list", { limit: 100 });
  for (const { id: _id, createdAt: _created, updatedAt: _updated, ...input } of items) {
    expect(await call("customers.create", input)).toMatchObject(input);
  }
});

test.each([0, -1, 1.5, "10", null])("a page limit of %j is refused or ignored", async (limit) => {
  const listed = call("customers.list", { limit });
  await expect(listed).rejects.toThrow();
});

test("a page holds 20 items unless it says otherwise and never more than 100", async () => {
  for (let n = 0; n < 100; n += 1) await call("customers.create", { name: `Kunde ${n}` });
  expect((await call("customers.list")).items).toHaveLength(20);
  expect(await call("customers.list", { limit: 100_000 })).toMatchObject({
    limit: 100,
    page: 1,
    total: 120,
  });
  expect((await call("customers.list", { limit: 100, page: 2 })).items).toHaveLength(20);
  expect((await call("customers.list", { limit: 100, page: 3 })).items).toEqual([]);
});

test("the pages of a list hold every item once", async () => {
  const ids = new Set<number>();
  for (let page = 1; page <= 6; page += 1) {
    const { items } = await call("appointments.list", { page, limit: 7, sortBy: "title" });
    for (const item of items) ids.add(item.id);
  }
  expect(ids.size).toBe(40);
});

test.each([
  ["customers.list", { sortBy: "city" }, "city", 1],
  ["customers.list", { sortBy: "createdAt", sortDirection: "desc" }, "createdAt", -1],
  ["appointments.list", {}, "appointmentDate", 1],
  ["requests.list", {}, "createdAt", -1],
  ["requests.list", { sortBy: "name" }, "name", 1],
] as const)("%s sorts by %j", async (...[method, filter, field, sign]) => {
  const { items } = await call(method, { ...filter, limit: 100 });
  const values = items.map((item) => String(Reflect.get(item, field)));
  const sorted = values.toSorted((a, b) => sign * a.localeCompare(b, "de"));
  expect(values).toEqual(sorted);
});

test.each([
  ["customers.list", { type: "BUSINESS" }, { type: "BUSINESS" }],
  ["customers.list", { status: "inactive" }, { status: "INACTIVE" }],
  ["customers.list", { city: "wien" }, { city: "Wien" }],
  ["customers.list", { newsletter: true }, { newsletter: true }],
  ["appointments.list", { status: "COMPLETED" }, { status: "COMPLETED" }],
  ["requests.list", { unassigned: true }, { processorId: null }],
  ["requests.list", { status: "IN_PROGRESS", processorId: 2 }, { processorId: 2 }],
  ["requests.list", { service: "heizungswartung" }, { service: "Heizungswartung" }],
] as const)("%s filters by %j", async (method, filter, expected) => {
  const { items, total } = await call(method, { ...filter, limit: 100 });
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThan(20);
  for (const item of items) expect(item).toMatchObject(expected);
});

test("customers.list searches name, company, email, phone and city", async () => {
  for (const search of ["jürgen", "HAUSVERWALTUNG", "juergen.mueller@", "köln"]) {
    expect(await totalOf("customers.list", { search })).toBeGreaterThan(0);
  }
  expect(await totalOf("customers.list", { search: "nobody of this name" })).toBe(0);
});

test("appointments.list tells today, past and upcoming apart", async () => {
  const today = (await call("appointments.list", { today: true })).items;
  expect(today.length).toBeGreaterThanOrEqual(3);
  for (const item of today) expect(item.appointmentDate).toContain(NOW.slice(0, 10));
  const past = await totalOf("appointments.list", { past: true });
  expect(past + (await totalOf("appointments.list", { startDate: NOW }))).toBe(40);
  const upcoming = await call("appointments.upcoming", 100);
  expect(upcoming).toEqual((await call("appointments.list", { upcoming: true, limit: 100 })).items);
});

test("appointments.list takes a range of days with any offset", async () => {
  const { items } = await call("appointments.list", {
    startDate: "2026-10-06",
    endDate: "2026-10-08T01:59:59+02:00",
    limit: 100,
  });
  expect(items.length).toBeGreaterThan(0);
  for (const { appointmentDate } of items) expect(appointmentDate).toMatch(/^2026-10-0[67]/);
});

test("customers.create fills in what is missing and announces the customer", async () => {
  const customer = await call("customers.create", { name: "  Neu  ", type: "business" });
  expect(customer).toEqual({
    id: 21,
    name: "Neu",
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
    type: "BUSINESS",
    createdAt: NOW,
    updatedAt: NOW,
  });
  expect(events).toEqual([
    { name: "customers.created", payload: { at: NOW, origin: "@acme/test", customer } },
  ]);
});

test("customers.update changes what the patch names and nothing else", async () => {
  const before = (await call("customers.get", 5))!;
  const after = await call("customers.update", 5, { phone: null, city: "Graz" });
  expect(after).toEqual({ ...before, phone: null, city: "Graz", updatedAt: NOW });
  expect(after.createdAt).toBe(before.createdAt);
  expect(events.map((event) => event.name)).toEqual(["customers.updated"]);
});

test("customers.setStatus announces a change, not a repetition, and keeps the reason", async () => {
  await call("customers.setStatus", 1, "archived", "Umgezogen");
  await call("customers.setStatus", 1, "ARCHIVED");
  expect(events.map((event) => event.name)).toEqual(["customers.status_changed"]);
  expect(events[0]?.payload).toMatchObject({ previousStatus: "ACTIVE" });
  expect((await call("customers.notes.list", 1)).at(-1)).toMatchObject({
    text: "Umgezogen",
    userId: 1,
    userName: "Anna Berger",
  });
});

test("customers.delete keeps the row, hides it and refuses further changes", async () => {
  expect(await call("customers.delete", 3)).toBe(true);
  expect(await call("customers.delete", 3)).toBe(false);
  expect(await call("customers.delete", 999)).toBe(false);
  expect(await call("customers.get", 3)).toMatchObject({ id: 3, status: "DELETED" });
  expect(await totalOf("customers.list")).toBe(19);
  expect(await totalOf("customers.list", { status: "DELETED" })).toBe(1);
  await expect(call("customers.update", 3, { name: "X" })).rejects.toMatchObject({
    code: "not_found",
  });
  expect(events.map((event) => event.name)).toEqual(["customers.deleted"]);
});

test("a customer is deleted by customers.delete alone", async () => {
  await expect(call("customers.setStatus", 1, "DELETED")).rejects.toThrow();
  await expect(call("customers.update", 1, { status: "deleted" })).rejects.toThrow();
});

test("appointments.create needs a customer that exists", async () => {
  const input = { title: "Wartung", appointmentDate: "2026-10-07T14:30:00+02:00" };
  expect(await call("appointments.create", { ...input, customerId: 1 })).toMatchObject({
    id: 41,
    appointmentDate: "2026-10-07T12:30:00.000Z",
    duration: 60,
    status: "PLANNED",
  });
  await expect(call("appointments.create", { ...input, customerId: 999 })).rejects.toMatchObject({
    code: "not_found",
  });
  expect(await totalOf("appointments.list")).toBe(41);
});

test("appointments.cancel cancels in upper case and leaves the note", async () => {
  const next = (await call("appointments.upcoming", 1))[0]!;
  expect(await call("appointments.cancel", next.id, "Kunde krank")).toMatchObject({
    status: "CANCELLED",
  });
  expect(await call("appointments.notes.list", next.id)).toMatchObject([{ text: "Kunde krank" }]);
  expect((await call("appointments.upcoming", 1))[0]?.id).not.toBe(next.id);
  expect(events.map((event) => event.name)).toEqual(["appointments.status_changed"]);
});

test("ids of deleted things are never given again", async () => {
  expect(await call("appointments.delete", 40)).toBe(true);
  expect(await call("appointments.get", 40)).toBeNull();
  const input = { title: "Neu", appointmentDate: "2026-10-07" };
  expect((await call("appointments.create", input)).id).toBe(41);
});

test("requests.assign gives a new request to a user and starts it", async () => {
  expect(await call("requests.assign", 1, 3, "Bitte heute")).toMatchObject({
    processorId: 3,
    status: "IN_PROGRESS",
  });
  expect(events.map((event) => event.name)).toEqual([
    "requests.assigned",
    "requests.status_changed",
  ]);
  await expect(call("requests.assign", 1, 99)).rejects.toMatchObject({ code: "not_found" });
});

test("requests.convert makes a customer and an appointment once", async () => {
  const made = await call("requests.convert", 1, {
    customer: { city: "Wien" },
    note: "Telefonisch vereinbart",
    appointment: { title: "Besichtigung", appointmentDate: "2026-10-09T08:00:00Z" },
  });
  expect(made.customer).toMatchObject({ name: "Theresa Lindner", city: "Wien" });
  expect(made.appointment).toMatchObject({ customerId: made.customer.id });
  expect(made.request).toMatchObject({
    customerId: made.customer.id,
    appointmentId: made.appointment?.id,
    status: "COMPLETED",
  });
  expect(events.map((event) => event.name)).toEqual([
    "customers.created",
    "appointments.created",
    "requests.status_changed",
    "requests.converted",
  ]);
  const customers = await totalOf("customers.list");
  await expect(call("requests.convert", 1)).rejects.toMatchObject({ code: "conflict_state" });
  expect(await totalOf("customers.list")).toBe(customers);
});

test("requests.data.put replaces the plugin's own entry and nobody else's", async () => {
  const entry = { category: "triage", label: "Triage", data: { urgency: "low" } };
  const first = await call("requests.data.put", 2, entry);
  const second = await call("requests.data.put", 2, { ...entry, data: null });
  expect(second).toMatchObject({ id: first.id, version: 2, data: null });
  expect(second.processedBy).toBe("plugin:@acme/test");
  await domain.call("requests.data.put", [2, entry], { plugin: "@other/x", actorId: null });
  expect(await call("requests.data.list", 2)).toHaveLength(2);
});

test("notifications reach the installer, a role or one user", async () => {
  const titlesFor = async (actorId: string | null): Promise<string[]> => {
    const page = await domain.call("notifications.list", [], { plugin: "@acme/test", actorId });
    const { items } = DOMAIN_METHODS["notifications.list"].result.parse(page);
    return items.map(({ title, type, read }) => `${title} ${type} ${read}`);
  };
  await call("notifications.send", { to: "installer", title: "A" });
  await call("notifications.send", { to: { role: "employee" }, title: "B", type: "TASK" });
  await call("notifications.send", { to: { userId: 2 }, title: "C" });
  expect(await titlesFor(null)).toEqual(["A INFO false"]);
  expect(await titlesFor("3")).toEqual(["B TASK false"]);
  expect(await titlesFor("4")).toEqual(["B TASK false"]);
  expect(await titlesFor("2")).toEqual(["C INFO false"]);
  expect(await titlesFor("6f9b1c9e-0000-4000-8000-000000000001")).toEqual([]);
  const toNobody = call("notifications.send", { to: { userId: 99 }, title: "D" });
  await expect(toNobody).rejects.toMatchObject({ code: "not_found" });
});

test("what a user writes whom the business does not know is theirs, never the installer's", async () => {
  const write = async (actorId: string | null) => {
    const context = { plugin: "@acme/test", actorId };
    const input = { title: "Visit", appointmentDate: "2026-10-06T09:00:00Z" };
    const appointment = await domain.call("appointments.create", [input], context);
    const note = await domain.call("customers.notes.add", [1, "Called"], context);
    return { appointment, note };
  };
  expect(await write("uuid-7")).toMatchObject({
    appointment: { createdBy: null },
    note: { userId: null, userName: "User uuid-7" },
  });
  expect(await write("3")).toMatchObject({
    appointment: { createdBy: 3 },
    note: { userId: 3, userName: "Emily Carter" },
  });
  expect(await write(null)).toMatchObject({
    appointment: { createdBy: 1 },
    note: { userId: 1, userName: "Anna Berger" },
  });
});

test.each(Object.keys(DOMAIN_METHODS).filter(isDomainMethod).filter(needsId))(
  "%s says so when there is no such thing",
  async (method) => {
    const rest: Record<string, Json[]> = {
      update: [{}],
      setStatus: ["COMPLETED"],
      assign: [1],
      linkCustomer: [1],
      add: ["text"],
      put: [{ category: "c", label: "l", data: 1 }],
    };
    const args = method === "customers.setStatus" ? ["ACTIVE"] : rest[method.split(".").at(-1)!];
    await expect(call(method, 12_345, ...(args ?? []))).rejects.toMatchObject({
      code: "not_found",
    });
    expect(events).toEqual([]);
  },
);

function needsId(method: DomainMethod): boolean {
  return /\.(?:update|setStatus|cancel|assign|linkCustomer|convert|notes\.\w+|data\.\w+)$/.test(
    method,
  );
}

test("nobody changes the data through what a call answered or an event carried", async () => {
  const customer = await call("customers.create", { name: "Neu" });
  customer.name = "changed";
  Object.assign(events[0]?.payload["customer"] ?? {}, { name: "changed" });
  const { items } = await call("customers.list", { search: "Neu" });
  Object.assign(items[0] ?? {}, { name: "changed" });
  expect((await call("customers.get", customer.id))?.name).toBe("Neu");
});

test("an event comes after the write is stored, and a listener can leave", async () => {
  const store = createMemoryStore();
  const stored = await createSimulatedDomain({ store });
  const seen: unknown[] = [];
  const stop = stored.onEvent(() => {
    seen.push(store.get("simulated-domain", "state"));
  });
  const context = { plugin: "@acme/test", actorId: null };
  await stored.call("customers.create", [{ name: "Neu" }], context);
  stop();
  await stored.call("customers.create", [{ name: "Neu" }], context);
  expect(seen).toHaveLength(1);
  expect(JSON.stringify(await seen[0])).toContain('"name":"Neu"');
});

test("a store keeps the data, and a write that it refuses leaves no trace", async () => {
  const store = createMemoryStore();
  const context = { plugin: "@acme/test", actorId: null };
  const first = await createSimulatedDomain({ store });
  await Promise.all(
    ["A", "B", "C"].map((name) => first.call("customers.create", [{ name }], context)),
  );
  const second = await createSimulatedDomain({ store, seed: 99 });
  expect(await second.call("customers.list", [{ limit: 1 }], context)).toMatchObject({ total: 23 });

  const full = await createSimulatedDomain({
    store: { ...store, commit: () => Promise.reject(new Error("disk full")) },
  });
  const announced: DomainEvent[] = [];
  full.onEvent((event) => announced.push(event));
  await expect(full.call("customers.delete", [1], context)).rejects.toThrow("disk full");
  expect(await full.call("customers.get", [1], context)).not.toMatchObject({ status: "DELETED" });
  expect(announced).toEqual([]);
});
