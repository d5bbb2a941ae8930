import type { Customer } from "@rising-bsm/plugin-sdk";
import { expect, test } from "vitest";
import { matchCustomers } from "./match-customers.ts";

function customer(fields: Partial<Customer>): Customer {
  return {
    id: 1,
    name: "Nobody",
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
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    ...fields,
  };
}

test.each<[string, Partial<Customer>, Partial<Customer>]>([
  ["email", { email: "Eva@Example.com" }, { email: " eva@example.com" }],
  ["phone", { phone: "+49 89 1234567" }, { phone: "089/123 45 67" }],
  ["phone", { phone: "0043 1 9876543" }, { phone: "+43 (1) 987 65 43" }],
  ["name", { name: "Jürgen Müller", city: "Köln" }, { name: "Mueller, Juergen", city: "Köln" }],
  ["name", { name: "René Groß", postalCode: "1" }, { name: "Rene Gross", postalCode: "1" }],
])("matchCustomers() finds the same %s", (reason, a, b) => {
  expect(matchCustomers(customer(a), customer(b))).toContain(reason);
});

test.each<[string, Partial<Customer>, Partial<Customer>]>([
  ["nothing is known of either", {}, {}],
  ["only the name is the same", { name: "Eva Kern" }, { name: "Eva Kern" }],
  ["the place differs", { name: "Eva Kern", city: "Wien" }, { name: "Eva Kern", city: "Graz" }],
  ["phones are too short to mean anything", { phone: "112" }, { phone: "112" }],
])("matchCustomers() finds nothing when %s", (_, a, b) => {
  const [first, second] = [customer({ name: "A", ...a }), customer({ name: "B", ...b })];
  expect(matchCustomers(first, second)).toEqual([]);
});
