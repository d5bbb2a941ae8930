import type { Appointment, ContactRequest, Customer } from "../entities.ts";
import { createRandom, type Random } from "./random.ts";
import { CUSTOMER_NOTES, PEOPLE, PLACES, REQUESTS, SERVICES, type Person } from "./seed-texts.ts";
import { USERS, type State } from "./state.ts";

const APPOINTMENTS = 40;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** The first state of the simulated business: 20 customers, 40 appointments, 15 requests. */
export function seedState(seed: number, now: number): State {
  const random = createRandom(seed);
  const clock = (daysFromNow: number): string =>
    new Date(now + daysFromNow * DAY_MS - random.below(DAY_MS)).toISOString();
  const customers = seedCustomers(random, clock);
  const appointments = seedAppointments(random, customers, now);
  const requests = REQUESTS.map((text, index) => seedRequest(text, index + 1, clock));
  const notes = seedNotes(random, customers);
  return {
    lastIds: {
      customer: customers.length,
      appointment: appointments.length,
      request: requests.length,
      note: notes.length,
    },
    customers,
    appointments,
    requests,
    notes,
    requestData: [],
    notifications: [],
    trash: { appointments: [], requests: [] },
  };
}

type Clock = (daysFromNow: number) => string;

function seedCustomers(random: Random, clock: Clock): Customer[] {
  const customers = PEOPLE.map((person, index) =>
    seedCustomer(random, person, {
      id: index + 1,
      createdAt: clock(-40 * (PEOPLE.length - index)),
    }),
  );
  // The twentieth was entered twice, as happens: same address, name typed in a hurry.
  const twin = customers.find((customer) => customer.name === "Jürgen Müller");
  if (twin !== undefined) {
    const createdAt = clock(-3);
    const again = { id: customers.length + 1, name: "Mueller Juergen", company: null, createdAt };
    customers.push({ ...twin, ...again, phone: null, updatedAt: createdAt });
  }
  return customers;
}

function seedCustomer(
  random: Random,
  person: Person,
  { id, createdAt }: { id: number; createdAt: string },
): Customer {
  const place = random.pick(PLACES[person.language]);
  const isCompany = person.company !== undefined;
  const digits = String(1_000_000 + random.below(9_000_000));
  return {
    id,
    name: person.name,
    company: person.company ?? null,
    email: random.chance(0.85) || isCompany ? emailOf(person.name) : null,
    phone: random.chance(0.8) ? `${place.phone} ${digits}` : null,
    address: `${random.pick(place.streets)} ${1 + random.below(90)}`,
    postalCode: place.postalCode,
    city: place.city,
    country: place.country,
    vatNumber: person.type === "BUSINESS" ? `${vatPrefix(place.country)}${digits}42` : null,
    newsletter: random.chance(0.4),
    status: statusOf(id),
    type: person.type,
    createdAt,
    updatedAt: createdAt,
  };
}

function statusOf(id: number): Customer["status"] {
  if (id % 9 === 0) return "INACTIVE";
  return id === 12 ? "PENDING" : "ACTIVE";
}

function vatPrefix(country: string): string {
  const prefixes = new Map([
    ["Österreich", "ATU"],
    ["Ireland", "IE"],
    ["United Kingdom", "GB"],
  ]);
  return prefixes.get(country) ?? "DE";
}

function emailOf(name: string): string {
  const spelled = name.replaceAll(/[äöüß]/gi, (letter) => {
    return { ä: "ae", ö: "oe", ü: "ue", ß: "ss" }[letter.toLowerCase()] ?? letter;
  });
  const ascii = spelled.normalize("NFD").replaceAll(/[^\p{ASCII}]/gu, "");
  return `${ascii.toLowerCase().replaceAll(/[^a-z]+/g, ".")}@example.com`;
}

/** Twenty days back to twenty days ahead, one a day and four of them today. */
function seedAppointments(
  random: Random,
  customers: readonly Customer[],
  now: number,
): Appointment[] {
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  return Array.from({ length: APPOINTMENTS }, (_, index) => {
    const day = index < 3 ? 0 : index - APPOINTMENTS / 2;
    const start = today + day * DAY_MS + (8 + random.below(9)) * HOUR_MS;
    const createdAt = Math.min(start, now) - (3 + random.below(20)) * DAY_MS;
    return {
      ...visit(random, customers[random.below(customers.length)]),
      id: index + 1,
      appointmentDate: new Date(start).toISOString(),
      status: seedStatus(random, start < now),
      createdBy: 1 + random.below(USERS.length),
      createdAt: new Date(createdAt).toISOString(),
      updatedAt: new Date(createdAt).toISOString(),
    };
  });
}

/** What is to be done, and where, in the customer's language. */
function visit(random: Random, customer: Customer | undefined) {
  const service = random.pick(SERVICES[languageOf(customer)]);
  return {
    title: service.title,
    customerId: customer?.id ?? null,
    duration: service.minutes,
    location: customer ? `${customer.address}, ${customer.city}` : null,
    description: random.chance(0.5) ? service.name : null,
  };
}

function languageOf(customer: Customer | undefined): "de" | "en" {
  return PLACES.en.some((place) => place.city === customer?.city) ? "en" : "de";
}

function seedStatus(random: Random, isPast: boolean): Appointment["status"] {
  if (isPast) return random.pick(["COMPLETED", "COMPLETED", "COMPLETED", "CANCELLED", "NO_SHOW"]);
  return random.pick(["PLANNED", "CONFIRMED", "CONFIRMED", "SCHEDULED", "RESCHEDULED"]);
}

function seedRequest(text: (typeof REQUESTS)[number], id: number, clock: Clock): ContactRequest {
  const createdAt = clock(id - REQUESTS.length);
  const isAssigned = id % 5 === 4;
  return {
    ...text,
    id,
    phone: null,
    status: isAssigned ? "IN_PROGRESS" : "NEW",
    processorId: isAssigned ? 2 : null,
    customerId: null,
    appointmentId: null,
    metadata: null,
    createdAt,
    updatedAt: createdAt,
  };
}

function seedNotes(random: Random, customers: readonly Customer[]): State["notes"] {
  return customers
    .filter((customer) => customer.id % 3 === 0)
    .map((customer, index) => {
      const note = {
        id: index + 1,
        userId: 1,
        userName: "Anna Berger",
        text: random.pick(CUSTOMER_NOTES[languageOf(customer)]),
        createdAt: customer.createdAt,
      };
      return { owner: "customer", ownerId: customer.id, note };
    });
}
